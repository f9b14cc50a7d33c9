"""The application's check of a new file, as a run calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ...engines.sqlite.connection import Connection


class HealthCheck(Protocol):
    """Looks at a file that is not live yet."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    def check(self, path: Path, prepare: Callable[[Connection], None]) -> bool:
        """False if the file at `path` should not go live. Raises what the application raises. `prepare` completes the
        file, in the transaction of the check, which is rolled back in any case."""
