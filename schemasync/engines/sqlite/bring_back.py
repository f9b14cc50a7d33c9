"""Brings columns and tables back from an archive that still has them, into a new file that is not live yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...errors import Code, Failed
from ...history.way_back import refers_to_key
from ...schema.model import ForeignKey, Schema, Table
from ...schema.names import fold, quote
from ...schema.text import count
from .archive import counter_was_lowered
from .checkpoint import durably
from .connection import Connection, Opener
from .rebuild.finish import put_triggers, take_triggers
from .rebuild.start import attach_old, detach_old


@dataclass(frozen=True, slots=True)
class Missing:
    """A part of an archive that a table of the new file lacks: the `column`, for rows with the same key, or without a
    `column` all rows, into the empty table. The table has the same name in the archive."""

    table: Table
    column: str = ""

    @property
    def name(self) -> str:
        """`table` or `table.column`."""
        return f"{self.table.name}.{self.column}" if self.column else self.table.name

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are copied."""
        stored = (column.name for column in self.table.columns if column.generated is None)
        return (self.column,) if self.column else tuple(stored)


@dataclass(frozen=True, slots=True)
class Source:
    """An archive, with its schema. `unproved`: the folded names of its tables whose keys may name other rows in the new
    file. In these, two rows count as the same only if all other columns that both files have are equal."""

    path: Path
    schema: Schema
    unproved: frozenset[str]


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """`rows`: the number of rows that came back. `in_doubt`: the number that did not, as their key may name another
    row."""

    rows: int
    in_doubt: int


def bring_back(opener: Opener, path: Path, source: Source, wanted: Sequence[Missing]) -> dict[str, BroughtBack]:
    """Copy the values within one transaction, without firing triggers. Returns the number of rows for each `table` or
    `table.column`. Raises Failed if the new file does not accept them, or a reference would lead nowhere or to a row in
    doubt; then it is unchanged."""
    with closing(opener.write(path)) as connection:
        attach_old(connection, source.path, closed=True)
        with durably(connection):
            triggers = take_triggers(connection)
            before = {item.table.name: _dangling(connection, item.table) for item in wanted}
            found = {item.name: _brought_back(connection, item, source, wanted) for item in wanted}
            for item in wanted:  # after all rows are there, since one may refer to another
                _check_references(connection, item, source, wanted, before[item.table.name])
            put_triggers(connection, triggers)
        detach_old(connection)
    return found


def _brought_back(connection: Connection, item: Missing, source: Source, wanted: Sequence[Missing]) -> BroughtBack:
    try:
        if item.column:
            return _column(connection, item, source, wanted)
        return BroughtBack(_rows(connection, item), 0)
    except sqlite3.IntegrityError as error:
        raise _misfit(item.table, str(error), source.path.stem) from error


def _check_references(
    connection: Connection, item: Missing, source: Source, wanted: Sequence[Missing], before: int
) -> None:
    if new := _dangling(connection, item.table) - before:
        rows = count(new, "row refers", "rows refer")
        raise _misfit(item.table, f"{rows} to rows that were deleted meanwhile", source.path.stem)
    for key in item.table.foreign_keys:
        if not set(map(fold, key.columns)) & set(map(fold, item.columns)):
            continue
        if doubtful := _doubtful(connection, item, key, source, wanted):
            rows = count(doubtful, "row refers", "rows refer")
            why = f"{rows} to rows of {key.table} that were written since, and whose keys may name other rows now"
            raise _misfit(item.table, why, source.path.stem)


def _dangling(connection: Connection, table: Table) -> int:
    if not table.foreign_keys:
        return 0
    return len(connection.execute(f"PRAGMA main.foreign_key_check({quote(table.name)})").fetchall())


def _doubtful(
    connection: Connection, item: Missing, reference: ForeignKey, source: Source, wanted: Sequence[Missing]
) -> int:
    """Return how many rows that came back refer, by its primary key, to a row that may not be that of the archive."""
    parent = source.schema.table(reference.table)
    comes_back = any(fold(item.name) == fold(reference.table) for item in wanted)
    if parent is None or comes_back or not refers_to_key(source.schema, reference):
        return 0
    if _proves(connection, parent, source):
        return 0
    key = zip(reference.columns, _key(parent), strict=True)
    refers = " AND ".join(f"c.{quote(column)} = n.{quote(name)}" for column, name in key)
    old, child = f"old.{quote(parent.name)}", quote(item.table.name)
    came_back = f"o.{quote(item.column)} IS c.{quote(item.column)}" if item.column else "TRUE"
    return int(
        connection.execute(
            f"SELECT count(*) FROM main.{child} AS c JOIN main.{quote(parent.name)} AS n ON {refers}"
            f" WHERE NOT EXISTS (SELECT 1 FROM {old} AS o WHERE {_is_same_row(connection, parent, wanted)})"
            f" AND EXISTS (SELECT 1 FROM old.{child} AS o WHERE {_same_key(item.table, 'c')} AND {came_back})"
        ).fetchone()[0]
    )


