"""Checkpoints the write-ahead log of a busy file during a long read, so that no writer has to.

While a snapshot is held, later writes cannot be checkpointed. When it ends, the next commit that finds the log too long
checkpoints all of it: at 1 GB, a writer waited 0.4 s for that. A checkpoint by this thread spares the writers that
wait, and does not block them (https://www.sqlite.org/wal.html#ckpt).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ...errors import SchemasyncError
from .checkpoint import checkpoint_some
from .connection import Opener

WAKING = 1.0  # seconds: enough on a very busy machine
EVERY = 0.1  # seconds: in that time most sites write less than the thousand pages after which a writer checkpoints


class Checkpointer:
    """A thread that checkpoints as much as possible."""

    def __init__(self, opener: Opener, path: Path) -> None:
        self._opener, self._path = opener, path
        self._eager, self._at_it, self._over = threading.Event(), threading.Event(), threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def soon(self) -> None:
        """Announce that a long read is about to end: the thread should be the first to try at that moment. Returns when
        it is trying."""
        self._at_it.clear()
        self._eager.set()
        self._wake.set()
        self._at_it.wait(WAKING)

    def ended(self) -> None:
        """Announce that the read has ended."""
        self._eager.clear()
        self._wake.clear()

    def stop(self) -> None:
        """Checkpoint a last time, and return when that is done."""
        self._eager.clear()
        self._over.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        # after a failure here a writer makes the checkpoint later
        with suppress(sqlite3.Error, SchemasyncError), closing(self._opener.write(self._path, timeout=0)) as connection:
            before = -1
            while not self._over.is_set():
                pages, checkpointed = checkpoint_some(connection)
                self._at_it.set()
                # more was written during a long checkpoint: otherwise a writer would checkpoint it
                gets_on, before = before < checkpointed < pages, checkpointed
                if not gets_on and not self._eager.is_set():
                    self._wake.wait(EVERY)
            checkpoint_some(connection)


@contextmanager
def checkpointed(opener: Opener, path: Path) -> Iterator[Checkpointer]:
    """Checkpoint the log of the file within the block, as far as possible."""
    thread = Checkpointer(opener, path)
    try:
        yield thread
    finally:
        thread.stop()
