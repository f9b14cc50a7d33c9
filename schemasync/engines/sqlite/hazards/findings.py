"""How rows that were found become hazards: counted in few passes, with some of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....diff.hazards import Hazard, HazardCode
from ....schema.spelling import count
from ..connection import Connection
from .projection import KEY

SAMPLES = 5  # keys shown for a hazard: enough to find the rows, few enough to read
BATCH = 200  # predicates in one pass over a table; SQLite takes 2,000 result columns


@dataclass(frozen=True, slots=True)
class Predicate:
    """`sql` is true for an offending row of the projection."""

    sql: str
    code: HazardCode
    message: str
    hint: str
    column: str = ""


def rows(connection: Connection, table: str, predicates: Sequence[Predicate], parts: Sequence[str]) -> Iterator[Hazard]:
    """The predicates that are true for some row; `parts` are projections that hold all rows between them."""
    for begin in range(0, len(predicates), BATCH):
        batch = predicates[begin : begin + BATCH]
        sums = ", ".join(f"total(CASE WHEN {p.sql} THEN 1 ELSE 0 END)" for p in batch)
        counted = [connection.execute(f"SELECT {sums} FROM {part}").fetchone() for part in parts]
        for predicate, counts in zip(batch, zip(*counted, strict=True), strict=True):
            if any(counts):
                yield _hazard(connection, table, predicate, int(sum(counts)), parts)


def _hazard(connection: Connection, table: str, predicate: Predicate, number: int, parts: Sequence[str]) -> Hazard:
    some = [
        key
        for part in parts
        for (key,) in connection.execute(
            f"SELECT {KEY} FROM {part} WHERE {predicate.sql} ORDER BY {KEY} LIMIT {SAMPLES}"
        )
    ]
    keys = tuple(map(str, sorted(some, key=_order)))[:SAMPLES]
    where = f"{table}.{predicate.column}" if predicate.column else table
    message = f"{where}: {count(number, 'row')}: {predicate.message}{shown(keys)}"
    return Hazard(predicate.code, message, predicate.hint, table, predicate.column, number, keys)


def _order(key: object) -> tuple[bool, float, str]:
    """Numbers before text, as SQLite has it."""
    is_number = isinstance(key, int | float)
    return not is_number, float(key) if isinstance(key, int | float) else 0.0, "" if is_number else str(key)


def shown(keys: Sequence[str]) -> str:
    """The keys as the end of a message."""
    return f" (for example {', '.join(keys)})" if keys else ""
