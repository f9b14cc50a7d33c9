"""The SQL that compares rows of the new file with those expected from the old file and the plan."""

from __future__ import annotations

from collections.abc import Sequence

from ....plan.model import Origin
from ....schema.affinity import Affinity, affinity
from ....schema.model import Table
from ....schema.names import fold, quote
from ..mapping import Key, Mapping, is_lost_in_subqueries, stored

Pairs = Sequence[tuple[str, str]]


def compared_columns(mapped: Mapping) -> tuple[Pairs, Pairs]:
    """Return (new column, SQL over the old row), and (new column, expected value over the raw one of that name)."""
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
                continue  # SQLite assigns it
        else:
            source = fed[feed.column]
        name, value = quote(feed.column), alias(quote(feed.column))
        raw.append((name, source))
        expected.append((name, value if feed.same else stored(value, column, mapped.new)))
    return raw, expected


def alias(name: str) -> str:
    """Return the name, in a subquery, of a value for the column of this quoted name."""
    return f'"_schemasync_{name[1:]}' if is_lost_in_subqueries(name[1:-1]) else name


def expected_rows(old: str, key: Key, raw: Pairs, expected: Pairs, rows: str = "1") -> str:
    """Return a subquery `o` over these rows of the old table: its key, and the values that the new one should have."""
    keys = ", ".join(f'{sql} AS "_schemasync_k{i}"' for i, sql in enumerate(key.sources))
    fed = ", ".join([keys, *(f"{sql} AS {alias(name)}" for name, sql in raw)])
    outer = ", ".join(
        [
            *(f'"_schemasync_k{i}"' for i in range(len(key.sources))),
            *(f"{sql} AS {alias(name)}" for name, sql in expected),
        ]
    )
    return f"(SELECT {outer} FROM (SELECT {fed} FROM old.{old} WHERE {rows})) AS o"


def on_key(key: Key) -> str:
    return " AND ".join(f'n.{column} = o."_schemasync_k{i}"' for i, column in enumerate(key.columns))


def typed_by_value(table: Table) -> frozenset[str]:
    """Return quoted names of the columns whose affinity stores each number as one type: all except those of BLOB
    affinity."""
    return frozenset(quote(c.name) for c in table.columns if affinity(c, table.strict) is not Affinity.BLOB)


def both_sides(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return these columns of the new row `n`, and of the expected one `o`."""
    return [f"n.{name}" for name in names], [f"o.{alias(name)}" for name in names]


def differing_terms(expected: Pairs, typed: frozenset[str]) -> list[str]:
    """Return terms of which one is true if a row differs, by type or by value.

    Values of different types differ, except the integer and the real of one number, of which SQLite keeps only one in
    the columns that are `typed` by the value. So types are compared only in other columns: for 900,000 rows of five
    columns that took 0.8 s, in addition to 0.5 s for the values.

    They are row values, because a thousand columns would exceed the depth that SQLite allows an expression, with
    COLLATE BINARY and the unary plus, because a column's collation and affinity would make different values equal. SQL
    cannot compare the sign of a zero: only atan2, which not every SQLite has, distinguishes -0.0 from 0.0.
    """
    names = [name for name, _ in expected]
    if not names:
        return []
    values = [", ".join(f"+{name} COLLATE BINARY" for name in side) for side in both_sides(names)]
    either = [name for name in names if name not in typed]
    types = [", ".join(f"typeof({name})" for name in side) for side in both_sides(either)]
    return [
        f"({values[0]}) IS NOT ({values[1]})",
        *([f"({types[0]}) IS NOT ({types[1]})"] if either else []),
    ]
