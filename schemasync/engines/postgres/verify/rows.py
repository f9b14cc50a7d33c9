"""Compares rows by their exact values, and names those that differ by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ....schema.names import quote
from ..moved import MovedTable
from ..types import ByHand, Bytea, PgColumn, PgType
from . import exact
from .exact import Exact
from .result import Difference, DifferingRow

if TYPE_CHECKING:
    from ..driver import Connection

ExactRow = tuple[Exact, ...]
ByKey = Mapping[ExactRow, ExactRow]


def typed_key(key: Sequence[PgColumn], values: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return the placeholders for a key's values in PostgreSQL's SQL, and the values. They have the types of the
    columns, as a comparison of different types would use no index."""
    marks = ", ".join("%s" if isinstance(one.type, ByHand) else f"%s::{one.type.sql}" for one in key)
    return marks, [_typed(value, one.type) for value, one in zip(values, key, strict=True)]


def _typed(value: Any, type_: PgType) -> Any:
    if isinstance(value, float):
        return repr(value)
    return value.decode() if _is_text(value, type_) else value


def _is_text(value: Any, type_: PgType) -> bool:
    return isinstance(value, bytes) and not isinstance(type_, Bytea)


def key_of(values: Sequence[Any]) -> str:
    """A key as text, for a message."""
    return ", ".join(str(value) if isinstance(value, int) else repr(value) for value in values)


def as_text(type_: PgType, value: Any) -> Any:
    """Return a value whose text is bytes with the text as str."""
    return value.decode(errors="surrogateescape") if _is_text(value, type_) else value


def here_row(table: MovedTable, row: Sequence[Any]) -> ExactRow:
    """Return the exact values of a row that SQLite sent, with text as bytes."""
    return tuple(
        exact.of_here(column.type, as_text(column.type, value)) for column, value in zip(table.copied, row, strict=True)
    )


def here_rows(table: MovedTable, rows: Iterable[Sequence[Any]]) -> ByKey:
    """Return the exact values of rows of SQLite, by their keys."""
    found = (here_row(table, row) for row in rows)
    return {_key(table, row): row for row in found}


def there_rows(target: Connection, table: MovedTable, where: str, given: Sequence[Any]) -> Iterator[ExactRow]:
    """Yield the exact values of the rows of PostgreSQL that meet the condition."""
    wanted = ", ".join(exact.there(column.type, quote(column.name)) for column in table.copied)
    query = f"SELECT {wanted or 'NULL'} FROM {quote(table.target)} WHERE {where}"
    for row in target.execute(query.encode(), given):
        yield there_row(table, row)


def there_row(table: MovedTable, row: Sequence[Any]) -> ExactRow:
    """Return the exact values of a row that was read by the SQL of `exact.there`."""
    return tuple(exact.of_there(column.type, value) for column, value in zip(table.copied, row, strict=False))


def _key(table: MovedTable, row: ExactRow) -> ExactRow:
    names = [column.name for column in table.copied]
    return tuple(row[names.index(column.name)] for column in table.key)


def differing_rows(
    target: Connection, table: MovedTable, ours: ByKey, where: str, given: Sequence[Any]
) -> Iterator[DifferingRow]:
    """Yield the rows that differ between SQLite (`ours`) and the rows of PostgreSQL that meet the condition."""
    theirs = {_key(table, row): row for row in there_rows(target, table, where, given)}
    yield from differences(table, ours, theirs)


def differences(table: MovedTable, ours: ByKey, theirs: ByKey) -> Iterator[DifferingRow]:
    """Yield the rows that differ, first those that SQLite has."""
    for key, row in ours.items():
        other = theirs.get(key)
        if other is None:
            yield DifferingRow(key_of(key), Difference.MISSING)
        elif other != row:
            columns = [one.name for one, a, b in zip(table.copied, row, other, strict=True) if a != b]
            yield DifferingRow(key_of(key), Difference.CHANGED, tuple(columns))
    for key in theirs:
        if key not in ours:
            yield DifferingRow(key_of(key), Difference.EXTRA)