def _misfit(table: Table, why: str, generation: str) -> Failed:
    return Failed.of(
        Code.ROWS_VIOLATE_SCHEMA,
        f"{table.name}: what {generation} has of it does not fit the rows of today: {why}",
        "To bring nothing back: manage.py schemasync switch --leave-behind\n"
        f"To go to {generation} with its own rows: manage.py schemasync rollback {generation}",
    )


def can_bring_back(item: Missing, before: Table) -> bool:
    """True if the archive's table has the columns, and the same key."""
    there = {fold(column.name) for column in before.columns}
    hides_row_id = item.table.primary_key is None and "rowid" in there
    same = _key(item.table) == _key(before) and not hides_row_id and not item.table.virtual
    return same and all(fold(name) in there for name in item.columns)


def _key(table: Table) -> tuple[str, ...]:
    """Return the columns by which a row is found again: the primary key, or else the row id."""
    key = table.primary_key
    names = [column.column for column in key.columns] if key is not None else []
    return tuple(fold(name) for name in names if name is not None) or ("rowid",)


def _same_key(table: Table, row: str = "n") -> str:
    return " AND ".join(f"o.{quote(name)} IS {row}.{quote(name)}" for name in _key(table))


def _proves(connection: Connection, table: Table, source: Source) -> bool:
    """Return True if a key names the same row in both files."""
    is_proved = fold(table.name) not in source.unproved
    return is_proved and not counter_was_lowered(connection, table.name, table.name, "old")


def _is_same_row(connection: Connection, table: Table, wanted: Sequence[Missing]) -> str:
    """Return SQL that is true if the row `o` of the archive and the row `n` of the new file have the same key and the
    same values, and at least one of these values is not NULL."""
    columns = list(map(quote, _in_both(connection, table, wanted)))
    equal = [f"o.{column} IS n.{column} COLLATE BINARY" for column in columns]
    says = " OR ".join(f"n.{column} IS NOT NULL" for column in columns) or "FALSE"
    return " AND ".join([_same_key(table), *equal, f"({says})"])


def _in_both(connection: Connection, table: Table, wanted: Sequence[Missing]) -> list[str]:
    """Return the stored columns of a table that both files have, without its key and without the columns that come
    back."""
    left_out = {*_key(table), *(fold(item.column) for item in wanted if fold(item.table.name) == fold(table.name))}
    there = [_stored_columns(connection, schema, table.name) for schema in ("main", "old")]
    return [name for name in there[0] if fold(name) in map(fold, there[1]) and fold(name) not in left_out]


def _stored_columns(connection: Connection, schema: str, table: str) -> list[str]:
    rows = connection.execute("SELECT name FROM pragma_table_xinfo(?, ?) WHERE hidden = 0", (table, schema))
    return [str(name) for (name,) in rows]


def _column(connection: Connection, item: Missing, source: Source, wanted: Sequence[Missing]) -> BroughtBack:
    table, column = quote(item.table.name), quote(item.column)
    is_proved = _proves(connection, item.table, source)
    same = _same_key(item.table) if is_proved else _is_same_row(connection, item.table, wanted)
    connection.execute(
        f"UPDATE main.{table} AS n SET {column} = (SELECT o.{column} FROM old.{table} AS o WHERE {same})"
        f" WHERE EXISTS (SELECT 1 FROM old.{table} AS o WHERE {same})"
    )
    return BroughtBack(_changed(connection), 0 if is_proved else _other_values(connection, item))


def _other_values(connection: Connection, item: Missing) -> int:
    """Return how many rows have another value in the archive for the same key."""
    table, column = quote(item.table.name), quote(item.column)
    other = f"SELECT 1 FROM old.{table} AS o WHERE {_same_key(item.table)} AND o.{column} IS NOT n.{column}"
    return int(connection.execute(f"SELECT count(*) FROM main.{table} AS n WHERE EXISTS ({other})").fetchone()[0])


def _rows(connection: Connection, item: Missing) -> int:
    table, name = item.table, quote(item.table.name)
    names = ", ".join(map(quote, item.columns if _key(table) != ("rowid",) else ["rowid", *item.columns]))
    connection.execute(f"DELETE FROM main.{name}")  # a _from may have filled the column
    connection.execute(f"INSERT INTO main.{name} ({names}) SELECT {names} FROM old.{name}")
    rows = _changed(connection)
    if table.primary_key is not None and table.primary_key.autoincrement:
        last = "SELECT seq FROM old.sqlite_sequence WHERE name = ?"
        connection.execute("DELETE FROM main.sqlite_sequence WHERE name = ?", (table.name,))
        connection.execute(
            f"INSERT INTO main.sqlite_sequence (name, seq) SELECT ?, seq FROM ({last})", (table.name, table.name)
        )
    return rows


def _changed(connection: Connection) -> int:
    return int(connection.execute("SELECT changes()").fetchone()[0])
