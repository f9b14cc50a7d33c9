"""What the operator of a site requires before a run may change a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackupAge:
    """`newest`: returns when the newest backup was made, in seconds since 1970; None if there is none. It may be code
    of the application, and raise anything. `most`: the age in seconds that it may have. `where`: where it looks, for
    messages."""

    newest: Callable[[], float | None]
    most: float
    where: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """None, or 0, where nothing is required. `disk_left`: bytes that stay free beside the new file. `reader_age`:
    seconds for which a reader may have its transaction open."""

    backup: BackupAge | None = None
    disk_left: int = 0
    reader_age: float | None = None
