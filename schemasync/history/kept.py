"""The last backup and the last drill, as the history records them: in the plan of the row that was newest then."""

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
    """When the backup was made, in UTC."""
    seconds: float
    bytes: int
    """The size of the database in the backup."""
    error: str | None
    """Why the drill failed; null if it passed."""


class KeptJson(TypedDict):
    """The last backup and the last drill that the history records."""

    backup: LastBackupJson | None
    drill: LastDrillJson | None
