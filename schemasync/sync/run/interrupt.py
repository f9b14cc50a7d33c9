"""INT and TERM: stop at once, also inside a long statement, clean up, and report what is true."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ...engines.sqlite.connection import Connection
from ...errors import Code, Failed, NeedsPerson, SchemasyncError

_OPERATIONS = 10_000  # SQLite's virtual machine instructions between looks: a fraction of a millisecond, unless a
# function or a large value makes one of them long


class Interrupted(BaseException):
    """Raised by the signal handler; no `except Exception` on the way swallows it."""


class Signals:
    """Remembers a signal: an exception that is raised inside a callback of SQLite does not come out of it.

    Signals are not masked while they wait: with more than one thread the kernel hands them to one that takes them.
    """

    def __init__(self) -> None:
        self.received = 0
        self._wait = False
        self._live = ""

    def handle(self, number: int, frame: FrameType | None) -> None:
        first, self.received = not self.received, number
        if first and not self._wait:  # a second one must not stop the clearing away
            raise Interrupted

    def defer(self) -> None:
        """From here on a signal waits for the end of the run, milliseconds away: to stop would leave it to recovery."""
        self._wait = True

    def swapped(self, generation: str) -> None:
        """From here on this generation is live, whatever happens."""
        self._live = generation

    def stopped(self) -> Failed:
        """What is true now that a signal has ended the run."""
        name = signal.Signals(self.received).name
        if self._live:
            return Failed.of(
                Code.INTERRUPTED,
                f"{name} came when the swap was under way: it was finished, {self._live} is live",
                "See: manage.py schemasync history",
                generation=self._live,
            )
        return Failed.of(
            Code.INTERRUPTED, f"stopped by {name}; the live file is as it was", "The same command starts again."
        )

    def watch(self, connection: Connection) -> None:
        """Let long statements on this connection end when a signal came."""
        connection.set_progress_handler(lambda: int(bool(self.received)), _OPERATIONS)


@contextmanager
def stoppable() -> Iterator[Signals]:
    """Within the block INT and TERM raise Failed. In other threads than the main one nothing changes."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, signals.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    except NeedsPerson:
        raise
    except (Interrupted, sqlite3.Error, SchemasyncError) as error:
        if not signals.received:
            raise
        raise signals.stopped() from error  # what it stopped may have put another face on it
    else:
        if signals.received:
            raise signals.stopped()
    finally:
        with suppress(TypeError):
            for number, handler in before.items():
                signal.signal(number, handler)
