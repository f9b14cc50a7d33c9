"""Compares a table piece by piece in the order of its key: by digests, and rows only where those differ.

PostgreSQL works on a piece while the next one is read from SQLite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ....schema.names import quote
from ...sqlite.connection import Connection as Source
from ...sqlite.for_postgres.reading import select
from ..moved import FIRST, LAST, MovedTable, RowIds
from ..types import (
    Bigint,
    Bytea,
    Date,
    Integer,
    PgColumn,
    Smallint,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)
from . import digests
from .result import SAMPLES, Difference, DifferingRow, Proof
from .rows import as_text, differing_rows, here_rows, key_of, typed_key

if TYPE_CHECKING:
    from psycopg import Cursor
    from psycopg.rows import TupleRow

    from ..driver import Connection

FEWEST, MOST = 16, 4096  # rows of a piece
MANY_BYTES = 1 << 20  # bytes of a piece; after one with less than half of that, the next one has twice as many rows

_ORDERED = (Bigint, Integer, Smallint, Date, Time, Timestamp, TimestampTz, Uuid, Bytea)


def has_order(table: MovedTable) -> bool:
    """Return True if both engines order the table's key alike, and no policy may change a value of the key."""
    return bool(table.key) and all(
        (isinstance(one.type, _ORDERED) or (isinstance(one.type, Text | Varchar) and one.collation == "C"))
        and table.policy(one) is None
        for one in table.key
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows of SQLite in the order of the key, with text as bytes. `after`, `last`: the key before the first row, and
    that of the last row. `columns`: the values of each copied column."""

    after: Sequence[Any] | None
    last: Sequence[Any]
    rows: Sequence[Sequence[Any]]
    columns: Sequence[tuple[PgColumn, Sequence[Any]]]


def is_divisible(table: MovedTable) -> bool:
    """Return True if parts of the table by row id can be compared by themselves: the row id is the key."""
    return has_order(table) and [column.name for column in table.key] == [table.rowid_column]


def compare_pieces(
    source: Source,
    target: Connection,
    table: MovedTable,
    columns: Sequence[str],
    exactly: Sequence[str],
    progress: Callable[[int], None],
    part: RowIds | None = None,
) -> Proof:
    """Compare all rows, or those of a part. `columns`: SQLite's SQL for the values of a digest. `exactly`: SQL for the
    values as they are sent, which is slower."""
    proof = Proof(table.name)
    aggregates = {column.name: digests.there(column) for column in table.copied}
    last: Sequence[Any] | None = (part.first - 1,) if part is not None and part.first > FIRST else None
    with target.pipeline():
        before: tuple[_Piece, Cursor[TupleRow]] | None = None
        for piece in _pieces(source, table, columns, part, last):
            asked = _ask(target, table, aggregates, piece)
            if before is not None:
                _compare(source, target, table, proof, *before, aggregates, exactly)
                progress(proof.rows)
            before, last = (piece, asked), piece.last
        if before is not None:
            _compare(source, target, table, proof, *before, aggregates, exactly)
    _extra(target, table, proof, last, (part.last,) if part is not None and part.last < LAST else None)
    progress(proof.rows)
    return proof


def _pieces(
    source: Source, table: MovedTable, columns: Sequence[str], part: RowIds | None, after: Sequence[Any] | None
) -> Iterator[_Piece]:
    keys = [quote(column.name) for column in table.key]
    order = ", ".join(f"{key} COLLATE BINARY" for key in keys)
    where = f" WHERE {table.rowid} BETWEEN {part.first} AND {part.last}" if part is not None else ""
    cursor = source.execute(f"{select(table, (*columns, *keys))}{where} ORDER BY {order}")
    size = FEWEST
    width = len(columns)
    while fetched := cursor.fetchmany(size):
        last = fetched[-1][width:]
        yield _Piece(after, last, fetched, list(zip(table.copied, zip(*fetched, strict=True), strict=False)))
        after, size = last, _next_size(size, fetched)


def _next_size(size: int, rows: Sequence[Sequence[Any]]) -> int:
    bytes_ = (
        sum(len(value) for row in rows for value in row if isinstance(value, bytes)) if size < MOST else _sampled(rows)
    )
    if bytes_ > MANY_BYTES:
        return max(FEWEST, size // 2)
    return min(MOST, size * 2) if bytes_ < MANY_BYTES // 2 else size


def _sampled(rows: Sequence[Sequence[Any]]) -> int:
    some = rows[:: max(1, len(rows) // 64)]
    return len(rows) // max(1, len(some)) * sum(len(value) for row in some for value in row if isinstance(value, bytes))


def _ask(target: Connection, table: MovedTable, aggregates: dict[str, list[str]], piece: _Piece) -> Cursor[TupleRow]:
    """Start PostgreSQL's digests of the piece; the caller fetches their result later."""
    wanted = ", ".join(["count(*)", *(one for several in aggregates.values() for one in several)])
    keys = ", ".join(quote(column.name) for column in table.key)
    where, given = between(table.key, piece.after, piece.last)
    rows = f"SELECT * FROM {quote(table.target)} WHERE {where} ORDER BY {keys}"
    ours = [one for column, values in piece.columns for one in digests.given(column, values)]
    return target.execute(f"SELECT {wanted} FROM ({rows}) AS piece".encode(), [*ours, *given])


def between(key: Sequence[PgColumn], after: Sequence[Any] | None, last: Sequence[Any] | None) -> tuple[str, list[Any]]:
    """Return the condition for keys after `after` and up to `last`, with its parameters."""
    names, terms, given = ", ".join(quote(column.name) for column in key), list[str](), list[Any]()
    for comparison, values in ((">", after), ("<=", last)):
        if values is not None:
            marks, typed = typed_key(key, values)
            terms.append(f"({names}) {comparison} ({marks})")
            given += typed
    return " AND ".join(terms) or "true", given


def _compare(
    source: Source,
    target: Connection,
    table: MovedTable,
    proof: Proof,
    piece: _Piece,
    asked: Cursor[TupleRow],
    aggregates: dict[str, list[str]],
    exactly: Sequence[str],
) -> None:
    proof.rows += len(piece.rows)
    answer = asked.fetchone()
    assert answer is not None
    rows, theirs = answer[0], list(answer[1:])
    is_equal = rows == len(piece.rows)
    for column, values in piece.columns:
        count = len(aggregates[column.name])
        some, theirs = theirs[:count], theirs[count:]
        is_equal = is_equal and digests.are_equal(column, digests.here(column, values), some)
    if not is_equal:
        here, keys = _between_here(table.key, piece)
        ours = here_rows(table, source.execute(f"{select(table, exactly)} WHERE {here}", keys))
        where, given = between(table.key, piece.after, piece.last)
        for row in differing_rows(target, table, ours, where, given):
            proof.add(row)


def _between_here(key: Sequence[PgColumn], piece: _Piece) -> tuple[str, list[Any]]:
    """Return the condition for the keys of a piece, in SQLite, with its parameters."""
    names = ", ".join(f"{quote(column.name)} COLLATE BINARY" for column in key)
    marks = ", ".join("?" for _ in key)
    terms, given = list[str](), list[Any]()
    for comparison, values in ((">", piece.after), ("<=", piece.last)):
        if values is not None:
            terms.append(f"({names}) {comparison} ({marks})")
            given += [as_text(column.type, value) for column, value in zip(key, values, strict=True)]
    return " AND ".join(terms), given


def _extra(
    target: Connection, table: MovedTable, proof: Proof, last: Sequence[Any] | None, end: Sequence[Any] | None
) -> None:
    """Count the rows on PostgreSQL after the last key of SQLite, up to the end of the part."""
    where, given = between(table.key, last, end)
    keys = ", ".join(quote(column.name) for column in table.key)
    rows = f"FROM {quote(table.target)} WHERE {where}"
    counted = target.execute(f"SELECT count(*) {rows}".encode(), given).fetchone()
    if counted is not None and counted[0]:
        some = target.execute(f"SELECT {keys} {rows} ORDER BY {keys} LIMIT {SAMPLES}".encode(), given).fetchall()
        for key in some:
            proof.add(DifferingRow(key_of(key), Difference.EXTRA))
        proof.differing += counted[0] - len(some)
