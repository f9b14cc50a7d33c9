"""Measures the cost of an index on a copy of the database: bytes, and the time of writes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ....schema.model import Table
from ....schema.names import quote
from .. import triggers
from ..connection import Connection, Opener, page_count, page_size
from ..table_sizes import count_rows
from .candidate import Candidate, plan_of, uses

SAMPLE = 2_000  # rows that are deleted and inserted again
TURNS = 9  # the fastest turn counts
MOST_ALIKE = 10  # one row of ten: see _is_selective
FEW_ROWS = 1_000  # a table with fewer rows is read faster than a person notices, with or without an index


@dataclass(frozen=True, slots=True)
class Price:
    """The cost of an index. `bytes`: its size. `before` and `after`: the rows that are deleted and inserted again in a
    second of the processor, within a transaction, without and with the index; 0 if that cannot be measured. `is_used`:
    it is selective, and SQLite uses it also when it knows how many rows have the same values (ANALYZE)."""

    bytes: int
    before: float
    after: float
    is_used: bool


def is_small(connection: Connection, table: Table) -> bool:
    """True if the table has few rows."""
    query = f"SELECT 1 FROM main.{quote(table.name)} LIMIT 1 OFFSET {FEW_ROWS - 1}"
    return connection.execute(query).fetchone() is None


def index_bytes(connection: Connection, name: str) -> int | None:
    """The size of an index; None if this SQLite has no dbstat. https://www.sqlite.org/dbstat.html"""
    try:
        query = "SELECT total(pgsize) FROM dbstat WHERE name = ? AND aggregate = TRUE"
        return int(connection.execute(query, (name,)).fetchone()[0])
    except sqlite3.OperationalError:
        return None


def prices(opener: Opener, copy: Path, candidates: Sequence[Candidate], statements: Iterable[str]) -> list[Price]:
    """Return the price of each index, in a file that nobody else uses. Each is measured together with those before
    it."""
    with closing(opener.build(copy)) as connection:
        connection.execute("PRAGMA main.journal_mode=MEMORY").fetchone()  # each turn is rolled back
        triggers.delete(connection, "1")
        found = [_created(connection, one) for one in candidates]
        for name in {one.table.name for one in candidates}:
            connection.execute(f"ANALYZE main.{quote(name)}")
        plans = [plan_of(connection, sql) for sql in statements]
        used = [_is_selective(connection, one) and any(uses(plan, one.name) for plan in plans) for one in candidates]
    return [Price(*figures, is_used) for figures, is_used in zip(found, used, strict=True)]


def _created(connection: Connection, one: Candidate) -> tuple[int, float, float]:
    rows = _Rows.of(one.table)
    if rows is not None:
        rows.choose(connection)
    before = rows.per_second(connection) if rows is not None else 0.0
    size = _used_bytes(connection)
    connection.execute(one.sql)
    size = _used_bytes(connection) - size
    after = rows.per_second(connection) if rows is not None and before else 0.0
    return size, before, after


def _is_selective(connection: Connection, one: Candidate) -> bool:
    """Return False if more than a tenth of the rows have the same values, on average: SQLite looks up each of them,
    which takes longer than reading the table. https://www.sqlite.org/fileformat2.html#stat1tab"""
    found = connection.execute("SELECT stat FROM main.sqlite_stat1 WHERE idx = ?", (one.name,)).fetchone()
    if found is None:
        return False  # the table is empty
    rows, *same = (int(word) for word in found[0].split() if word.isdigit())
    return same[len(one.columns) - 1] * MOST_ALIKE <= rows


def _used_bytes(connection: Connection) -> int:
    free = int(connection.execute("PRAGMA main.freelist_count").fetchone()[0])
    return (page_count(connection) - free) * page_size(connection)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a table, found by `key`, with all columns that can be written."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def of(cls, table: Table) -> _Rows | None:
        """Return the rows of a table; None if columns hide all names of its row id."""
        columns = tuple(quote(column.name) for column in table.columns if column.generated is None)
        if table.without_rowid and table.primary_key is not None:
            return cls(quote(table.name), tuple(_names(table)), columns)
        if table.rowid_column is not None:
            return cls(quote(table.name), (quote(table.rowid_column),), columns)
        free = table.free_rowid_name
        return None if free is None else cls(quote(table.name), (free,), (free, *columns))

    def choose(self, connection: Connection) -> None:
        """Choose the rows that are written; they are the same with and without the index."""
        key = ", ".join(self.key)
        connection.execute("DROP TABLE IF EXISTS temp.sample")
        connection.execute(
            f"CREATE TEMP TABLE sample AS SELECT {', '.join(self.columns)} FROM main.{self.table}"
            f" WHERE ({key}) IN (SELECT {key} FROM main.{self.table} ORDER BY random() LIMIT {SAMPLE})"
        )

    def per_second(self, connection: Connection) -> float:
        """Return how many rows are written in a second of the processor's time, which does not depend on other
        programs. Each row is deleted and inserted again, which counts twice. 0 if SQLite refuses the rows."""
        key, columns = ", ".join(self.key), ", ".join(self.columns)
        try:
            least = min(self._seconds(connection, key, columns) for _ in range(TURNS))
        except sqlite3.Error:  # such as a CHECK with a function of the application, or rows that break one
            return 0.0
        return 2 * count_rows(connection, "sample") / least

    def _seconds(self, connection: Connection, key: str, columns: str) -> float:
        connection.execute("BEGIN")
        try:
            begun = time.thread_time()
            connection.execute(f"DELETE FROM main.{self.table} WHERE ({key}) IN (SELECT {key} FROM temp.sample)")
            connection.execute(f"INSERT INTO main.{self.table} ({columns}) SELECT {columns} FROM temp.sample")
            return time.thread_time() - begun
        finally:
            connection.execute("ROLLBACK")


def _names(table: Table) -> Iterator[str]:
    assert table.primary_key is not None
    yield from (quote(column.column) for column in table.primary_key.columns if column.column is not None)
