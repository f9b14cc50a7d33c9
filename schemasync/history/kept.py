"""What the history records of backups beside its rows: the last one, and the last drill, in the row of the time."""

from __future__ import annotations

from typing import TypedDict

BACKUP, DRILL = "last_backup", "last_drill"  # keys of the plan


class LastBackupJson(TypedDict):
    """The last backup that was made of this database."""

    name: str
    made_at: str
    """In UTC."""
    storage: str


class LastDrillJson(TypedDict):
    """The last drill."""

    at: str
    """In UTC."""
    backup: str | None
    """The name of the backup that was restored; null if there was none."""
    made_at: str | None
    """When it was made, in UTC."""
    seconds: float
    bytes: int
    """The size of the database in it."""
    error: str | None
    """Why it failed; null if it passed."""


class KeptJson(TypedDict):
    """What the history knows of the backups."""

    backup: LastBackupJson | None
    drill: LastDrillJson | None
