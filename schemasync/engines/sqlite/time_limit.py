"""Limits the time of statements."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from .connection import Connection

STEPS = 10_000  # instructions of SQLite's virtual machine between two checks of the clock: less than a millisecond


@contextmanager
def time_limit(connection: Connection, seconds: float) -> Iterator[None]:
    """A block whose statements are interrupted, with SQLITE_INTERRUPT, `seconds` after it began."""
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
