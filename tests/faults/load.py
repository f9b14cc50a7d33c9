"""Processes that write and read without pause, as an application does: on an error they open the link again."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.processes import FORK, Child
from tests.crash.worlds import WRITE


@dataclass(frozen=True)
class Written:
    """What one writer was told: acknowledged notes, the longest wait of one write in seconds, errors by their text."""

    notes: list[str]
    longest: float
    errors: Counter[str]


class Load:
    """Writers and readers at work until the block ends; `written` then says what each writer was told."""

    def __init__(self, link: Path, writers: int, readers: int = 0) -> None:
        self.link, self.stop = link, FORK.Event()
        self._writers = [Child(lambda name=f"w{n}": _write(link, name, self.stop)) for n in range(writers)]
        self._readers = [Child(lambda: _read(link, self.stop)) for _ in range(readers)]
        self.written: list[Written] = []
        self.read: list[tuple[int, Counter[str]]] = []

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop.set()
        self.written = [one.ended().result() for one in self._writers]
        self.read = [one.ended().result() for one in self._readers]

    @property
    def acknowledged(self) -> set[str]:
        return {note for one in self.written for note in one.notes}


def _open(link: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{link}?mode=rw", uri=True, isolation_level=None, timeout=10)


def _write(link: Path, name: str, stop: Any) -> Written:
    notes, errors, longest, connection, number = [], Counter(), 0.0, None, 0
    while not stop.is_set():
        number += 1
        begun = time.monotonic()
        while True:
            try:
                connection = connection or _open(link)
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(WRITE, (f"{name}-{number}",))
                connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                errors["superseded" if "superseded" in str(error) else str(error)] += 1
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.0005)
            else:
                break
        notes.append(f"{name}-{number}")
        longest = max(longest, time.monotonic() - begun)
        time.sleep(0.001)
    if connection is not None:
        connection.close()
    return Written(notes, longest, errors)


def _read(link: Path, stop: Any) -> tuple[int, Counter[str]]:
    """Read on one connection that is kept, and on one that is opened again; rows never become fewer on either."""
    count, errors, least = 0, Counter(), 0
    kept = _open(link)
    while not stop.is_set():
        try:
            new = _open(link)
            seen = new.execute("SELECT count(*) FROM ledger").fetchone()[0]
            new.close()
            kept.execute("SELECT count(*) FROM ledger").fetchone()
        except sqlite3.Error as error:
            errors[str(error)] += 1
        else:
            errors["rows went away"] += seen < least
            least = seen
            count += 1
        time.sleep(0.001)
    kept.close()
    return count, +errors
