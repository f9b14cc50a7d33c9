"""Why a generation went live. It stands alone: Django imports it with the models, in every process."""

from __future__ import annotations

from enum import StrEnum


class HistoryAction(StrEnum):
    """Why a generation went live."""

    ADOPT = "adopt"
    SYNC = "sync"
    ROLLBACK = "rollback"
    RESTORE = "restore"
