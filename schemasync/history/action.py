"""Why a generation went live. Django imports this module with the models, in every process, so it imports nothing."""

from __future__ import annotations

from enum import StrEnum


class HistoryAction(StrEnum):
    """Why a generation went live."""

    ADOPT = "adopt"
    SYNC = "sync"
    ROLLBACK = "rollback"
    RESTORE = "restore"
