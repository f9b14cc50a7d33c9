"""The old rows that one transform reads, and their groups."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ....errors import Code, Failed
from ....schema.model import Table
from ....schema.names import quote
from ....schema.transform_function import Kind, Row, TransformFunction
from ..connection import Connection
from ..mapping import rowid_name
from ..objects import OWN_PREFIX
from .calls import Caller, Unit, in_groups
from .targets import SCRATCH, Target, slots

BATCH = 2_000  # old rows in memory at once; larger batches are no faster


@dataclass(frozen=True, slots=True)
class Source:
    """The `number`th transform, with the old table that it reads and the tables that it fills, by folded names."""

    number: int
    function: TransformFunction
    table: Table
    targets: Mapping[str, Target]

    @property
    def key(self) -> tuple[str, ...]:
        """The key of an old row, as in the change log: its row id, or the quoted columns of its primary key."""
        name = rowid_name(self.table)
        if name is not None:
            return (name,)
        assert self.table.primary_key is not None
        return tuple(quote(column.column or "") for column in self.table.primary_key.columns)

    @property
    def width(self) -> int:
        """The number of values in the key of a unit: an old row, or a group."""
        return 1 if self.is_grouped else len(self.key)

    @property
    def is_grouped(self) -> bool:
        return self.function.kind is Kind.SHARED

    @property
    def touched(self) -> str:
        """A temporary table with the keys of old rows that were written."""
        return f"temp.{OWN_PREFIX}touched_{self.number}"

    @property
    def units(self) -> str:
        """A temporary table with the units to make again: the touched rows, or their groups."""
        return f"temp.{OWN_PREFIX}units_{self.number}" if self.is_grouped else self.touched

    @property
    def groups(self) -> str:
        """A table in the scratch database with the group of each old row."""
        return f"{SCRATCH}.group_{self.number}"

    @property
    def unit_slots(self) -> str:
        return ", ".join(slots("k", self.width))

    @property
    def _slots(self) -> tuple[str, ...]:
        return slots("k", len(self.key))

    @property
    def _columns(self) -> list[str]:
        return [column.name for column in self.table.columns]

    def prepare(self, connection: Connection) -> None:
        """Create the temporary tables of this connection."""
        for name, width in {self.touched: len(self.key), self.units: self.width}.items():
            listed = ", ".join(slots("k", width))
            connection.execute(f"CREATE TABLE {name} ({listed}, PRIMARY KEY ({listed})) WITHOUT ROWID")

    def forget(self, connection: Connection) -> None:
        """Empty the temporary tables."""
        for name in {self.touched, self.units}:
            connection.execute(f"DELETE FROM {name}")

    def make_groups(self, connection: Connection) -> None:
        """Create the table of groups."""
        if self.is_grouped:
            listed = ", ".join(self._slots)
            connection.execute(
                f"CREATE TABLE {self.groups} ({listed}, g TEXT NOT NULL, PRIMARY KEY ({listed})) WITHOUT ROWID"
            )

    def find_groups(self, connection: Connection, *, some: bool = False) -> None:
        """Record the group of each old row; with `some`, only of those that were touched."""
        values = ", ".join("?" * (len(self.key) + 1))
        caller = Caller(self.function, self.targets)
        for batch in _batches(self._rows(connection, some=some)):
            found = [(*key, caller.group(key, row)) for key, row in batch]
            connection.executemany(f"INSERT INTO {self.groups} VALUES ({values})", found)

    def index_groups(self, connection: Connection) -> None:
        """Index the table of groups by group."""
        if self.is_grouped:
            connection.execute(
                f"CREATE INDEX {self.groups}_by_group ON group_{self.number} (g, {', '.join(self._slots)})"
            )

    def regroup(self, connection: Connection) -> None:
        """Add the groups of touched rows, their earlier and present ones, to the units to make again."""
        listed = ", ".join(self._slots)
        theirs = f"({listed}) IN (SELECT {listed} FROM {self.touched})"
        add = f"INSERT OR IGNORE INTO {self.units} SELECT g FROM {self.groups} WHERE {theirs}"
        connection.execute(add)
        connection.execute(f"DELETE FROM {self.groups} WHERE {theirs}")
        self.find_groups(connection, some=True)
        connection.execute(add)

    def given(self, connection: Connection, *, some: bool = False) -> Iterator[tuple[Unit, Row | list[Row]]]:
        """Yield the key of each unit with the input of the function: a row, or the rows of a group; with `some`, only
        for the units to make again."""
        if self.is_grouped:
            return iter(in_groups(self._grouped(connection, some=some)))
        return iter(self._rows(connection, some=some))

    def _rows(self, connection: Connection, *, some: bool) -> Iterator[tuple[Unit, Row]]:
        key, names = ", ".join(self.key), self._columns
        where = f" WHERE ({key}) IN (SELECT {', '.join(self._slots)} FROM {self.touched})" if some else ""
        columns = ", ".join(map(quote, names))
        width = len(self.key)
        for row in self._read(connection, f"SELECT {key}, {columns} FROM old.{quote(self.table.name)}{where}"):
            yield row[:width], dict(zip(names, row[width:], strict=True))

    def _grouped(self, connection: Connection, *, some: bool) -> Iterator[tuple[str, Row]]:
        names = self._columns
        columns = ", ".join(f"s.{quote(name)}" for name in names)
        same = " AND ".join(f"s.{name} = m.{slot}" for name, slot in zip(self.key, self._slots, strict=True))
        where = f" WHERE m.g IN (SELECT k0 FROM {self.units})" if some else ""
        order = ", ".join(f"m.{slot}" for slot in ("g", *self._slots))
        query = (
            f"SELECT m.g, {columns} FROM {self.groups} AS m CROSS JOIN old.{quote(self.table.name)} AS s ON {same}"
            f"{where} ORDER BY {order}"
        )
        for group, *values in self._read(connection, query):
            yield group, dict(zip(names, values, strict=True))

    def _read(self, connection: Connection, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, some at a time. Raises Failed if a text is not UTF-8: a function would get another
        text."""
        cursor = connection.execute(query)
        while True:
            decoded, connection.text_factory = connection.text_factory, str
            try:
                rows = cursor.fetchmany(BATCH)
            except sqlite3.OperationalError as error:
                raise self._unreadable(error) from error
            finally:
                connection.text_factory = decoded
            if not rows:
                return
            yield from rows

    def _unreadable(self, error: sqlite3.OperationalError) -> Failed:
        return Failed.of(
            Code.TRANSFORM_FAILED,
            f'the transform "{self.function.name}" cannot get a row of "{self.table.name}": {error}',
            "Correct its text, or store it as a BLOB. Then run it again.",
            transform=self.function.name,
            table=self.table.name,
        )


def _batches(rows: Iterator[tuple[Unit, Row]]) -> Iterator[list[tuple[Unit, Row]]]:
    while batch := list(itertools.islice(rows, BATCH)):
        yield batch
