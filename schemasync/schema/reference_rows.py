"""Reads `_rows`: rows of a table in schema.json, such as roles, with which the database is kept in step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Code
from .diagnostics import Diagnostics
from .jsonc import Path
from .model import IndexedColumn, ReferenceRows, Schema, Table
from .names import fold, from_key
from .shape_check import tables_of
from .text import dumps, nearest


def read_rows(tree: Mapping[str, Any], schema: Schema, faults: Diagnostics) -> dict[str, ReferenceRows]:
    """The `_rows` of each table of a file that passed `check_shapes`."""
    found = {}
    for key, body in tables_of(tree):
        table = schema.table(from_key(key))
        if "_rows" in body and table is not None and table.virtual is None:
            rows = _Reading(table, body["_rows"], (key, "_rows"), faults).read()
            if rows is not None:
                found[table.name] = rows
    return found


def digest_of(rows: ReferenceRows) -> str:
    """Return a short digest of the rows, by which a database records which ones it has."""
    return hashlib.sha256(dumps([rows.key, rows.columns, rows.rows]).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Reading:
    table: Table
    given: Sequence[Mapping[str, Any]]
    path: Path
    faults: Diagnostics

    def read(self) -> ReferenceRows | None:
        before = len(self.faults.problems)
        names = self._names()
        key = next((one for one in _keys(self.table) if set(one) <= names.keys() and self._all_have(one)), None)
        if key is None:
            self.faults.note(
                Code.BAD_DEFINITION,
                f"the rows of {self.table.name} cannot be told apart",
                "Give each row the columns of the primary key, or of a UNIQUE of the table.",
                at=self.path,
            )
        if key is None or len(self.faults.problems) > before:
            return None
        columns = tuple(names.values())
        rows = tuple(tuple(self._value(row, column) for column in columns) for row in self.given)
        given = tuple(tuple(any(fold(n) == fold(c) for n in row) for c in columns) for row in self.given)
        self._check_repeated(rows, columns, key)
        return ReferenceRows(self.table.name, tuple(names[one] for one in key), columns, rows, given)

    def _names(self) -> dict[str, str]:
        """The columns that any of the rows names, by folded name, as the table spells them."""
        names: dict[str, str] = {}
        for number, row in enumerate(self.given):
            for name in row:
                column = self.table.column(name)
                if column is None or column.generated is not None:
                    self._note_column(name, (*self.path, number, name), is_generated=column is not None)
                else:
                    names[fold(name)] = column.name
        return names

    def _note_column(self, name: str, at: Path, *, is_generated: bool) -> None:
        if is_generated:
            message = f"{self.table.name}.{name} is generated, so a row cannot have a value for it"
            self.faults.note(Code.BAD_DEFINITION, message, "Remove it from the row.", at=at)
            return
        columns = [column.name for column in self.table.columns]
        near = nearest(name, columns)
        hint = f'Did you mean "{near}"?' if near else f"Columns: {', '.join(columns)}."
        self.faults.note(Code.UNKNOWN_COLUMN, f'"{self.table.name}" has no column {name}', hint, at=at)

    def _all_have(self, key: Iterable[str]) -> bool:
        return all(self._value(row, name) is not None for row in self.given for name in key)

    @staticmethod
    def _value(row: Mapping[str, Any], column: str) -> Any:
        found = next((value for name, value in row.items() if fold(name) == fold(column)), None)
        return int(found) if isinstance(found, bool) else found

    def _check_repeated(self, rows: Iterable[Sequence[Any]], columns: Sequence[str], key: Sequence[str]) -> None:
        places = [number for number, column in enumerate(columns) if fold(column) in key]
        seen: set[str] = set()
        for number, row in enumerate(rows):
            value = json.dumps([row[place] for place in places], ensure_ascii=False)
            if value in seen:
                message = f"two rows of {self.table.name} have the key {value[1:-1]}"
                self.faults.note(Code.BAD_DEFINITION, message, "Remove one of them.", at=(*self.path, number))
            seen.add(value)


def _keys(table: Table) -> Iterator[tuple[str, ...]]:
    """Yield sets of columns, by folded names, in which SQLite allows each combination of values once: for ON
    CONFLICT."""
    if table.primary_key is not None:
        yield from _names_of(table.primary_key.columns)
    for unique in table.uniques:
        yield from _names_of(unique.columns)
    for index in table.indexes:
        if index.unique and index.where is None:
            yield from _names_of(index.columns)


def _names_of(columns: Sequence[IndexedColumn]) -> Iterator[tuple[str, ...]]:
    names = [column.column for column in columns if column.column is not None and column.collation is None]
    if len(names) == len(columns):
        yield tuple(map(fold, names))
