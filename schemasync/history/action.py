"""Why there is a history row. Django imports this module with the models, in every process, so it imports nothing."""

from __future__ import annotations

from enum import StrEnum


class HistoryAction(StrEnum):
    """Why there is a history row: a generation went live, or the live one was altered in place."""

    ADOPT = "adopt"
    SYNC = "sync"
    ALTER = "alter"
    ROLLBACK = "rollback"
    RESTORE = "restore"
