"""Verified before anyone sees it: structure, content and references of a new file against the old one.

"Compared and differs" (verify-differs) and "could not compare" (verify-impossible) are different errors.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ....errors import Code, Failed, Problem
from ....plan.affinity import Affinity, affinity
from ....plan.model import CarriedStep, Create, Drop, Origin, Plan, Rewrite
from ....schema.expression import ROWID_NAMES
from ....schema.model import Schema, Sql, Table
from ....schema.names import fold, quote
from ....schema.subset import differing, ours
from ....schema.text import count
from ..autoincrement import has_counters
from ..connection import Connection
from ..inspect import inspect, references_of
from ..mapping import Key, Mapping, identity, key_of, mapping, stored
from ..objects import Object, is_own
from ..rebuild.virtual import keeps_text
from ..table_sizes import count_of
from ..unknown_names import hint_for, is_readable, is_unknown_name
from . import integrity_check
from .integrity_check import violations

SAMPLES = 5  # keys named for a table that differs


@dataclass(frozen=True, slots=True)
class Compared:
    """What was compared of a table: its rows, the columns left out because they are volatile, and a note on each
    generated column whose stored values are others now."""

    table: str
    rows: int
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def structure(connection: Connection, plan: Plan, foreign: Iterable[Object]) -> None:
    """What is ours reads as schema.json means it, and foreign objects have the text they had. Raises Failed."""
    found = inspect(connection)
    wrong = differing(plan.new, ours(found.schema, plan.new))
    texts = {o.key: o.sql for o in found.objects}
    wrong |= {o.name for o in foreign if texts.get(o.key) != o.sql}
    if wrong:
        raise Failed(
            Problem(
                Code.VERIFY_DIFFERS, f'"{name}" is not built as it should be', "Please report it.", {"object": name}
            )
            for name in sorted(wrong)
        )


def content(connection: Connection, step: Rewrite) -> Compared:
    """Compare a table that was written again with the attached old one, row by row. Raises Failed."""
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
        raise _differs(step.name, *faults)
    left_out = tuple(feed.column for feed in step.feeds if feed.volatile)
    return Compared(step.name, rows, left_out, tuple(_generated(connection, mapped, key) if key else ()))


def touched(connection: Connection, mapped: Mapping, key: Key, old_rows: str, new_rows: str) -> None:
    """Compare the rows of the attached old table, and of the new one, that these conditions name. Raises Failed."""
    new, old = quote(mapped.new.name), quote(mapped.old.name)
    raw, expected = _compared(mapped)
    faults = _join(connection, new, old, key, raw, expected, _typed_by_value(mapped.new), old_rows)
    counts = [count_of(connection, f"main.{new} WHERE {new_rows}"), count_of(connection, f"old.{old} WHERE {old_rows}")]
    if faults or counts[0] != counts[1]:
        raise _differs(mapped.new.name, *(faults or (abs(counts[0] - counts[1]), ())))


def deleted(connection: Connection, mapped: Mapping, new_rows: str) -> None:
    """The new table has none of the rows that this condition names. Raises Failed."""
    if rows := count_of(connection, f"main.{quote(mapped.new.name)} WHERE {new_rows}"):
        raise _differs(mapped.new.name, rows, ())


def counters(connection: Connection, plan: Plan) -> None:
    """AUTOINCREMENT gives out the same next id as in the attached old file. Raises Failed.

    The counter of a table that has rows above it counts as their highest id, as it does for SQLite itself.
    """
    for old, new in _counted(connection, plan):
        highest = _highest_id(connection, new)
        counted = max(_counter(connection, "main", new), highest)
        expected = max(_counter(connection, "old", old) if old is not None else 0, highest)
        if counted != expected:
            raise Failed(
                Problem(
                    Code.VERIFY_DIFFERS,
                    f'the AUTOINCREMENT counter of "{new}" in the new file is {counted}, and should be {expected}',
                    "The live file is untouched. Please report it, with the plan (schemasync plan --sql).",
                    {"table": new, "counter": counted, "expected": expected},
                )
            )


def _counted(connection: Connection, plan: Plan) -> list[tuple[str | None, str]]:
    """(old name or None, new name) of the tables with a counter: ours, and those that schema.json does not name."""
    found: list[tuple[str | None, str]] = [
        (step.old.name if isinstance(step, CarriedStep) else None, step.new.name)
        for step in plan.with_new_table
        if step.new.primary_key is not None and step.new.primary_key.autoincrement
    ]
    ours = {fold(table.name) for table in (*plan.old.tables, *plan.new.tables)}
    if has_counters(connection, "old"):
        names = [str(name) for (name,) in connection.execute("SELECT DISTINCT name FROM old.sqlite_sequence")]
        found += [(n, n) for n in names if fold(n) not in ours and not is_own(n) and _has_table(connection, n)]
    return found


def _counter(connection: Connection, schema: str, table: str) -> int:
    if not has_counters(connection, schema):
        return 0
    query = f"SELECT max(CAST(seq AS INTEGER)) FROM {schema}.sqlite_sequence WHERE name = ?"
    return int(connection.execute(query, (table,)).fetchone()[0] or 0)


def _highest_id(connection: Connection, table: str) -> int:
    key = connection.execute("SELECT name FROM pragma_table_info(?, 'main') WHERE pk = 1", (table,)).fetchone()
    if key is None:  # a name in sqlite_sequence that no table with AUTOINCREMENT has
        return 0
    return int(connection.execute(f"SELECT max({quote(key[0])}) FROM main.{quote(table)}").fetchone()[0] or 0)


def _virtual(connection: Connection, step: Rewrite, virtual: Sql) -> Compared:
    """A full-text table that keeps its own text is compared; what others make of values is theirs to know."""
    if not keeps_text(virtual) or step.old.virtual is None:
        return Compared(step.name, 0, ("(virtual)",))
    columns, before = identity(connection, "main", step.new.name), identity(connection, "old", step.old.name)
    same = [(column, column) for column in columns if column in before]
    key = Key(("rowid",), ("rowid",))
    faults = _join(connection, quote(step.new.name), quote(step.old.name), key, same, same)
    rows = [count_of(connection, f"main.{quote(step.new.name)}"), count_of(connection, f"old.{quote(step.old.name)}")]
    if faults or rows[0] != rows[1]:
        raise _differs(step.name, *(faults or (abs(rows[0] - rows[1]), ())))
    return Compared(step.name, rows[0])


def same_content(connection: Connection, old: str, new: str, table: Table | None) -> Compared:
    """Compare a table that came along unchanged: `--verify=full`, and every table of a fresh file."""
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
        raise _differs(new, *(faults or (abs(counts[0] - counts[1]), ())))
    notes = _generated_alike(connection, old, new, key) if key is not None else ()
    return Compared(new, counts[0], notes=tuple(notes))


def references(connection: Connection, plan: Plan) -> tuple[str, ...]:
    """foreign_key_check of every table that was written, or refers to one. Raises Failed for new violations.

    Returns a note for each reference that dangles in the old file too: that is its owner's to fix.
    """
    notes = []
    for name in _touched(connection, plan):
        table = plan.new.table(name)
        if table is not None and not _dangles(connection, table):
            continue
        broken = violations(connection, "main", name)
        if not broken:
            continue
        step = plan.step(name)
        origin = name if step is None else step.old.name if isinstance(step, CarriedStep) else None
        before = violations(connection, "old", origin) if origin is not None else 0
        if broken > before:
            refer = count(broken - before, "row refers", "rows refer")
            raise Failed.of(
                Code.VERIFY_DIFFERS,
                f'"{name}": {refer} to rows that are not there any more',
                "Please report it.",
                table=name,
            )
        refer = count(broken, "row refers", "rows refer")
        notes.append(f"{name}: {refer} to rows that do not exist, as in the old file")
    return tuple(notes)


def integrity(connection: Connection) -> tuple[str, ...]:
    """integrity_check of both files. Raises Failed with what it says of the new one and not of the old one.

    Returns a note on what it says of the old one: that is its owner's to fix.
    """
    new, old = integrity_check.integrity(connection, "main"), integrity_check.integrity(connection, "old")
    if added := [line for line in new if line not in set(old) and integrity_check.NOT_CHECKED not in line]:
        raise Failed.of(Code.VERIFY_DIFFERS, f"integrity_check of the new file: {_listed(added)}", "Please report it.")
    notes = []
    if new:
        notes.append(f"integrity_check of the old file and of the new one: {_listed(new)}")
    if fixed := [line for line in old if line not in set(new)]:
        notes.append(f"integrity_check of the old file, and not of the new one: {_listed(fixed)}")
    return tuple(notes)


def _listed(lines: Sequence[str]) -> str:
    more = f"; and {len(lines) - SAMPLES} more" if len(lines) > SAMPLES else ""
    return "; ".join(lines[:SAMPLES]) + more


def live(connection: Connection, schema: Schema) -> Iterator[Problem]:
    """What is wrong with a database that `schema` describes, read in the caller's snapshot."""
    lines = integrity_check.integrity(connection)
    if unchecked := [line for line in lines if integrity_check.NOT_CHECKED in line]:
        yield Problem(
            Code.VERIFY_IMPOSSIBLE,
            f"integrity_check: {_listed(unchecked)}",
            hint_for(unchecked[0]),
            {"check": "integrity", "found": unchecked[:SAMPLES], "count": len(unchecked)},
        )
    if found := [line for line in lines if line not in unchecked]:
        yield Problem(
            Code.VERIFY_DIFFERS,
            f"integrity_check: {_listed(found)}",
            "Where it names nothing but indexes, REINDEX makes them again. Else go back to a file that is whole "
            "(manage.py schemasync history, then rollback), or put your backup back.",
            {"check": "integrity", "found": found[:SAMPLES], "count": len(found)},
        )
    for table, rows in integrity_check.dangling_rows(connection):
        yield Problem(
            Code.VERIFY_DIFFERS,
            f'"{table}": {count(rows, "row refers", "rows refer")} to rows that do not exist',
            f"Which: PRAGMA foreign_key_check({quote(table)})",
            {"check": "references", "table": table, "rows": rows},
        )
    for name in sorted(differing(schema, ours(inspect(connection).schema, schema))):
        yield Problem(
            Code.VERIFY_DIFFERS,
            f'"{name}" is not as schema.json says',
            "To make it so again: manage.py schemasync --repair",
            {"check": "structure", "object": name},
        )


