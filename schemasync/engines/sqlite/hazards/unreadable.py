"""Checks by the application: values that SQLite would store, but a model's field cannot read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ....diff import changes as c
from ....diff.hazards import Hazard, HazardCode
from ....plan.model import CarriedStep, Origin
from ....schema.model import Column
from ....schema.names import fold, quote
from ....schema.text import count
from ..connection import Connection
from .effects import Effects
from .findings import SAMPLES, shown
from .projection import KEY, Projection

Readers = Mapping[tuple[str, str], Callable[[Any], bool]]
"""Maps folded (table, column) to a function that returns whether the application can read a stored value, which is not
NULL."""

FIX = "Fix the rows, or give the column a fill whose values its field can read."
NOTE = "Queries for these rows raise an error, or return None or a value that cannot be saved."


def unreadable(connection: Connection, step: CarriedStep, readers: Readers) -> Iterator[Hazard]:
    """Yield hazards for values, as the new schema would hold them, of columns whose type or values change."""
    effects, rows = Effects(step), Projection(step).rows()
    for column in effects.new.columns:
        reads = readers.get((fold(step.name), fold(column.name)))
        if reads is None or not _may_be_another(effects, column):
            continue
        number, keys = _refused(connection, f"SELECT {KEY}, {quote(column.name)} FROM {rows}", column, reads)
        if number:
            yield _hazard(step.name, column.name, number, keys, FIX)


def unreadable_now(connection: Connection, readers: Readers) -> Iterator[Hazard]:
    """Yield hazards for unreadable values of the present rows."""
    for (table, name), reads in readers.items():
        columns = {fold(found) for _, found, *_ in connection.execute(f"PRAGMA table_xinfo({quote(table)})")}
        if name not in columns:
            continue
        number, _ = _refused(connection, f"SELECT NULL, {quote(name)} FROM {quote(table)}", name, reads)
        if number:
            yield _hazard(table, name, number, (), NOTE)


def _may_be_another(effects: Effects, column: Column) -> bool:
    feed = effects.feeds[fold(column.name)]
    retyped = {fold(change.column) for change in effects.changes(c.ChangeType)}
    is_new = feed.origin in (Origin.FILLED, Origin.DEFAULT)
    return is_new or fold(column.name) in retyped or effects.changes_value(column.name)


def _refused(
    connection: Connection, select: str, column: Column | str, reads: Callable[[Any], bool]
) -> tuple[int, tuple[str, ...]]:
    """Return how many values cannot be read, and the keys of some of their rows."""
    name = column if isinstance(column, str) else column.name
    number, keys = 0, list[str]()
    for key, value in connection.execute(f"{select} WHERE {quote(name)} IS NOT NULL"):
        if not reads(value):
            number += 1
            if len(keys) < SAMPLES:
                keys.append(str(key))
    return number, tuple(keys)


def _hazard(table: str, column: str, number: int, keys: tuple[str, ...], hint: str) -> Hazard:
    message = f"{table}.{column}: {count(number, 'row')}: values that the field of the model cannot read{shown(keys)}"
    return Hazard(HazardCode.UNREADABLE, message, hint, table, column, number, keys)
