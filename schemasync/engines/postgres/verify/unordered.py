"""Compares a table whose key both engines do not order alike, or that has none: by sums of hashes of its rows.

The sums do not depend on the order. Each row belongs to one of many sets by its hash; only the rows of sets that differ
are compared. It reads PostgreSQL's rows into this process, which takes longer than `pieces`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ....schema.names import quote
from ...sqlite.connection import Connection as Source
from ...sqlite.for_postgres.reading import key_text, select
from ..moved import MovedTable
from . import exact
from .result import Difference, DifferingRow, Proof
from .rows import ExactRow, here_row, there_row

if TYPE_CHECKING:
    from ..driver import Connection

SETS = 4096
MOST = 20_000  # rows of differing sets that are held in memory; further sets are only reported as different
EVERY = 10_000

Sums = dict[int, tuple[int, int]]
"""Number of a set -> how many rows it has, and the sum of their hashes."""


def compare_unordered(
    source: Source, target: Connection, table: MovedTable, columns: Sequence[str], progress: Callable[[int], None]
) -> Proof:
    """Compare all rows. `columns`: SQLite's SQL for the values as they are sent."""
    proof = Proof(table.name)

    def counted() -> Iterator[tuple[str, ExactRow]]:
        for one in _here(source, table, columns):
            proof.rows += 1
            if proof.rows % EVERY == 0:
                progress(proof.rows)
            yield one

    ours, theirs = _sums(counted()), _sums(_there(target, table))
    differing = {number for number in ours.keys() | theirs.keys() if ours.get(number) != theirs.get(number)}
    shown = _shown_sets(differing, ours, theirs)
    proof.differing += len(differing - shown)  # at least one row of each set
    if differing:
        _narrow(proof, table, _of_sets(_here(source, table, columns), shown), _of_sets(_there(target, table), shown))
    progress(proof.rows)
    return proof


def _here(source: Source, table: MovedTable, columns: Sequence[str]) -> Iterator[tuple[str, ExactRow]]:
    for key, *row in source.execute(select(table, [f"CAST({key_text(table)} AS TEXT)", *columns])):
        yield key.decode(errors="replace"), here_row(table, row)


def _there(target: Connection, table: MovedTable) -> Iterator[tuple[str, ExactRow]]:
    wanted = ", ".join(exact.there(column.type, quote(column.name)) for column in table.copied)
    with target.transaction(), target.cursor(name="schemasync_rows") as cursor:  # the server holds unread rows
        cursor.itersize = EVERY
        for row in cursor.execute(f"SELECT {wanted or 'NULL'} FROM {quote(table.target)}".encode()):
            yield "", there_row(table, row)


def _hash(row: ExactRow) -> int:
    return int.from_bytes(blake2b(repr(row).encode(errors="surrogatepass"), digest_size=16).digest())


def _sums(rows: Iterator[tuple[str, ExactRow]]) -> Sums:
    found: Sums = {}
    for _, row in rows:
        hashed = _hash(row)
        count, total = found.get(hashed % SETS, (0, 0))
        found[hashed % SETS] = count + 1, total + hashed
    return found


def _of_sets(rows: Iterator[tuple[str, ExactRow]], sets: Collection[int]) -> Iterator[tuple[str, ExactRow]]:
    return ((key, row) for key, row in rows if _hash(row) % SETS in sets)


def _shown_sets(differing: Collection[int], ours: Sums, theirs: Sums) -> set[int]:
    """Return as many of the sets as fit into memory, but at least one."""
    found, rows = set[int](), 0
    for number in sorted(differing):
        rows += ours.get(number, (0, 0))[0] + theirs.get(number, (0, 0))[0]
        if found and rows > MOST:
            break
        found.add(number)
    return found


def _narrow(
    proof: Proof, table: MovedTable, ours: Iterator[tuple[str, ExactRow]], theirs: Iterator[tuple[str, ExactRow]]
) -> None:
    """Add the rows that only one side has; two of them with the same key are one changed row."""
    left: Counter[ExactRow] = Counter()
    keys: dict[ExactRow, str] = {}
    for key, row in ours:
        left[row] += 1
        keys[row] = key
    extra: Counter[ExactRow] = Counter()
    for _, row in theirs:
        if left[row] > 0:
            left[row] -= 1
        else:
            extra[row] += 1
    by_key = {_key(table, row): row for row in extra} if table.key else {}
    for row in left.elements():
        other = by_key.pop(_key(table, row), None) if table.key else None
        if other is not None:
            extra[other] -= 1
            columns = [one.name for one, a, b in zip(table.copied, row, other, strict=True) if a != b]
            proof.add(DifferingRow(keys[row], Difference.CHANGED, tuple(columns)))
        else:
            proof.add(DifferingRow(keys[row], Difference.MISSING))
    for row in extra.elements():
        proof.add(DifferingRow(_shown(table, row), Difference.EXTRA))


def _key(table: MovedTable, row: ExactRow) -> ExactRow:
    names = [column.name for column in table.copied]
    return tuple(row[names.index(column.name)] for column in table.key)


def _shown(table: MovedTable, row: ExactRow) -> str:
    """Return the key of a row that only PostgreSQL has; `?` for a row without a key."""
    values: Sequence[Any] = _key(table, row)
    return ", ".join(map(str, values)) or "?"