# --- rows -------------------------------------------------------------------------------------------------------

_Pairs = Sequence[tuple[str, str]]
Faults = tuple[int, tuple[str, ...]]
"""(number of rows that differ, some of their keys)."""


def _compared(mapped: Mapping) -> tuple[_Pairs, _Pairs]:
    """(new column, SQL over the old row), and (new column, expected value over the raw one of that name)."""
    raw, expected, fed = [], [], dict(mapped.columns)
    for feed in mapped.step.feeds:
        column = mapped.new.column(feed.column)
        if column is None or feed.volatile or feed.origin is Origin.GENERATED:
            continue
        if feed.origin is Origin.DEFAULT:
            source = f"({column.default.text})" if column.default is not None else "NULL"
            if mapped.rowid is not None and fold(mapped.rowid[0].strip('"')) == fold(column.name):
                source = mapped.rowid[1]
            elif feed.column == mapped.new.rowid_column:
                continue  # given out by SQLite
        else:
            source = fed[feed.column]
        name = quote(feed.column)
        raw.append((name, source))
        expected.append((name, name if feed.same else stored(name, column, mapped.new)))
    return raw, expected


def _by_key(connection: Connection, mapped: Mapping, key: Key) -> Faults | None:
    raw, expected = _compared(mapped)
    typed = _typed_by_value(mapped.new)
    return _join(connection, quote(mapped.new.name), quote(mapped.old.name), key, raw, expected, typed)


