"""The conditions that the operator of a site sets for a run that changes a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackupAge:
    """The greatest age of the newest backup. `newest`: returns its time in seconds since 1970, None if there is none;
    it may be code of the application, and raise anything. `most`: the age in seconds. `where`: where `newest` looks,
    for messages."""

    newest: Callable[[], float | None]
    most: float
    where: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """The conditions; None or 0 for each that is not set. `disk_left`: bytes that stay free in addition to the new
    file. `reader_age`: seconds for which a reader may have its transaction open."""

    backup: BackupAge | None = None
    disk_left: int = 0
    reader_age: float | None = None
