"""Test a change of a database while processes write to it and read it, like those of a site."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import databases
from ..sync.inspection import written_schema
from . import load
from .database import TemporaryDatabase, opener
from .load import Event, Load, Observed, Statements

SHOWN = 5  # failures of one kind


@dataclass(frozen=True, slots=True)
class SurvivalResult:
    """The observations of `assert_site_survives`. `writes`: how many were committed, all of which are there. `reads`:
    how many succeeded. `longest_wait_ms`: of a write, from its first attempt to its commit, during the change.
    `written_tables`: the tables in which a row was written without a change."""

    writes: int
    reads: int
    longest_wait_ms: float
    written_tables: frozenset[str]


def assert_site_survives(
    sync: Callable[[], object],
    database: TemporaryDatabase | os.PathLike[str] | str = "default",
    *,
    writers: int = 2,
    readers: int = 1,
    write: str | Sequence[str] | None = None,
    find: str | Sequence[str] | None = None,
    max_wait_ms: float | None = None,
) -> SurvivalResult:
    """Call `sync` while processes write to the database and read it. `database`: an alias of DATABASES, a path, or a
    `TemporaryDatabase`.

    Raises one AssertionError that lists all faults: a write or a read failed, an acknowledged write is missing
    afterwards, a reader saw rows vanish, a write waited longer than `max_wait_ms`, a process died. An error of `sync`
    is raised as it is.

    The writers insert keys into a table of their own, which is dropped at the end, and write rows of all tables
    without triggers without a change. With `write` they insert by this statement instead, with the parameters `:key`, a
    text, and `:number`; `find` is a query that then returns all keys. Each may be several statements, of which the
    first that fits the tables is executed, in case the change renames some.
    """
    path = _path(database)
    with _statements(path, _several(write), _several(find)) as statements:
        with Load(path, statements, writers=writers, readers=readers) as running:
            begun = time.monotonic()
            sync()
            ended = time.monotonic()
            running.wait_for_each(1)
            observed = running.stop()
        lost = load.missing(path, statements, observed.acknowledged)
    longest = max((one.wait_ms for one in observed.during(begun, ended)), default=0.0)
    failures = [*_failures(observed, lost, begun)]
    if max_wait_ms is not None and longest > max_wait_ms:
        failures.append(f"a write waited {longest:.0f} ms, and may wait {max_wait_ms:g} ms")
    if failures:
        lines = "\n".join(f"  {failure}" for failure in failures)
        raise AssertionError(f"The site did not survive, {_summary(observed)}:\n{lines}")
    reads = sum(not read.error for read in observed.reads)
    return SurvivalResult(len(observed.acknowledged), reads, longest, observed.touched)


def _path(database: TemporaryDatabase | os.PathLike[str] | str) -> Path:
    if isinstance(database, TemporaryDatabase):
        return database.path
    path = databases.path_of(database) if isinstance(database, str) else Path(database)
    if not path.exists():
        raise FileNotFoundError(f"there is no database {path}")
    return path


def _several(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


@contextmanager
def _statements(path: Path, write: tuple[str, ...], find: tuple[str, ...]) -> Iterator[Statements]:
    """Yield the statements of the processes. The table of their own, if they need it, exists during the block."""
    if bool(write) != bool(find):
        raise ValueError("write and find belong together: find gives the keys that write inserts")
    touches = load.touches(written_schema(opener(), path))
    if write:
        yield Statements(write, find, touches)
        return
    _execute(path, load.CREATE)
    try:
        yield Statements(touches=touches)
    finally:
        _execute(path, load.DROP)


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, timeout=load.PATIENCE, isolation_level=None)) as connection:
        connection.execute(statement)


def _failures(observed: Observed, lost: Sequence[str], begun: float) -> Iterator[str]:
    yield from observed.died
    for event in observed.failed[:SHOWN]:
        what = "write" if event in observed.writes else "read"
        yield f"{event.process}: a {what} failed {_when(event, begun)}, after {event.wait_ms:.0f} ms: {event.error}"
    if (more := len(observed.failed) - SHOWN) > 0:
        yield f"{more} more writes and reads failed"
    if lost:
        yield f"{len(lost)} acknowledged writes are lost:"
        yield from (f"  {event.key}, acknowledged {_when(event, begun)}" for event in _first(observed, lost))
    yield from observed.vanished[:SHOWN]


def _first(observed: Observed, lost: Sequence[str]) -> list[Event]:
    events = [event for event in observed.writes if event.key in set(lost)]
    return sorted(events, key=lambda event: event.ended)[:SHOWN]


def _when(event: Event, begun: float) -> str:
    seconds = event.ended - begun
    return f"{abs(seconds):.3f} s {'before' if seconds < 0 else 'after'} the change began"


def _summary(observed: Observed) -> str:
    return f"{len(observed.acknowledged)} writes of {len({one.process for one in observed.writes})} processes"