def _whole_key(connection: Connection, mapped: Mapping) -> Key | None:
    """The key by which every row is found: one with a NULL in it, which a PRIMARY KEY may have, finds none."""
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
    raw: _Pairs,
    expected: _Pairs,
    typed: frozenset[str] = frozenset(),
    rows: str = "1",
) -> Faults | None:
    """Old rows without a new one of their key, or with one that holds another value or type of value."""
    source, on = _expected_rows(old, key, raw, expected, rows), _on(key)
    differs = " OR ".join([f"n.{key.columns[0]} IS NULL", *_differing(expected, typed)])
    query = f"FROM {source} LEFT JOIN main.{new} AS n ON {on} WHERE {differs}"
    shown = " || ', ' || ".join(f'quote(o."_schemasync_k{i}")' for i in range(len(key.sources)))
    sample = tuple(str(k) for (k,) in connection.execute(f"SELECT {shown} {query} LIMIT {SAMPLES}"))
    if not sample:
        return None
    return int(connection.execute(f"SELECT count(*) {query}").fetchone()[0]), sample


def _generated(connection: Connection, mapped: Mapping, key: Key) -> Iterator[str]:
    """STORED columns whose expression is what it was, and whose values are not: this SQLite computes it otherwise than
    the one that stored them."""
    for feed in mapped.step.feeds:
        new, old = mapped.new.column(feed.column), mapped.old.column(feed.source or "")
        if new is None or old is None or not (new.stored and old.stored):
            continue
        name = quote(feed.column)
        pair = [(name, quote(feed.source or ""))]
        if old.generated == new.generated and (
            faults := _join(connection, quote(mapped.new.name), quote(mapped.old.name), key, pair, [(name, name)])
        ):
            yield _generated_changes(mapped.new.name, feed.column, *faults)


