"""Turns the rows that were found into hazards: counted in few passes, with some of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....diff.hazards import Hazard, HazardCode
from ....schema.text import count
from ..connection import Connection
from .projection import KEY

SAMPLES = 5  # keys shown for a hazard: enough to find the rows, few enough to read
LONGEST = 40  # characters of a value that is shown
BATCH = 200  # predicates in one pass over a table; SQLite allows 2,000 result columns


@dataclass(frozen=True, slots=True)
class Cast:
    """A conversion that a hint may offer, checked against `rows`: the values that feed the new columns.

    `value`: the value that feeds the column. `misfits` is true if the column does not accept it unchanged. `changes` is
    true if the conversion gives another value than the column does, or cannot be converted back from a misfit.
    """

    rows: str
    value: str
    row_errors: str
    changes: str
    hint: str
    is_secret: bool


@dataclass(frozen=True, slots=True)
class Predicate:
    """`sql` is true for an offending row of the projection. `cast`: a hint that is offered if it keeps all values."""

    sql: str
    code: HazardCode
    message: str
    hint: str
    column: str = ""
    cast: Cast | None = None


def rows(connection: Connection, table: str, predicates: Sequence[Predicate], parts: Sequence[str]) -> Iterator[Hazard]:
    """Yield the hazards of predicates that are true for some row. `parts`: projections that have all rows between
    them."""
    for begin in range(0, len(predicates), BATCH):
        batch = predicates[begin : begin + BATCH]
        if not any(_some(connection, batch, part) for part in parts):
            continue
        sums = ", ".join(f"total(CASE WHEN {p.sql} THEN 1 ELSE 0 END)" for p in batch)
        counted = [connection.execute(f"SELECT {sums} FROM {part}").fetchone() for part in parts]
        for predicate, counts in zip(batch, zip(*counted, strict=True), strict=True):
            if any(counts):
                yield _hazard(connection, table, predicate, int(sum(counts)), parts)


def _some(connection: Connection, batch: Sequence[Predicate], part: str) -> bool:
    """Return True if one of the predicates is true for a row. Counting for each takes three times as long."""
    query = f"SELECT 1 FROM {part} WHERE {' OR '.join(f'({p.sql})' for p in batch)} LIMIT 1"
    return connection.execute(query).fetchone() is not None


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
    return Hazard(predicate.code, message, _hint(connection, predicate), table, predicate.column, number, keys)


def _hint(connection: Connection, predicate: Predicate) -> str:
    """Return the conversion if it keeps every value; otherwise some of the values, for a person to decide."""
    cast = predicate.cast
    if cast is None:
        return predicate.hint
    first = cast.hint if cast.hint and _keeps_all(connection, cast) else _say_what_it_should_be(connection, cast)
    return "\n".join(filter(None, [first, predicate.hint]))


def _keeps_all(connection: Connection, cast: Cast) -> bool:
    return not connection.execute(f"SELECT EXISTS (SELECT 1 FROM {cast.rows} WHERE {cast.changes})").fetchone()[0]


def _say_what_it_should_be(connection: Connection, cast: Cast) -> str:
    more = f"CASE WHEN length({cast.value}) > {LONGEST} THEN ' …' ELSE '' END"
    query = (
        f"SELECT DISTINCT quote(substr({cast.value}, 1, {LONGEST})) || {more} FROM {cast.rows} WHERE {cast.row_errors}"
    )
    found = [] if cast.is_secret else connection.execute(f"{query} LIMIT {SAMPLES}").fetchall()
    seen = f"The values are, for example, {', '.join(str(value) for (value,) in found)}. " if found else ""
    return f'{seen}Write what each becomes in a "fill", or fix the rows.'


def _order(key: object) -> tuple[bool, float, str]:
    """Numbers before text, as in SQLite."""
    is_number = isinstance(key, int | float)
    return not is_number, float(key) if isinstance(key, int | float) else 0.0, "" if is_number else str(key)


def shown(keys: Sequence[str]) -> str:
    """The keys as the end of a message."""
    return f" (for example {', '.join(keys)})" if keys else ""
