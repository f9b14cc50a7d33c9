"""Writes the rows that calls have made into the new file, or compares them with its rows, a batch at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from ....errors import Code, Failed
from ....schema.names import quote
from ....schema.transform_function import Row, Value
from ..connection import Connection
from .calls import Caller, Unit, failed
from .sources import Source
from .targets import Target

UNSTABLE = (
    "A transform returns the same rows for the same old row each time: it uses no clock, no random number and nothing "
    "that it remembers from other rows. Correct it, then run it again."
)


@dataclass(slots=True)
class Batch:
    """Calls one transform, and writes its rows into the new file. `compares`: True if the rows exist, and are only
    compared; then `pairs` counts the (unit, row that it made)."""

    connection: Connection
    source: Source
    compares: bool = False
    pairs: int = 0
    waiting: int = 0
    _caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self._caller = Caller(self.source.function, self.source.targets)

    def call(self, unit: Unit, given: Row | list[Row]) -> None:
        """Make the rows of a unit. Raises Failed, which names the unit."""
        self.waiting += self._caller.call(unit, given)

    def flush(self) -> None:
        """Write or compare the waiting rows. Raises Failed, which names the row."""
        for target in self.source.targets.values():
            self._stage(target)
            if self.compares:
                self._compare(target)
            else:
                self._write(target)
            self.connection.execute(f"DELETE FROM {target.staged}")
        self.waiting = 0

    # --- into the scratch table -----------------------------------------------------------------------------

    def _stage(self, target: Target) -> None:
        for rows in self._caller.rows.values():
            if rows.target is target and rows.values:
                names = (*target.staged_units[: self.source.width], *map(quote, rows.columns))
                values = ", ".join("?" * len(names))
                statement = f"INSERT INTO {target.staged} ({', '.join(names)}) VALUES ({values})"
                self._insert_all(target, statement, rows.values)
                rows.values.clear()
        self._refuse_null_keys(target)

    def _insert_all(self, target: Target, statement: str, rows: Sequence[tuple[Value, ...]]) -> None:
        before = self._count(target.staged)
        try:
            self.connection.executemany(statement, rows)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            row = rows[self._count(target.staged) - before]
            raise failed(self.source.function, row[: self.source.width], _unfit(target, error)) from error

    def _refuse_null_keys(self, target: Target) -> None:
        empty = " OR ".join(f"{name} IS NULL" for name in target.key)
        if (unit := self._unit(target, f"FROM {target.staged} WHERE {empty} LIMIT 1")) is not None:
            raise failed(self.source.function, unit, f'it gives NULL for the primary key of "{target.name}"')

    # --- into the new file --------------------------------------------------------------------------------

    def _write(self, target: Target) -> None:
        columns = ", ".join(target.written)
        fresh, listed = f"FROM {target.staged} AS s", ", ".join(f"s.{name}" for name in target.written)
        if target.is_shared:
            fresh += (
                f" WHERE s.rowid IN (SELECT min(rowid) FROM {target.staged} GROUP BY {', '.join(target.key)})"
                f" AND NOT EXISTS (SELECT 1 FROM {target.new} AS t WHERE {target.same('t', 's')})"
            )
        try:
            # OR FAIL overrides a conflict clause of the table, which would drop rows silently, and keeps the rows
            # before the one that does not fit, which identifies that one
            self.connection.execute(
                f"INSERT OR FAIL INTO {target.new} ({columns}) SELECT {listed} {fresh} ORDER BY s.rowid"
            )
        except sqlite3.Error as error:
            skipped = 0 if target.is_shared else self._changes()
            unit = self._unit(target, f"{fresh} ORDER BY s.rowid LIMIT 1 OFFSET {skipped}")
            raise failed(self.source.function, unit or ("?",), _unfit(target, error)) from error
        if target.is_shared:
            self._refuse_conflicts(target)
        self.connection.execute(
            f"INSERT OR IGNORE INTO {target.made} (f, {self._units(target)}, {', '.join(target.keys)})"
            f" SELECT {self.source.number}, {self._staged_units(target)}, {', '.join(target.key)} FROM {target.staged}"
        )

    def _changes(self) -> int:
        return int(self.connection.execute("SELECT changes()").fetchone()[0])

    def _refuse_conflicts(self, target: Target) -> None:
        found = f"FROM {target.staged} AS s JOIN {target.new} AS t ON {target.same('t', 's')}"
        if (unit := self._unit(target, f"{found} WHERE {target.differs('t', 's')} LIMIT 1")) is not None:
            names = ", ".join(f"s.{name}" for name in target.key)
            key = self.connection.execute(f"SELECT {names} {found} WHERE {target.differs('t', 's')} LIMIT 1").fetchone()
            shown = ", ".join(map(str, key))
            why = f'it makes the row {shown} of "{target.name}", which another call makes with other values'
            raise failed(self.source.function, unit, why)

    # --- against the new file -------------------------------------------------------------------------------

    def _compare(self, target: Target) -> None:
        on, units = target.same("t", "s"), self._units(target).split(", ")
        known = " AND ".join(f"m.{slot} IS s.{name}" for slot, name in zip(units, target.staged_units, strict=False))
        key = " AND ".join(f"m.{slot} = s.{name}" for slot, name in zip(target.keys, target.key, strict=True))
        differs = (
            f"FROM {target.staged} AS s LEFT JOIN {target.new} AS t ON {on} WHERE t.{target.key[0]} IS NULL"
            f" OR {target.differs('t', 's')}"
            f" OR NOT EXISTS (SELECT 1 FROM {target.made} AS m WHERE m.f = {self.source.number} AND {known} AND {key})"
            " LIMIT 1"
        )
        if (unit := self._unit(target, differs)) is not None:
            raise unstable(self.source, target, unit)
        distinct = f"SELECT DISTINCT {self._staged_units(target)}, {', '.join(target.key)} FROM {target.staged}"
        self.pairs += self._count(f"({distinct})")

    # --- SQL ------------------------------------------------------------------------------------------------

    def _units(self, target: Target) -> str:
        return ", ".join(target.units[: self.source.width])

    def _staged_units(self, target: Target) -> str:
        return ", ".join(target.staged_units[: self.source.width])

    def _unit(self, target: Target, rest: str) -> Unit | None:
        """Return the unit of the first row of a query."""
        alias = "s." if " AS s" in rest else ""
        names = ", ".join(f"{alias}{name}" for name in target.staged_units[: self.source.width])
        found: Unit | None = self.connection.execute(f"SELECT {names} {rest}").fetchone()
        return found

    def _count(self, what: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def _unfit(target: Target, error: Exception) -> str:
    return f'its row does not fit "{target.name}": {error}'


def unstable(source: Source, target: Target, unit: Unit | None = None) -> Failed:
    """Return the error for a function that made other rows when it was called again."""
    one = source.function
    where = f" at {', '.join(map(str, unit))}" if unit is not None else ""
    return Failed.of(
        Code.TRANSFORM_UNSTABLE,
        f'the transform "{one.name}" makes other rows of "{target.name}" when it is called again{where}',
        UNSTABLE,
        transform=one.name,
        table=target.name,
    )