def _generated_alike(connection: Connection, old: str, new: str, key: Key) -> Iterator[str]:
    """The same of a table that keeps its shape, but for names."""
    pairs = zip(_stored_columns(connection, "main", new), _stored_columns(connection, "old", old), strict=True)
    for name, source in pairs:
        column = quote(name)
        if faults := _join(connection, quote(new), quote(old), key, [(column, quote(source))], [(column, column)]):
            yield _generated_changes(new, name, *faults)


def _stored_columns(connection: Connection, schema: str, table: str) -> list[str]:
    rows = connection.execute("SELECT name FROM pragma_table_xinfo(?, ?) WHERE hidden = 3", (table, schema))
    return [str(name) for (name,) in rows]


def _generated_changes(table: str, column: str, rows: int, keys: Sequence[str]) -> str:
    return (
        f"{table}.{column} [generated-changes]: {count(rows, 'row has another value', 'rows have other values')} than "
        f"in the old file, for example {', '.join(keys)}: SQLite {sqlite3.sqlite_version} computes "
        f"{'it' if rows == 1 else 'them'} otherwise than the one that stored {'it' if rows == 1 else 'them'}"
    )


def changed_rows(connection: Connection, mapped: Mapping, key: Key) -> tuple[int, int, int]:
    """(only in the new table, differing, only in the old one): what was written since one became the other."""
    raw, expected = _compared(mapped)
    new, source, on = (
        f"main.{quote(mapped.new.name)}",
        _expected_rows(quote(mapped.old.name), key, raw, expected),
        _on(key),
    )
    differs = " OR ".join(_differing(expected, _typed_by_value(mapped.new))) or "0"
    gone, changed = connection.execute(
        f"SELECT total(n.{key.columns[0]} IS NULL), total(n.{key.columns[0]} IS NOT NULL AND ({differs}))"
        f" FROM {source} LEFT JOIN {new} AS n ON {on}"
    ).fetchone()
    rows = count_of(connection, new)
    before = count_of(connection, f"old.{quote(mapped.old.name)}")
    return rows - (before - int(gone)), int(changed), int(gone)


def rows_by_content(connection: Connection, mapped: Mapping) -> tuple[int, int]:
    """(rows only in the new table, rows only in the old one), each as often as it stands there, whatever its row id."""
    raw, expected = _compared(mapped)
    rowid = mapped.rowid[0] if mapped.rowid is not None else None
    pairs = [(fed, sql) for fed, (name, sql) in zip(raw, expected, strict=True) if name != rowid]
    typed = _typed_by_value(mapped.new)
    either = [number for number, ((name, _), _) in enumerate(pairs) if name not in typed]
    new = ", ".join(f"{name} AS v{number}" for number, ((name, _), _) in enumerate(pairs))
    fed = ", ".join(f"{source} AS {name}" for (name, source), _ in pairs)
    old = ", ".join(f"{sql} AS v{number}" for number, (_, sql) in enumerate(pairs))
    columns = ", ".join(["sign", *(f"v{number}" for number in range(len(pairs)))])
    every = (
        f"SELECT {', '.join(['1 AS sign', *filter(None, [new])])} FROM main.{quote(mapped.new.name)} UNION ALL"
        f" SELECT {', '.join(['-1 AS sign', *filter(None, [old])])}"
        f" FROM (SELECT {fed or 1} FROM old.{quote(mapped.old.name)})"
    )
    values = [f"+v{number} COLLATE BINARY" for number in range(len(pairs))]
    grouped = ", ".join([*(f"typeof(v{number})" for number in either), *values]) or "1"
    more, fewer = connection.execute(
        f"WITH every ({columns}) AS ({every}) SELECT total(max(n, 0)), total(max(-n, 0))"
        f" FROM (SELECT sum(sign) AS n FROM every GROUP BY {grouped})"
    ).fetchone()
    return int(more), int(fewer)


