"""Compare the rows after a change with those before it, by key, through renames and dropped columns.

The comparison reads both databases itself, so that it does not depend on how a run copies and verifies rows.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from ..diff.changes import Change, DropColumn, DropTable, RenameColumn, RenameTable
from ..schema.document import Document
from ..schema.model import Column, ColumnName, Table
from ..schema.names import fold, quote
from .content import Content, Dump, rows_of
from .rows import Rows, Value

SHOWN = 5  # differences that are listed for each table


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of a table. `row`: a phrase that identifies the row. `before` and `after`: SQL literals, if a value
    of `column` differs."""

    table: str
    message: str
    row: str = ""
    column: str = ""
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        return f"{self.table}{f', {self.row}' if self.row else ''}: {self.message}"


@dataclass(frozen=True, slots=True)
class Names:
    """The new names of tables and columns after the changes of a run. Keys are folded; those of columns have the new
    name of the table."""

    tables: Mapping[str, str]
    columns: Mapping[tuple[str, str], str]
    dropped_tables: frozenset[str]
    dropped_columns: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, changes: Sequence[Change]) -> Names:
        tables, columns, gone, gone_columns = {}, {}, set(), set()
        for change in changes:
            match change:
                case RenameTable(old, new):
                    tables[fold(old)] = new
                case RenameColumn(table, old, new):
                    columns[fold(table), fold(old)] = new
                case DropTable(table):
                    gone.add(fold(table.name))
                case DropColumn(table, column):
                    gone_columns.add((fold(table), fold(column.name)))
                case _:
                    pass
        return cls(tables, columns, frozenset(gone), frozenset(gone_columns))


@dataclass
class Comparison:
    """The result of compare_rows(). `compared`: how many rows of each old table were compared. `lost`: for each dropped
    table, and each dropped column as `table.column`, how many rows or values it had."""

    differences: list[Difference] = field(default_factory=list)
    compared: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)


def compare_rows(
    before: Dump, after: Dump, old: Document, new: Document, changes: Sequence[Change], *, but: Sequence[str] = ()
) -> Comparison:
    """Compare each row of each table, except for the new tables named in `but`, and those with a `_from`. Values are
    compared as SQLite stores them in the new column. Values of a column with a `fill`, and NULL in a column that is NOT
    NULL now, are not compared."""
    found, names, left_out = Comparison(), Names.of(changes), set(map(fold, [*but, *new.hints.derivations]))
    for name, content in before.tables.items():
        table = old.schema.table(name) or Table(name)
        renamed = names.tables.get(fold(name), name)
        if fold(name) in names.dropped_tables:
            found.lost[name] = len(content.rows)
        elif (there := after.table(renamed)) is None:
            found.differences.append(Difference(name, "the table is gone"))
        else:
            pair = _Pair(table, new.schema.table(renamed) or Table(renamed), content, there, names, new)
            found.lost |= pair.lost()
            if fold(renamed) not in left_out:
                found.compared[name] = len(content.rows)
                found.differences += _first(name, list(pair.differences()))
    return found


def _first(table: str, differences: list[Difference]) -> list[Difference]:
    more = len(differences) - SHOWN
    return differences[:SHOWN] + ([Difference(table, f"{more} more rows differ")] if more > 0 else [])


@dataclass
class _Pair:
    """A table before and after the change."""

    old: Table
    new: Table
    before: Content
    after: Content
    names: Names
    document: Document

    def lost(self) -> dict[str, int]:
        return {
            f"{self.old.name}.{column}": sum(values[place] != "NULL" for _, values in self.before.rows)
            for place, column in enumerate(self.before.columns)
            if (fold(self.new.name), fold(column)) in self.names.dropped_columns
        }

    def carried(self) -> dict[int, int]:
        """Map the positions before to those after, for columns that are carried and not generated."""
        places = {fold(name): place for place, name in enumerate(self.after.columns)}
        found = {}
        for place, name in enumerate(self.before.columns):
            at = (fold(self.new.name), fold(name))
            there = places.get(fold(self.names.columns.get(at, name)))
            computed = _is_generated(self.old, name) or (
                there is not None and _is_generated(self.new, self.after.columns[there])
            )
            if there is not None and at not in self.names.dropped_columns and not computed:
                found[place] = there
        return found

    def differences(self) -> Iterator[Difference]:
        carried = self.carried()
        key = self.key(carried)
        if key is None:
            yield from self.without_key(carried)
            return
        with closing(_Stored()) as stored:
            before = {self.as_stored(key, values, stored): row for values, row in key.before(self.before).items()}
            after = key.after(self.after)
            for values in sorted(before.keys() - after.keys()):
                yield Difference(self.old.name, "the row is gone", key.shown(values))
            for values in sorted(after.keys() - before.keys()):
                yield Difference(self.old.name, "the row was not there before", key.shown(values))
            for values in sorted(before.keys() & after.keys()):
                yield from self.changed(before[values], after[values], carried, key.shown(values), stored)

    def as_stored(self, key: _Key, values: tuple[str, ...], stored: _Stored) -> tuple[str, ...]:
        """Return a key as the new table stores it."""
        columns = [self.new.column(self.after.columns[place]) for place in key.new]
        both = zip(columns, values, strict=False)  # the row id has no column
        return tuple(stored.value(self.new, c, v) if c is not None else v for c, v in both) or values

    def changed(
        self, before: Sequence[str], after: Sequence[str], carried: dict[int, int], row: str, stored: _Stored
    ) -> Iterator[Difference]:
        for place, there in carried.items():
            name = self.after.columns[there]
            if not self.is_kept(name, before[place], after[there], stored):
                message = f"{name} was {before[place]} and is {after[there]}"
                yield Difference(self.old.name, message, row, name, before[place], after[there])

    def is_kept(self, name: str, before: str, after: str, stored: _Stored) -> bool:
        column = self.new.column(name)
        if before == after or column is None:
            return before == after
        if ColumnName(self.new.name, column.name) in self.document.hints.fills:
            return True
        if before == "NULL" and column.not_null is not None:
            return True
        return stored.value(self.new, column, before) == after

    def key(self, carried: dict[int, int]) -> _Key | None:
        """Return the primary key if it is carried, otherwise the row id; None if there is neither."""
        places = {fold(name): place for place, name in enumerate(self.before.columns)}
        columns = self.old.primary_key.columns if self.old.primary_key is not None else ()
        old = [places[fold(part.column)] for part in columns if part.column is not None]
        filled = {fold(name.column) for name in self.document.hints.fills if fold(name.table) == fold(self.new.name)}
        if old and all(place in carried and fold(self.after.columns[carried[place]]) not in filled for place in old):
            shown = tuple(self.before.columns[place] for place in old)
            return _Key(shown, tuple(old), tuple(carried[place] for place in old))
        both = (*self.before.rows, *self.after.rows)
        return _Key((), (), ()) if all(rowid is not None for rowid, _ in both) else None

    def without_key(self, carried: dict[int, int]) -> Iterator[Difference]:
        """Compare rows by all carried columns."""
        before = Counter(tuple(values[place] for place in carried) for _, values in self.before.rows)
        after = Counter(tuple(values[place] for place in carried.values()) for _, values in self.after.rows)
        for values in (before - after).elements():
            yield Difference(self.old.name, "the row is gone", f"({', '.join(values)})")
        for values in (after - before).elements():
            yield Difference(self.old.name, "the row was not there before", f"({', '.join(values)})")


