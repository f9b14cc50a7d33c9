"""The reasons for a history row. Django imports this module with the models in every process, so it imports nothing."""

from __future__ import annotations

from enum import StrEnum


class HistoryAction(StrEnum):
    """The reason for a history row: a generation went live, or the live one was altered in place."""

    ADOPT = "adopt"
    SYNC = "sync"
    ALTER = "alter"
    ROLLBACK = "rollback"
    KEEP_WRITES = "keep-writes"
    RESTORE = "restore"


WENT_BACK = (HistoryAction.ROLLBACK, HistoryAction.KEEP_WRITES, HistoryAction.RESTORE)
"""Actions after which the database may have an earlier schema."""