def has_null(connection: Connection, table: str, columns: Sequence[str]) -> bool:
    """True where a row of the table (quoted, with its schema) has a NULL in one of these columns."""
    null = " OR ".join(f"{column} IS NULL" for column in columns)
    return bool(connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {null})").fetchone()[0])


def rows_apart(connection: Connection, mapped: Mapping, key: Key, most: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Up to `most` of each kind that `changed_rows` counts: (added, changed or removed, the values of its key)."""
    raw, expected = _compared(mapped)
    new, on = f"main.{quote(mapped.new.name)}", _on(key)
    source = _expected_rows(quote(mapped.old.name), key, raw, expected)
    differs = " OR ".join(_differing(expected, _typed_by_value(mapped.new))) or "0"
    here = ", ".join(f"n.{column}" for column in key.columns)
    there = ", ".join(f'o."_schemasync_k{i}"' for i in range(len(key.columns)))
    first = f"n.{key.columns[0]}"
    for kind, query in (
        ("added", f'SELECT {here} FROM {new} AS n LEFT JOIN {source} ON {on} WHERE o."_schemasync_k0" IS NULL'),
        ("changed", f"SELECT {there} FROM {source} JOIN {new} AS n ON {on} WHERE {differs}"),
        ("removed", f"SELECT {there} FROM {source} LEFT JOIN {new} AS n ON {on} WHERE {first} IS NULL"),
    ):
        yield from ((kind, row) for row in connection.execute(f"{query} LIMIT ?", (most,)))


def _expected_rows(old: str, key: Key, raw: _Pairs, expected: _Pairs, rows: str = "1") -> str:
    """A subquery `o` over those rows of the old table: its key, and the values that the new one should hold."""
    keys = ", ".join(f'{sql} AS "_schemasync_k{i}"' for i, sql in enumerate(key.sources))
    fed = ", ".join([keys, *(f"{sql} AS {name}" for name, sql in raw)])
    outer = ", ".join(
        [*(f'"_schemasync_k{i}"' for i in range(len(key.sources))), *(f"{sql} AS {name}" for name, sql in expected)]
    )
    return f"(SELECT {outer} FROM (SELECT {fed} FROM old.{old} WHERE {rows})) AS o"


def _on(key: Key) -> str:
    return " AND ".join(f'n.{column} = o."_schemasync_k{i}"' for i, column in enumerate(key.columns))


def _typed_by_value(table: Table) -> frozenset[str]:
    """Quoted names of the columns whose affinity leaves one number one type, whoever writes it: all but BLOB."""
    return frozenset(quote(c.name) for c in table.columns if affinity(c, table.strict) is not Affinity.BLOB)


def _differing(expected: _Pairs, typed: frozenset[str]) -> list[str]:
    """Terms of which one is true where a row differs, by type or by value.

    Values of unlike types are unlike, but for the integer and the real of one number; and of those SQLite keeps
    but one in the columns that are `typed` by the value. So types are asked for elsewhere only: for 900,000 rows of
    five columns that took 0.8 s beside 0.5 s for the values.

    Row values, as a thousand columns would exceed the depth that SQLite allows an expression; COLLATE BINARY and
    the unary plus, as a column's collation and affinity would make unlike values equal. The sign of a zero is beyond
    SQL: nothing but atan2, which not every SQLite has, tells -0.0 from 0.0.
    """
    names = [name for name, _ in expected]
    if not names:
        return []
    values = [", ".join(f"+{side}.{name} COLLATE BINARY" for name in names) for side in "no"]
    either = [name for name in names if name not in typed]
    types = [", ".join(f"typeof({side}.{name})" for name in either) for side in "no"]
    return [
        f"({values[0]}) IS NOT ({values[1]})",
        *([f"({types[0]}) IS NOT ({types[1]})"] if either else []),
    ]


def _as_sets(connection: Connection, mapped: Mapping) -> Faults | None:
    """Without a common key: every row of either side must stand on the other as often."""
    raw, expected = _compared(mapped)
    names = [name for name, _ in expected]
    inner = ", ".join(f"{sql} AS {name}" for name, sql in raw) or "1"
    values = [sql for _, sql in expected] or ["1"]
    old = f"(SELECT {inner} FROM old.{quote(mapped.old.name)})"
    return _difference(connection, f"main.{quote(mapped.new.name)}", old, names or ["1"], values)


def _sets(connection: Connection, new: str, old: str, columns: Sequence[str], sources: Sequence[str]) -> Faults | None:
    return _difference(connection, f"main.{new}", f"old.{old}", columns, sources)


def _difference(
    connection: Connection, new: str, old: str, columns: Sequence[str], sources: Sequence[str]
) -> Faults | None:
    def side(table: str, values: Sequence[str]) -> str:
        typed = [f"typeof({value}), {value} COLLATE BINARY" for value in values]
        grouped = ", ".join(str(number + 1) for number in range(2 * len(values)))
        return f"SELECT {', '.join(typed)}, count(*) FROM {table} GROUP BY {grouped}"

    one, other = side(new, columns), side(old, sources)
    count = 0
    for left, right in ((one, other), (other, one)):
        query = f"SELECT count(*) FROM (SELECT * FROM ({left}) EXCEPT SELECT * FROM ({right}))"
        count += int(connection.execute(query).fetchone()[0])
    return (count, ()) if count else None


def identity_key(
    connection: Connection, table: Table | None, name: str, columns: Sequence[str], sources: Sequence[str]
) -> Key | None:
    """The key of a table that is not rewritten: its row id, or the primary key of a WITHOUT ROWID table.

    `table`: as schema.json has it, None for a foreign one; `columns`, `sources`: its quoted columns in the new file and
    in the old one. None where the row id cannot be reached, or a foreign table has none.
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
    """`sources`: the name in the old file of each column, both quoted."""
    if table is None or table.primary_key is None:
        return None
    before = {fold(column): source for column, source in sources.items()}
    names = tuple(quote(column.column or "") for column in table.primary_key.columns)
    return Key(names, tuple(before[fold(name)] for name in names))


def _same_count(connection: Connection, mapped: Mapping) -> int:
    new = count_of(connection, f"main.{quote(mapped.new.name)}")
    old = count_of(connection, f"old.{quote(mapped.old.name)}")
    if new != old:
        raise _differs(mapped.new.name, abs(new - old), ())
    return new


def _differs(table: str, rows: int, keys: Sequence[str]) -> Failed:
    shown = f", for example {', '.join(keys)}" if keys else ""
    return Failed(
        Problem(
            Code.VERIFY_DIFFERS,
            f'"{table}" in the new file is not what it should be: {count(rows, "row differs", "rows differ")}{shown}',
            "The live file is untouched. Please report it, with the plan (schemasync plan --sql).",
            {"table": table, "rows": rows, "keys": list(keys)},
        )
    )


# --- references -------------------------------------------------------------------------------------------------


def _touched(connection: Connection, plan: Plan) -> list[str]:
    """Tables with foreign keys, ours and others, that were written or whose parents were."""
    written = {fold(step.name) for step in plan.steps if isinstance(step, Rewrite | Drop | Create)}
    found = references_of(connection)
    return [child for child, parents in found.items() if fold(child) in written or parents & written]


def _has_table(connection: Connection, name: str) -> bool:
    query = "SELECT 1 FROM pragma_table_list(?) WHERE schema = 'main'"
    return connection.execute(query, (name,)).fetchone() is not None


def _dangles(connection: Connection, table: Table) -> bool:
    """True where a row of the new file refers to nothing: what foreign_key_check finds, in a third of its time.

    It counts no rows and names none, so what it finds is for foreign_key_check to tell. Measured with 900,000 rows:
    0.26 s beside 0.92 s. The parent's collation and affinity decide, as in SQLite itself: hence the plus.
    """
    for key in table.foreign_keys:
        some = " AND ".join(f"c.{quote(child)} IS NOT NULL" for child in key.columns)
        same = [f"p.{quote(to)} = +c.{quote(child)}" for to, child in zip(key.references, key.columns, strict=False)]
        parents = f"SELECT 1 FROM main.{quote(key.table)} AS p WHERE {' AND '.join(same) or 0}"
        if not _has_table(connection, key.table):  # something else makes it, perhaps later
            parents = "SELECT 1 WHERE 0"
        query = f"SELECT EXISTS (SELECT 1 FROM main.{quote(table.name)} AS c WHERE {some} AND NOT EXISTS ({parents}))"
        if connection.execute(query).fetchone()[0]:
            return True
    return False
