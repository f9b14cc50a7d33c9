"""Measures how long the rows of a table take, by a sample that is rolled back."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ...schema.names import quote
from ..sqlite.connection import Connection as Source
from ..sqlite.for_postgres.reading import Changes
from .copy import analyze, copy_table
from .moved import FIRST, MovedTable, RowIds
from .run_statement import run
from .statements import Phase, Statement
from .verify.pieces import is_divisible
from .verify.tables import compare_table

if TYPE_CHECKING:
    from .driver import Connection

SAMPLE = 20_000  # rows: about a second


@dataclass(frozen=True, slots=True)
class Rate:
    """The seconds that `rows` of a table took: to copy, to build keys and indexes over them, and to compare."""

    rows: int = 0
    copy: float = 0.0
    indexes: float = 0.0
    compare: float = 0.0

    def plus(self, other: Rate) -> Rate:
        """Return the sum of both."""
        return Rate(
            self.rows + other.rows,
            self.copy + other.copy,
            self.indexes + other.indexes,
            self.compare + other.compare,
        )

    def scaled(self, rows: int) -> Rate:
        """Return the estimate for so many rows. Building an index sorts, which takes n log n."""
        times = rows / self.rows if self.rows else 0.0
        sort = math.log2(max(rows, 2)) / math.log2(max(self.rows, 2))
        return Rate(rows, self.copy * times, self.indexes * times * sort, self.compare * times)


def can_be_sampled(table: MovedTable, rows: int) -> bool:
    """Return True if some rows can be copied and compared without the others, or if there are few rows in all."""
    return rows <= SAMPLE or is_divisible(table)


def measure(
    source: Source,
    target: Connection,
    table: MovedTable,
    judged: Collection[str],
    statements: Iterable[Statement],
) -> Rate:
    """Measure the first rows that the source's transaction sees: copy, index and compare them, in the caller's
    transaction on PostgreSQL, in which the table is new. `statements`: the whole DDL."""
    part = _first_rows(source, table) if is_divisible(table) else None
    marks = [time.perf_counter()]
    rows = copy_table(source, target, table, Changes(), judged=judged, part=part)
    marks.append(time.perf_counter())
    for statement in statements:
        if statement.table == table.name and statement.phase in (Phase.KEY, Phase.INDEX):
            run(target, statement)
    analyze(target, table)
    marks.append(time.perf_counter())
    compare_table(source, target, table, part=part)
    marks.append(time.perf_counter())
    return Rate(rows, *(later - earlier for earlier, later in pairwise(marks)))


def _first_rows(source: Source, table: MovedTable) -> RowIds | None:
    query = f"SELECT {table.rowid} FROM main.{quote(table.name)} ORDER BY {table.rowid} LIMIT 1 OFFSET {SAMPLE - 1}"
    found = source.execute(query).fetchone()
    return RowIds(FIRST, found[0]) if found is not None else None
