"""Adds up the measurements of all connections of this process, and writes them beside the database once a minute.

The first statement after a minute has passed writes, which takes about a millisecond; there is no thread. A process
that lives for less than a minute writes nothing, and a killed one loses its measurements since it wrote last.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from django.db.backends.sqlite3.base import FORMAT_QMARK_REGEX

from ...engines.sqlite import metrics_file
from ...files.layout import Layout, size_of
from ...metrics.totals import MINUTE, Spent, Totals

TEXTS = 300  # different statements that are recorded within a minute; the others are counted together
LONGEST = 4000  # characters that are kept of a text
OTHERS = ""
MOST_PENDING = 60  # minutes of measurements that are kept if the file is locked again and again
WAITED = 0.001  # seconds: SQLite sleeps this long before it tries again to get a lock, and gets a free one in 0.00001


class Meter:
    """The measurements of this process that are not written yet. Threads share it. `kinds`: the classes of the next
    cursors; the first ones of a minute are all measured, and then a sample."""

    kinds: Iterator[type]

    def __init__(self, link: Path, kinds: Callable[[], Iterator[type]]) -> None:
        self._link, self._kinds = link, kinds
        self._lock = threading.Lock()
        self._begin = time.perf_counter()
        self._write_at = self._begin + MINUTE
        self._bins: dict[int, Totals] = {}
        self._statements: dict[str, Spent] = {}
        self._turn(self._begin)

    def _turn(self, now: float) -> None:
        """Begin another minute."""
        at = time.time()
        start = int(at) // MINUTE * MINUTE
        self._totals = self._bins.setdefault(start, Totals())
        self._turn_at = now + start + MINUTE - at
        self.kinds = self._kinds()

    def wrote(
        self, now: float, weight: int, spent: float, wait: float, held: float, statements: list[tuple[str, float]]
    ) -> None:
        """Add a committed transaction that wrote, or a writing statement outside of a transaction. `weight`: the number
        of transactions that it stands for."""
        with self._lock:
            totals = self._held(now, weight, wait, held)
            totals.commits += weight
            totals.write_seconds += spent * weight
            totals.slowest_write = max(totals.slowest_write, spent)
            for sql, seconds in statements:
                self._count(sql, seconds, weight)
        self._write_in_time(now)

    def wrote_nothing(self, now: float, weight: int, wait: float, held: float, *, is_rollback: bool) -> None:
        """Add a transaction that had the write lock, and was rolled back or wrote nothing."""
        with self._lock:
            totals = self._held(now, weight, wait, held)
            if is_rollback:
                totals.rollbacks += weight
            else:
                totals.idle += weight
        self._write_in_time(now)

    def read(self, now: float, sql: str, seconds: float, weight: int) -> None:
        """Add a SELECT. `seconds`: the time until its first row."""
        with self._lock:
            totals = self._of(now)
            totals.reads += weight
            totals.read_seconds += seconds * weight
            self._count(sql, seconds, weight)
        self._write_in_time(now)

    def failed(self, now: float) -> None:
        """Add a statement that did not get the write lock."""
        with self._lock:
            self._of(now).busy += 1
        self._write_in_time(now)

    def _of(self, now: float) -> Totals:
        if now > self._turn_at:
            self._turn(now)
        return self._totals

    def _held(self, now: float, weight: int, wait: float, held: float) -> Totals:
        totals = self._of(now)
        totals.held_seconds += held * weight
        totals.longest_held = max(totals.longest_held, held)
        if wait > WAITED:
            totals.waits += weight
            totals.wait_seconds += wait * weight
            totals.longest_wait = max(totals.longest_wait, wait)
        return totals

    def _count(self, sql: str, seconds: float, weight: int) -> None:
        spent = self._statements.get(sql)
        if spent is None:
            key = sql if len(self._statements) < TEXTS and len(sql) <= LONGEST else OTHERS
            spent = self._statements.setdefault(key, Spent())
        spent.count += weight
        spent.seconds += seconds * weight
        spent.slowest = max(spent.slowest, seconds)

    def _write_in_time(self, now: float) -> None:
        if now > self._write_at:
            self.write()

    def write(self) -> None:
        """Add the measurements to the file beside the database, if there are generations."""
        layout = Layout(self._link)
        with self._lock:
            bins, statements = self._bins, self._statements
            self._bins, self._statements = {}, {}
            now = time.perf_counter()
            self._write_at = now + MINUTE
            self._turn(now)
        live = layout.live()
        if live is None:
            return
        _with_sizes(bins[max(bins)], live.path)
        if not metrics_file.add(layout.metrics, live.path, bins, _as_sqlite(statements)):
            self._take_back(bins, statements)

    def _take_back(self, bins: Mapping[int, Totals], statements: Mapping[str, Spent]) -> None:
        """Keep measurements that could not be written for the next time."""
        with self._lock:
            for start in sorted(bins)[-MOST_PENDING:]:
                self._bins.setdefault(start, Totals()).add(bins[start])
            for sql, one in statements.items():
                key = sql if sql in self._statements or len(self._statements) < TEXTS else OTHERS
                self._statements.setdefault(key, Spent()).add(one)

    def end(self) -> None:
        """Write the rest, unless the process has lived for less than a minute."""
        if time.perf_counter() > self._begin + MINUTE:
            self.write()


def _with_sizes(totals: Totals, live: Path) -> None:
    totals.file_bytes = size_of(live)
    totals.log_bytes = size_of(live.with_name(f"{live.name}-wal"))


def _as_sqlite(statements: Mapping[str, Spent]) -> dict[str, Spent]:
    """Return the same by the text that SQLite compiles, which has `?` where Django's has `%s`."""
    found: dict[str, Spent] = {}
    for sql, one in statements.items():
        text = FORMAT_QMARK_REGEX.sub("?", sql).replace("%%", "%") if "%" in sql else sql
        found.setdefault(text, Spent()).add(one)
    return found


_meters: dict[tuple[int, str], Meter] = {}
"""By process and path: a forked child starts with no measurements, and leaves those of its parent to the parent."""


def meter(link: Path, kinds: Callable[[], Iterator[type]]) -> Meter:
    """Return this process's meter for a database."""
    key = (os.getpid(), str(link.absolute()))
    return _meters.get(key) or _meters.setdefault(key, Meter(link, kinds))


@atexit.register
def end() -> None:
    """Write the measurements since the last time."""
    for (pid, _), one in list(_meters.items()):
        if pid == os.getpid():
            one.end()
