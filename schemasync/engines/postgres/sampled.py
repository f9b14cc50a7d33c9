"""Evaluates translated expressions over rows that are in both databases: a difference reveals a translation with
another meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ...schema.model import Schema, Table
from ...schema.names import fold, quote
from .json_values import canonical
from .types import Bigint, Date, Integer, PgColumn, PgType, Smallint, Text, Uuid, Varchar

if TYPE_CHECKING:
    from ..sqlite.connection import Connection as Lite
    from .driver import Connection
    from .statements import Translated

ROWS = 1000  # rows from each end of a table: unusual values are often old or new
_KEYS = Bigint | Integer | Smallint | Text | Varchar | Uuid | Date


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows in which an expression differs. `what`: the expression, such as `the CHECK "positive"`. `rows`: the number
    of differing rows in the sample. `key`, `here`, `there`: of the first of them, the key and the values in SQLite and
    PostgreSQL."""

    table: str
    what: str
    rows: int
    key: tuple[Any, ...]
    here: Any
    there: Any


def differences(
    lite: Lite,
    pg: Connection,
    schema: Schema,
    columns: Mapping[str, tuple[PgColumn, ...]],
    translated: tuple[Translated, ...],
    rows: int = ROWS,
) -> Iterator[Difference]:
    """Compare each translated expression over the first and the last rows of its table by key, as far as both sides
    have them. Tables without a primary key that both sides order alike are skipped."""
    by_table: dict[str, list[Translated]] = {}
    for one in translated:
        by_table.setdefault(one.table, []).append(one)
    for name, expressions in by_table.items():
        table = schema.table(name)
        key = _key(table, columns[name]) if table is not None else ()
        if key:
            yield from _of_table(lite, pg, name, key, expressions, rows)


def _key(table: Table, columns: tuple[PgColumn, ...]) -> tuple[str, ...]:
    """Return the columns of the primary key; empty if the two sides may differ in its order or form."""
    types: dict[str, PgType] = {fold(column.name): column.type for column in columns}
    parts = table.primary_key.columns if table.primary_key is not None else ()
    is_alike = all(part.column and not part.collation and isinstance(types[fold(part.column)], _KEYS) for part in parts)
    return tuple(part.column or "" for part in parts) if is_alike else ()


def _of_table(
    lite: Lite, pg: Connection, table: str, key: tuple[str, ...], expressions: list[Translated], rows: int
) -> Iterator[Difference]:
    found: dict[int, Difference] = {}
    seen: set[tuple[Any, ...]] = set()
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{quote(name)} {direction}" for name in key)
        end = f" FROM {quote(table)} ORDER BY {order} LIMIT {rows:d}"
        keys = ", ".join(map(quote, key))
        here = lite.execute(f"SELECT {keys}, {', '.join(f'({one.sqlite})' for one in expressions)}{end}").fetchall()
        sql = f"SELECT {keys}, {', '.join(f'({one.postgres})' for one in expressions)}{end}"
        there = {_plain_row(row[: len(key)]): _plain_row(row[len(key) :]) for row in pg.execute(sql.encode())}
        for row in here:
            if row[: len(key)] not in seen:
                _compare(row, len(key), there, expressions, found)
        seen |= {row[: len(key)] for row in here}
    yield from found.values()


def _compare(
    row: tuple[Any, ...],
    parts: int,
    there: Mapping[tuple[Any, ...], tuple[Any, ...]],
    expressions: list[Translated],
    found: dict[int, Difference],
) -> None:
    key = row[:parts]
    for number, (ours, theirs) in enumerate(zip(row[parts:], there.get(key, row[parts:]), strict=True)):
        one = expressions[number]
        if ours != theirs and not (one.is_json and _says_the_same(ours, theirs)):
            before = found.get(number)
            found[number] = Difference(
                one.table,
                one.what,
                1 if before is None else before.rows + 1,
                key if before is None else before.key,
                ours if before is None else before.here,
                theirs if before is None else before.there,
            )


def _says_the_same(ours: Any, theirs: Any) -> bool:
    return None not in (ours, theirs) and canonical(str(ours)) == canonical(theirs)


def _plain_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(map(_plain, row))


def _plain(value: Any) -> Any:
    """Return a value in the form that SQLite stores."""
    match value:
        case bool():
            return int(value)
        case Decimal():
            return float(value)
        case memoryview():
            return bytes(value)
        case UUID():
            return value.hex
        case datetime():
            return value.replace(tzinfo=None).isoformat(" ")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value // timedelta(microseconds=1)
        case IPv4Address() | IPv6Address():
            return str(value)
        case _:
            return value
