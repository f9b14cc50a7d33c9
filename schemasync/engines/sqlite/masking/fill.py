"""Fills the tables of the copy from the live file, through functions that mask the values."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ....errors import Code, Problem
from ....masking.forms import Value
from ....masking.masker import CannotMask, Masker, MaskKind
from ....schema.model import ColumnName, Table
from ....schema.names import fold, quote
from ..connection import Connection
from ..mapping import identity, rowid_name
from ..objects import OWN_PREFIX

HINT = (
    'There is no copy. Choose another kind in the rules, keep the column ("keep"), or leave the rows of the table out '
    '("empty").'
)


@dataclass(slots=True)
class Column:
    """A masked column as an SQL function of the value and the row id. It records the values that cannot be masked."""

    table: str
    name: str
    masker: Masker
    function: str
    raised: BaseException | None = None
    first: tuple[str, Value] | None = None

    def register(self, connection: Connection) -> None:
        """Register the function on the connection."""
        connection.create_function(self.function, 2, self._call)
        connection.create_function(f"{self.function}_changes", 1, self.changes)

    def _call(self, value: Value, rowid: Value) -> Value:
        """Return the replacement. After the first value without one no copy is made, and any other values serve to find
        the other problems."""
        try:
            if self.first is None:
                return self.masker(value)
        except CannotMask as error:
            self.first = str(error), rowid
        except BaseException as error:
            self.raised = error  # SQLite reports only that a function has raised an error
            raise
        with suppress(CannotMask):
            return Masker(MaskKind.TEXT, self.masker.permutation)(value)
        return None

    def changes(self, value: Value) -> bool:
        """Return True if a value has anything to replace."""
        return self.masker.changes(value)

    def sql(self, source: str, rowid: str) -> str:
        """Return SQL for the replacement of a column."""
        return f"{self.function}({source}, {rowid})"

    @property
    def problem(self) -> Problem | None:
        """The problem of the values that could not be masked."""
        if self.first is None:
            return None
        reason, rowid = self.first
        where = f", first in row {rowid}" if isinstance(rowid, int) else ""
        return Problem(
            Code.MASK_FAILED,
            f'"{self.table}.{self.name}" has a value that cannot be masked as {self.masker.kind}{where}: {reason}',
            HINT,
            {"table": self.table, "column": self.name, "kind": str(self.masker.kind)},
        )


@dataclass(slots=True)
class Filling:
    """Fills tables of a connection to the new file, to which the live one is attached as `old`."""

    connection: Connection
    columns: Mapping[tuple[str, str], Column]
    tick: Callable[[int], None]
    rows: int = 0
    problems: list[Problem] = field(default_factory=list)

    def table(self, table: Table) -> None:
        """Copy the rows of an ordinary table."""
        rowid = rowid_name(table)
        names = identity(self.connection, "main", table.name)
        plain = [] if rowid is None or table.rowid_column is not None else [rowid]
        self._insert(table.name, [*plain, *names], rowid or "NULL")

    def virtual(self, name: str) -> None:
        """Copy the rows of a full-text table that stores its own text."""
        self._insert(name, ["rowid", *identity(self.connection, "main", name)], "rowid")

    def _insert(self, table: str, names: list[str], rowid: str) -> None:
        found = ((name, self.columns.get((fold(table), folded(name)))) for name in names)
        sources = [name if column is None else column.sql(name, rowid) for name, column in found]
        try:
            # OR ABORT overrides a conflict clause of the table, which would drop rows silently
            done = self.connection.execute(
                f"INSERT OR ABORT INTO main.{quote(table)} ({', '.join(names)})"
                f" SELECT {', '.join(sources)} FROM old.{quote(table)}"
            )
        except sqlite3.Error as error:
            if not isinstance(error, sqlite3.IntegrityError) and "user-defined function" not in str(error):
                raise
            masked = [column for (name, _), column in self.columns.items() if name == fold(table)]
            for column in masked:
                if column.raised is not None:
                    raise column.raised from error
            if not any(column.first for column in masked):
                self.problems.append(unfit(table, error))
            return
        self.rows += done.rowcount
        self.tick(self.rows)

    def failures(self) -> Iterator[Problem]:
        """Return all problems."""
        yield from (problem for column in self.columns.values() if (problem := column.problem) is not None)
        yield from self.problems


def unfit(table: str, error: sqlite3.Error) -> Problem:
    """The problem of rows that a table or an index does not accept."""
    why = "a text is not UTF-8" if "user-defined function" in str(error) else str(error)
    return Problem(Code.MASK_FAILED, f'rows of "{table}" with masked values do not fit: {why}', HINT, {"table": table})


def functions(maskers: Mapping[ColumnName, Masker]) -> dict[tuple[str, str], Column]:
    """Return the SQL functions of masked columns, by folded names of table and column."""
    return {
        (fold(table), fold(column)): Column(table, column, masker, f"{OWN_PREFIX}mask_{number}")
        for number, ((table, column), masker) in enumerate(maskers.items())
    }


def folded(quoted: str) -> str:
    """Return the folded name for a name that `quote` has quoted."""
    return fold(quoted[1:-1].replace('""', '"')) if quoted.startswith('"') else fold(quoted)
