"""Folding the write-ahead log of a busy file after a long read, so that no writer has to do it.

While a snapshot is held, nothing that is written after it can be folded into the file. When it ends, the next commit
that finds the log too long folds all of it: at 1 GB a writer of ours waited 0.4 s for that. Whoever folds first keeps
all others from it, without keeping them from writing (https://www.sqlite.org/wal.html#ckpt).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ...errors import SchemasyncError
from .connection import Opener, checkpoint_some


WAKING = 1.0  # seconds: on a machine that is very busy


class Folding:
    """A thread that folds."""

    def __init__(self, opener: Opener, path: Path) -> None:
        self._opener, self._path = opener, path
        self._begin, self._at_it, self._over = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._fold, daemon=True)

    def soon(self) -> None:
        """The read is about to end. Returns when the thread is at it: what it tries at that moment comes first."""
        self._begin.set()
        self._at_it.wait(WAKING)

    def _fold(self) -> None:
        # what fails here, a writer does later
        with suppress(sqlite3.Error, SchemasyncError), closing(self._opener.write(self._path, timeout=0)) as connection:
            self._begin.wait()
            while not self._over.is_set():
                checkpoint_some(connection)
                self._at_it.set()
            checkpoint_some(connection)


@contextmanager
def folded(opener: Opener, path: Path) -> Iterator[Folding]:
    """Fold the log of the file when the block, which reads it for long, has ended."""
    folding = Folding(opener, path)
    folding._thread.start()
    try:
        yield folding
    finally:
        folding._begin.set()
        folding._over.set()
        folding._thread.join()
