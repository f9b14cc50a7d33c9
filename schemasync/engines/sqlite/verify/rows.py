"""Compares the rows of a new file with those of the old one, before the new file goes live.

"Compared and differs" (verify-differs) and "could not compare" (verify-impossible) are different errors.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ....errors import Code, Failed, Problem
from ....plan.model import Alter, Rewrite
from ....schema.model import Sql, Table
from ....schema.names import ROWID_NAMES, fold, quote
from ....schema.text import count
from ..connection import Connection, sorting
from ..mapping import Key, Mapping, identity, key_of, mapping
from ..name_errors import is_unknown_name
from ..rebuild.virtual import keeps_rows, rounds
from ..table_sizes import count_of
from ..unknown_names import is_readable
from .row_sql import Pairs, alias, compared_columns, differing_terms, expected_rows, on_key, typed_by_value

SAMPLES = 5  # keys in a message about a table that differs


Faults = tuple[int, tuple[str, ...]]
"""(number of rows that differ, some of their keys)."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The result of comparing a table: its number of `rows`, the volatile columns that were left out, and a note on
    each generated column whose stored values have changed."""

    table: str
    rows: int
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def content(connection: Connection, step: Rewrite | Alter) -> Compared:
    """Compare a rewritten or altered table with the attached old one, row by row. Raises Failed."""
    try:
        if step.new.virtual is not None:
            return _virtual(connection, step, step.new.virtual)
        mapped = mapping(step)
        key = _whole_key(connection, mapped)
        faults = _by_key(connection, mapped, key) if key else _as_sets(connection, mapped)
        rows = _same_count(connection, mapped)
    except sqlite3.Error as error:
        raise Failed.of(
            Code.VERIFY_IMPOSSIBLE, f'"{step.name}" could not be compared with the old file: {error}', table=step.name
        ) from error
    if faults:
        raise differs(step.name, *faults)
    left_out = tuple(feed.column for feed in step.feeds if feed.volatile)
    return Compared(step.name, rows, left_out)


def columns_differ(connection: Connection, mapped: Mapping, columns: Collection[str], old_rows: str) -> bool:
    """Return True if a row has another value, or type of value, in one of these columns than in the attached old table;
    also if the rows of the two cannot be matched. `old_rows`: the condition for the rows to compare."""
    wanted, key = set(map(quote, columns)), _whole_key(connection, mapped)
    raw, expected = ([pair for pair in pairs if pair[0] in wanted] for pairs in compared_columns(mapped))
    new, old, typed = quote(mapped.new.name), quote(mapped.old.name), typed_by_value(mapped.new)
    return key is None or _join(connection, new, old, key, raw, expected, typed, old_rows) is not None


def touched(connection: Connection, mapped: Mapping, key: Key, old_rows: str, new_rows: str) -> None:
    """Compare the rows of the attached old table, and of the new one, that these conditions name. Raises Failed."""
    new, old = quote(mapped.new.name), quote(mapped.old.name)
    raw, expected = compared_columns(mapped)
    faults = _join(connection, new, old, key, raw, expected, typed_by_value(mapped.new), old_rows)
    counts = [count_of(connection, f"main.{new} WHERE {new_rows}"), count_of(connection, f"old.{old} WHERE {old_rows}")]
    if faults or counts[0] != counts[1]:
        raise differs(mapped.new.name, *(faults or (abs(counts[0] - counts[1]), ())))


def deleted(connection: Connection, mapped: Mapping, new_rows: str) -> None:
    """Check that the new table has none of the rows that meet this condition. Raises Failed."""
    if rows := count_of(connection, f"main.{quote(mapped.new.name)} WHERE {new_rows}"):
        raise differs(mapped.new.name, rows, ())


def _virtual(connection: Connection, step: Rewrite | Alter, virtual: Sql) -> Compared:
    """Compare a virtual table that keeps rows of its own, by row id."""
    if not keeps_rows(virtual) or step.old.virtual is None or rounds(virtual, step.old.virtual):
        return Compared(step.name, 0, ("(virtual)",))
    columns, before = identity(connection, "main", step.new.name), identity(connection, "old", step.old.name)
    same = [(column, column) for column in columns if column in before]
    key = Key(("rowid",), ("rowid",))
    faults = _join(connection, quote(step.new.name), quote(step.old.name), key, same, same)
    rows = [count_of(connection, f"main.{quote(step.new.name)}"), count_of(connection, f"old.{quote(step.old.name)}")]
    if faults or rows[0] != rows[1]:
        raise differs(step.name, *(faults or (abs(rows[0] - rows[1]), ())))
    return Compared(step.name, rows[0])


def same_content(connection: Connection, old: str, new: str, table: Table | None) -> Compared:
    """Compare a table that was copied unchanged: for `--verify=full`, and for every table of a fresh file."""
    columns, sources = identity(connection, "main", new), identity(connection, "old", old)
    key = identity_key(connection, table, new, columns, sources)
    pairs = list(zip(columns, sources, strict=True))
    try:
        if key is None:
            faults = _sets(connection, quote(new), quote(old), columns, sources)
        else:
            faults = _join(connection, quote(new), quote(old), key, pairs, [(column, column) for column in columns])
        counts = [count_of(connection, f"main.{quote(new)}"), count_of(connection, f"old.{quote(old)}")]
    except sqlite3.Error as error:
        if is_unknown_name(str(error)) or not is_readable(connection, new):  # it was copied page by page
            return Compared(new, 0, notes=(f"{new}: not compared: {error}",))
        raise Failed.of(Code.VERIFY_IMPOSSIBLE, f'"{new}" could not be compared: {error}', table=new) from error
    if faults or counts[0] != counts[1]:
        raise differs(new, *(faults or (abs(counts[0] - counts[1]), ())))
    return Compared(new, counts[0])


def _by_key(connection: Connection, mapped: Mapping, key: Key) -> Faults | None:
    raw, expected = compared_columns(mapped)
    typed = typed_by_value(mapped.new)
    return _join(connection, quote(mapped.new.name), quote(mapped.old.name), key, raw, expected, typed)


def _whole_key(connection: Connection, mapped: Mapping) -> Key | None:
    """Return the key that finds every row; None if it is NULL in some row, as a PRIMARY KEY may be: that finds no
    row."""
    key = key_of(mapped)
    if key is None:
        return None
    unset = " OR ".join(f"{source} IS NULL" for source in key.sources)
    query = f"SELECT EXISTS (SELECT 1 FROM old.{quote(mapped.old.name)} WHERE {unset})"
    return None if connection.execute(query).fetchone()[0] else key


def _join(
    connection: Connection,
    new: str,
    old: str,
    key: Key,
    raw: Pairs,
    expected: Pairs,
    typed: frozenset[str] = frozenset(),
    rows: str = "1",
) -> Faults | None:
    """Find the old rows without a new one of their key, or whose new row has another value or type of value."""
    source, on = expected_rows(old, key, raw, expected, rows), on_key(key)
    differs = " OR ".join([f"n.{key.columns[0]} IS NULL", *differing_terms(expected, typed)])
    query = f"FROM {source} LEFT JOIN main.{new} AS n ON {on} WHERE {differs}"
    shown = " || ', ' || ".join(f'quote(o."_schemasync_k{i}")' for i in range(len(key.sources)))
    sample = tuple(str(k) for (k,) in connection.execute(f"SELECT {shown} {query} LIMIT {SAMPLES}"))
    if not sample:
        return None
    return int(connection.execute(f"SELECT count(*) {query}").fetchone()[0]), sample


def _as_sets(connection: Connection, mapped: Mapping) -> Faults | None:
    """Compare without a common key: every row of one side must occur as often on the other."""
    raw, expected = compared_columns(mapped)
    names = [name for name, _ in expected]
    inner = ", ".join(f"{sql} AS {alias(name)}" for name, sql in raw) or "1"
    values = [sql for _, sql in expected] or ["1"]
    old = f"(SELECT {inner} FROM old.{quote(mapped.old.name)})"
    return difference(connection, f"main.{quote(mapped.new.name)}", old, names or ["1"], values)


def _sets(connection: Connection, new: str, old: str, columns: Sequence[str], sources: Sequence[str]) -> Faults | None:
    return difference(connection, f"main.{new}", f"old.{old}", columns, sources)


def difference(
    connection: Connection, new: str, old: str, columns: Sequence[str], sources: Sequence[str]
) -> Faults | None:
    """Compare what follows FROM on both sides: every row of one must occur as often on the other."""

    def side(table: str, values: Sequence[str]) -> str:
        typed = [f"typeof({value}), {value} COLLATE BINARY" for value in values]
        grouped = ", ".join(str(number + 1) for number in range(2 * len(values)))
        return f"SELECT {', '.join(typed)}, count(*) FROM {table} GROUP BY {grouped}"

    one, other = side(new, columns), side(old, sources)
    count = 0
    with sorting(connection):
        for left, right in ((one, other), (other, one)):
            query = f"SELECT count(*) FROM (SELECT * FROM ({left}) EXCEPT SELECT * FROM ({right}))"
            count += int(connection.execute(query).fetchone()[0])
    return (count, ()) if count else None


def identity_key(
    connection: Connection, table: Table | None, name: str, columns: Sequence[str], sources: Sequence[str]
) -> Key | None:
    """The key of a table that is not rewritten: its row id, or the primary key of a WITHOUT ROWID table.

    `table`: that of schema.json, None for a foreign one; `columns`, `sources`: its quoted columns in the new file and
    in the old one. None if the row id cannot be reached, or a foreign table has none.
    """
    if table.without_rowid if table is not None else _is_without_rowid(connection, name):
        return _primary_key(table, dict(zip(columns, sources, strict=True)))
    taken = {fold(column.strip('"')) for column in (*columns, *sources)}
    free = next((name for name in ROWID_NAMES if name not in taken), None)
    return Key((free,), (free,)) if free else None


def _is_without_rowid(connection: Connection, table: str) -> bool:
    query = "SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'"
    return bool(connection.execute(query, (table,)).fetchone()[0])


def _primary_key(table: Table | None, sources: dict[str, str]) -> Key | None:
    """Return the primary key as a Key; None without one. `sources`: the name in the old file of each column, both
    quoted."""
    if table is None or table.primary_key is None:
        return None
    before = {fold(column): source for column, source in sources.items()}
    names = tuple(quote(column.column or "") for column in table.primary_key.columns)
    return Key(names, tuple(before[fold(name)] for name in names))


def _same_count(connection: Connection, mapped: Mapping) -> int:
    new = count_of(connection, f"main.{quote(mapped.new.name)}")
    old = count_of(connection, f"old.{quote(mapped.old.name)}")
    if new != old:
        raise differs(mapped.new.name, abs(new - old), ())
    return new


def differs(table: str, rows: int, keys: Sequence[str]) -> Failed:
    """The error for a table whose rows are not the expected ones."""
    shown = f", for example {', '.join(keys)}" if keys else ""
    return Failed(
        Problem(
            Code.VERIFY_DIFFERS,
            f'"{table}" in the new file is not what it should be: {count(rows, "row differs", "rows differ")}{shown}',
            "The live file is unchanged. Please report it, with the plan (schemasync plan --sql).",
            {"table": table, "rows": rows, "keys": list(keys)},
        )
    )
