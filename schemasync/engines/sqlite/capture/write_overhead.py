"""Measures in a scratch file how much the change log slows down writes, with rows that were written."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ....schema.names import quote
from ..connection import Connection, Opener
from ..transactions import transaction
from . import changelog
from .changelog import LOG, Logged

SAMPLE = 25  # rows: three statements each, about 40 microseconds per statement
BACKGROUND = 1_000  # other rows in the table, for B-trees as deep as in real tables
TURNS = 4  # runs of the sample without the log, and as many with it


def measure(live: Connection, logged: Sequence[Logged], opener: Opener) -> float | None:
    """Return the factor by which logging lengthens one-row transactions.

    Measured for the table with the most writes since the log began: some of its written rows are updated, deleted and
    inserted again, each in its own transaction, in a file with only that table. None if nothing was written, or if the
    measurement is not possible.
    """
    try:
        written = changelog.entries(live)
        if not written:
            return None
        busiest = next(one for one in logged if one.number == max(written, key=lambda number: written[number]))
        with tempfile.TemporaryDirectory(prefix="schemasync-overhead-") as folder:
            return _measure(live, busiest, opener, Path(folder) / "overhead.sqlite3")
    except (sqlite3.Error, OSError):
        return None


def _measure(live: Connection, one: Logged, opener: Opener, path: Path) -> float | None:
    sample = _sample(live, one)
    if not sample.rows:
        return None
    path.touch()
    with closing(opener.write(path)) as connection:
        for sql in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", *_shape(live, one.table.name)):
            connection.execute(sql)
        with transaction(connection):
            connection.executemany(sample.insert, sample.background)
        without = sample.seconds(connection)
        for step in changelog.installation(connection, [one]).steps(connection):
            step.run(connection)
        return sample.seconds(connection) / without


@dataclass(frozen=True, slots=True)
class _Sample:
    """Sample rows: each is a key of `width` values, and then the values to insert again."""

    rows: list[tuple[object, ...]]
    background: Sequence[tuple[object, ...]]
    width: int
    update: str
    delete: str
    insert: str

    def seconds(self, connection: Connection) -> float:
        """The sum of the median times of an update, a delete and an insert."""
        taken: dict[str, list[float]] = {self.update: [], self.delete: [], self.insert: []}
        for row in self.rows * TURNS:
            key, values = row[: self.width], row[self.width :]
            for sql, parameters in ((self.update, key), (self.delete, key), (self.insert, values)):
                begun = time.perf_counter()
                connection.execute(sql, parameters)
                taken[sql].append(time.perf_counter() - begun)
        return sum(map(median, taken.values()))


def _sample(live: Connection, one: Logged) -> _Sample:
    table, key = quote(one.table.name), ", ".join(one.key)
    names = [quote(column.name) for column in one.table.columns if column.generated is None]
    column = names[-1]
    if one.is_rowid and one.table.rowid_column is None:
        names = [*one.key, *names]
    touched = f"SELECT DISTINCT {', '.join(one.slots)} FROM {LOG} WHERE t = {one.number} LIMIT {SAMPLE}"
    rows = live.execute(f"SELECT {key}, {', '.join(names)} FROM {table} WHERE ({key}) IN ({touched})").fetchall()
    marks, this = ", ".join("?" * len(one.key)), f"({key}) = "
    background = f"SELECT {', '.join(names)} FROM {table} WHERE ({key}) NOT IN ({touched}) LIMIT {BACKGROUND}"
    return _Sample(
        rows,
        [*live.execute(background), *(row[len(one.key) :] for row in rows)],
        len(one.key),
        f"UPDATE {table} SET {column} = {column} WHERE {this}({marks})",
        f"DELETE FROM {table} WHERE {this}({marks})",
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
    )


def _shape(live: Connection, table: str) -> list[str]:
    query = (
        "SELECT sql FROM main.sqlite_schema WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL"
        " ORDER BY type DESC"
    )
    return [sql for (sql,) in live.execute(query, (table,))]
