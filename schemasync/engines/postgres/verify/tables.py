"""Compares whole tables, and the rows with given keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ....schema.names import fold, quote
from ...sqlite.connection import Connection as Source
from ...sqlite.for_postgres.reading import Changes, reading, select, value_columns
from ..driver import library
from ..moved import MovedTable, RowIds
from ..types import Jsonb, Numeric
from .pieces import compare_pieces, has_order
from .result import Proof
from .rows import differing_rows, here_rows, typed_key
from .unordered import compare_unordered

if TYPE_CHECKING:
    from ..driver import Connection


def compare_table(
    source: Source,
    target: Connection,
    table: MovedTable,
    *,
    judged: Collection[str] | None = None,
    part: RowIds | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Proof:
    """Compare all rows that the two transactions see. If a policy changes a value, the changed value is compared.

    `judged`: folded names of the columns in which some values may not fit; None for all. `part`: for a table that
    `is_divisible`, only the rows with these row ids, on both sides.
    """
    changes = Changes()
    exactly = value_columns(source, table, changes, judged)
    if not has_order(table):
        with reading(source, changes, bytes):
            return compare_unordered(source, target, table, exactly, progress)
    for is_json_judged in (False, True):
        columns = value_columns(source, table, changes, _changed_alike(table, judged, is_json_judged=is_json_judged))
        expected = () if is_json_judged else (library().DataError,)
        with reading(source, changes, bytes), suppress(*expected), target.transaction():
            return compare_pieces(source, target, table, columns, exactly, progress, part)
    raise AssertionError  # the second pass returns or raises


def _changed_alike(table: MovedTable, judged: Collection[str] | None, *, is_json_judged: bool) -> set[str]:
    """Return the folded names of the columns whose values must be judged before a digest. In all other columns a value
    that does not fit has no equal on PostgreSQL, and is judged once the digests differ; only invalid JSON causes an
    error there."""
    types = (Numeric, Jsonb) if is_json_judged else Numeric
    return {
        fold(column.name)
        for column in table.copied
        if (judged is None or fold(column.name) in judged)
        and (isinstance(column.type, types) or table.policy(column) is not None)
    }


def compare_keys(source: Source, target: Connection, table: MovedTable, keys: Iterable[Sequence[Any]]) -> Proof:
    """Compare the rows with these keys, which are values of SQLite, whether the rows exist or not. The table must have
    a key."""
    proof = Proof(table.name)
    here = " AND ".join(f"{quote(column.name)} IS ?" for column in table.key)
    marks = ", ".join(quote(column.name) for column in table.key)
    for key in keys:
        typed, given = typed_key(table.key, key)
        proof.merge(compare_some(source, target, table, here, f"({marks}) = ({typed})", tuple(key), given))
    return proof


def compare_some(
    source: Source,
    target: Connection,
    table: MovedTable,
    here: str,
    there: str,
    given_here: Sequence[Any] = (),
    given_there: Sequence[Any] = (),
) -> Proof:
    """Compare the rows that two conditions choose, one in each side's SQL. The rows are held in memory."""
    changes, proof = Changes(), Proof(table.name)
    query = select(table, value_columns(source, table, changes))
    with reading(source, changes, bytes):
        rows = source.execute(f"{query} WHERE {here}", given_here).fetchall()
    proof.rows = len(rows)
    for row in differing_rows(target, table, here_rows(table, rows), there, given_there):
        proof.add(row)
    return proof
