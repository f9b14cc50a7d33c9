"""Estimates how long writers would wait for a change in place, from the first rows of each table."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...plan.in_place import added_columns, constraints_of
from ...plan.model import Origin, Plan, StandingStep
from ...schema.model import Table
from ...schema.names import quote
from . import ddl
from .connection import Connection, Opener, main_file
from .rebuild import indexes, reshape
from .rebuild.start import attach_old
from .table_sizes import count_rows

SAMPLE = 100_000  # rows: a fraction of a second, and enough to make the start-up time irrelevant
WRITTEN = 1.2  # an index is also written to the log, and synced: measured with indexes over 3,000,000 rows
FREED = 200_000_000  # bytes of a removed index that SQLite frees in a second


def seconds(connection: Connection, plan: Plan, opener: Opener) -> float | None:
    """Estimate how long the statements take; None if that is unknown."""
    try:
        dropped = _to_free(connection, plan)
        tables = [step for step in plan.steps if isinstance(step, StandingStep) and step.new.virtual is None]
        return dropped + sum(_of_table(connection, step, opener) for step in tables)
    except sqlite3.Error:  # a function that this process does not know, or a SQLite without dbstat
        return None


def uninterruptible(connection: Connection, plan: Plan) -> float:
    """Estimate for how many of these seconds SQLite cannot be interrupted, because it frees the pages of an index in
    one step; 0 if that is unknown."""
    try:
        return _to_free(connection, plan)
    except sqlite3.Error:  # a SQLite without dbstat
        return 0.0


def _to_free(connection: Connection, plan: Plan) -> float:
    return sum(_bytes_of(connection, name) for name in reshape.stale_indexes(plan)) / FREED


def _bytes_of(connection: Connection, index: str) -> int:
    query = "SELECT pgsize FROM dbstat WHERE aggregate = TRUE AND name = ?"
    row = connection.execute(query, (index,)).fetchone()
    return int(row[0]) if row is not None else 0


def _of_table(connection: Connection, step: StandingStep, opener: Opener) -> float:
    new, is_checked = indexes.new(step), _is_checked(step)
    rows = count_rows(connection, step.old.name) if new or is_checked else 0
    if not rows:
        return 0.0
    with closing(opener.memory()) as sample:
        attach_old(sample, Path(main_file(connection)))
        read = _timed(lambda: _read(sample, step))
        _fill(sample, step)
        checked = _timed(lambda: sample.execute(f"PRAGMA main.quick_check({quote(step.name)})").fetchall())
        made = [_timed(partial(indexes.build, sample, step.new, index)) for index in new]
    times = rows / min(rows, SAMPLE)
    sorting = times * max(1.0, math.log2(rows) / math.log2(max(2, min(rows, SAMPLE))))
    return sum(read * times + one * sorting * WRITTEN for one in made) + (read + checked) * times * is_checked


def _is_checked(step: StandingStep) -> bool:
    """True if SQLite reads all rows to add a column: one with a CHECK, and any in a STRICT table."""
    added = added_columns(step)
    return any(step.new.strict or constraints_of(step, column)[0] for column in added)


def _read(sample: Connection, step: StandingStep) -> None:
    sample.execute(f"SELECT count(*) FROM (SELECT * FROM old.{quote(step.old.name)} LIMIT {SAMPLE})").fetchone()


def _fill(sample: Connection, step: StandingStep) -> None:
    sample.execute(ddl.create_table(_bare(step.new)))
    carried = [feed for feed in step.feeds if feed.origin is Origin.CARRIED and feed.source is not None]
    names = ", ".join(quote(feed.column) for feed in carried)
    sources = ", ".join(quote(feed.source or "") for feed in carried)
    sample.execute(
        f"INSERT INTO main.{quote(step.name)} ({names}) SELECT {sources} FROM old.{quote(step.old.name)} LIMIT {SAMPLE}"
    )


def _bare(table: Table) -> Table:
    """Return the table without the constraints that would take time of their own."""
    return replace(table, uniques=(), foreign_keys=(), checks=())


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
