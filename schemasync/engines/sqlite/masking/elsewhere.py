"""Finds columns of the copy with values that are masked in other columns: the rules may have forgotten them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ....masking.rules import Rules
from ....schema.model import ColumnName, Table
from ....schema.names import fold, quote
from ..connection import Connection
from ..objects import OWN_PREFIX
from .fill import Column

VALUES = f"temp.{OWN_PREFIX}values"
SAMPLE = 1_000  # old values of each masked column: a column that repeats it has many of them
LONG = 8  # characters: shorter texts are equal by accident


def found_elsewhere(
    connection: Connection, tables: Sequence[Table], columns: Mapping[tuple[str, str], Column], rules: Rules
) -> Iterator[ColumnName]:
    """Return columns with a text that a masked column had, except those that the rules keep. The old values are in a
    temporary table, which is not in the file of the copy."""
    connection.execute(f"CREATE TABLE {VALUES} (v PRIMARY KEY) WITHOUT ROWID")
    for masked in columns.values():
        name, place = quote(masked.name), quote(masked.table)
        connection.execute(
            f"INSERT OR IGNORE INTO {VALUES} SELECT {name} FROM old.{place}"
            f" WHERE typeof({name}) = 'text' AND length({name}) >= {LONG} LIMIT {SAMPLE}"
        )
    for table in tables:
        asked = list(_asked(table, columns, rules))
        terms = [f"total({quote(name)} IN (SELECT v FROM {VALUES}))" for name in asked]
        if terms:
            found = connection.execute(f"SELECT {', '.join(terms)} FROM main.{quote(table.name)}").fetchone()
            yield from (ColumnName(table.name, name) for name, rows in zip(asked, found, strict=True) if rows)
    connection.execute(f"DROP TABLE {VALUES}")


def _asked(table: Table, columns: Mapping[tuple[str, str], Column], rules: Rules) -> Iterator[str]:
    if rules.whole_of(table.name) is None:
        named = rules.of(table.name)
        for column in table.columns:
            is_masked = (fold(table.name), fold(column.name)) in columns
            if not is_masked and fold(column.name) not in named and column.generated is None:
                yield column.name