@dataclass(frozen=True, slots=True)
class _Key:
    """The key of rows: columns by their positions before and after; without columns, the row id."""

    columns: tuple[str, ...]
    old: tuple[int, ...]
    new: tuple[int, ...]

    def before(self, content: Content) -> dict[tuple[str, ...], tuple[str, ...]]:
        return self._rows(content, self.old)

    def after(self, content: Content) -> dict[tuple[str, ...], tuple[str, ...]]:
        return self._rows(content, self.new)

    def _rows(self, content: Content, places: tuple[int, ...]) -> dict[tuple[str, ...], tuple[str, ...]]:
        return {tuple(values[p] for p in places) if places else (str(rowid),): values for rowid, values in content.rows}

    def shown(self, values: tuple[str, ...]) -> str:
        names = self.columns or ("row id",)
        return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))


def _is_generated(table: Table, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.generated is not None


class _Stored:
    """A database in memory that shows how a column stores a value."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._tables: dict[tuple[str, bool], str] = {}

    def value(self, table: Table, column: Column, before: str) -> str:
        """Return the literal of the stored value; the text of SQLite's error if the column refuses the value."""
        try:
            into = self._table(column.type.text, table.strict)
            self._connection.execute(f"DELETE FROM {into}")
            self._connection.execute(f"INSERT INTO {into} VALUES ({before})")
        except sqlite3.Error as error:
            return str(error)
        return rows_of(self._connection, f"SELECT * FROM {into}")[0][0]

    def _table(self, kind: str, strict: bool) -> str:
        if (kind, strict) not in self._tables:
            name = quote(f"t{len(self._tables)}")
            self._connection.execute(f"CREATE TABLE {name} (v {kind}){' STRICT' if strict else ''}")
            self._tables[kind, strict] = name
        return self._tables[kind, strict]

    def close(self) -> None:
        self._connection.close()


def compare_expected(expected: Rows, found: Mapping[str, Sequence[Mapping[str, Value]]]) -> Iterator[Difference]:
    """Yield the differences of rows from those that a test expects, in any order, by the columns that it names."""
    for table, rows in expected.items():
        left = list(found[table])
        for row in rows:
            match = next((one for one in left if _fits(row, one)), None)
            if match is None:
                yield Difference(table, f"no row is {dict(row)!r}")
            else:
                left.remove(match)
        for one in left[:SHOWN]:
            yield Difference(table, f"a row was not expected: {dict(one)!r}")


def _fits(expected: Mapping[str, Value], found: Mapping[str, Value]) -> bool:
    by_name = {fold(name): value for name, value in found.items()}
    return all(fold(n) in by_name and _is_same(by_name[fold(n)], value) for n, value in expected.items())


def _is_same(one: Value, other: Value) -> bool:
    """True for the same value of the same type: SQLite stores 1 and 1.0 differently, and True as 1."""
    return type(one) is type(int(other) if isinstance(other, bool) else other) and one == other


def describe_dumps(before: Dump, after: Dump) -> Iterator[Difference]:
    """Yield the differences of two databases that should be equal."""
    for row in sorted({*before.objects} ^ {*after.objects}, key=str):
        state = "is gone, or was another" if row in before.objects else "was not there before, or was another"
        yield Difference(row[2], f"the {row[0]} {row[1]} {state}: {row[3]}")
    for name in sorted({*before.tables} & {*after.tables}):
        one, other = Counter(before.tables[name].rows), Counter(after.tables[name].rows)
        gone, new = list((one - other).elements()), list((other - one).elements())
        yield from _first(
            name,
            [Difference(name, f"the row {_shown(row)} is not there again") for row in gone]
            + [Difference(name, f"the row {_shown(row)} was not there before") for row in new],
        )
    if before.header != after.header:
        yield Difference("the header", f"user_version and application_id were {before.header}, and are {after.header}")


def _shown(row: tuple[int | None, tuple[str, ...]]) -> str:
    rowid, values = row
    return f"({', '.join(values)})" + (f" with row id {rowid}" if rowid is not None else "")
