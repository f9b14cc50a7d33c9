"""Handles INT and TERM: stops at once, even inside a long statement, cleans up, and reports the state."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ...engines.sqlite.connection import Connection
from ...errors import Code, Failed, NeedsPerson, SchemasyncError

OPERATIONS = 10_000  # instructions of SQLite's virtual machine between checks: a fraction of a millisecond, unless a
# function or a large value makes one of them long


class Interrupted(BaseException):
    """Raised by the signal handler; no `except Exception` swallows it."""


class Signals:
    """Remembers a signal, because an exception in a callback of SQLite does not leave SQLite.

    Signals are not masked while they wait: with several threads, the kernel delivers them to one that accepts them.
    """

    def __init__(self) -> None:
        self.received = 0
        self._wait = False
        self._live = self._altered = ""

    def handle(self, number: int, frame: FrameType | None) -> None:
        first, self.received = not self.received, number
        if first and not self._wait:  # a second one must not stop the cleaning up
            raise Interrupted

    def defer(self) -> None:
        """Let signals wait for the end of the run from now on, which takes milliseconds: a stop would leave the work to
        recovery."""
        self._wait = True

    def stop_again(self) -> None:
        """Let signals stop the run again from now on. Raises Interrupted if one arrived meanwhile."""
        self._wait = False
        if self.received:
            raise Interrupted

    def swapped(self, generation: str) -> None:
        """Record that this generation is live, for the error of a signal."""
        self._live = generation

    def altered(self, generation: str) -> None:
        """Record that this generation is altered, for the error of a signal."""
        self._altered = generation

    def stopped(self) -> Failed:
        """Return the error that reports the state after a signal has ended the run."""
        name = signal.Signals(self.received).name
        if self._live:
            return Failed.of(
                Code.INTERRUPTED,
                f"{name} arrived during the swap, which was finished first: {self._live} is live",
                "See: manage.py schemasync history",
                generation=self._live,
                signal=name,
            )
        if self._altered:
            return Failed.of(
                Code.INTERRUPTED,
                f"{name} arrived during the commit, which was finished first: {self._altered} has the new version",
                "See: manage.py schemasync history",
                generation=self._altered,
                signal=name,
            )
        return Failed.of(
            Code.INTERRUPTED,
            f"stopped by {name}; the live file is unchanged",
            "The same command starts again.",
            signal=name,
        )

    def watch(self, connection: Connection) -> None:
        """Let long statements on this connection end after a signal."""
        connection.set_progress_handler(lambda: int(bool(self.received)), OPERATIONS)

    @contextmanager
    def watching(self, connection: Connection) -> Iterator[None]:
        """Let long statements on this connection end after a signal, within the block."""
        self.watch(connection)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)


@contextmanager
def stoppable() -> Iterator[Signals]:
    """Turn INT and TERM within the block into Failed, which reports the state of the database. Does nothing outside of
    the main thread."""
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
        raise signals.stopped() from error  # the interrupted code may have raised another error
    else:
        if signals.received:
            raise signals.stopped()
    finally:
        with suppress(TypeError):
            for number, handler in before.items():
                signal.signal(number, handler)
