"""Finds values that SQLite cannot compute: it checks each value alone, so that everything else can be checked."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from ....diff.hazards import Hazard, HazardCode
from ....plan.model import CarriedStep, Origin, Plan
from ....schema.model import Column
from ....schema.names import fold, quote
from ....schema.text import count
from ..connection import Connection
from ..mapping import is_lost_in_subqueries
from .dangling import of_key
from .duplicates import of_set, unique_sets
from .effects import Effects, words
from .findings import SAMPLES, Predicate, rows, shown
from .predicates import HALF, Predicates, computed
from .projection import KEY, Projection

PATIENCE = 3.0  # seconds to search for failing rows, one by one: enough to name some, and to count most
HINT = "Write it so that it accepts every row, or fix the rows."


def one_by_one(connection: Connection, step: CarriedStep, plan: Plan, allowed: frozenset[str]) -> Iterator[Hazard]:
    """Yield the hazards of a table with values that cannot be computed or named: these values, and all hazards that do
    not depend on them."""
    columns = dict(_columns(connection, step))
    yield from columns.values()
    failing = _with_dependents(step, frozenset({*columns, *unnamed(step)}))
    projection, predicates = Projection(step, failing), Predicates(step, allowed, failing)
    questions: list[tuple[Predicate, Sequence[str]]] = [
        *((predicate, [projection.raws()]) for predicate in predicates.losses()),
        *((predicate, [projection.raws_and_before(HALF)]) for predicate in predicates.emptied()),
        *((predicate, [projection.rows()]) for predicate in predicates.values()),
        *((predicate, projection.parts()) for predicate in predicates.checks()),
    ]
    for predicate, parts in questions:
        try:
            yield from rows(connection, step.name, [predicate], parts)
        except sqlite3.Error as error:
            yield _hazard(connection, step, predicate.column, predicate.message, predicate.sql, parts, error)
    for unique in unique_sets(Effects(step)):
        if not unique.words & failing:
            with suppress(sqlite3.Error):  # an expression of an index, which is reported already
                yield from list(of_set(connection, step.name, unique, projection))
    for key in projection.new.foreign_keys:
        if not failing.intersection(map(fold, key.columns)):
            with suppress(sqlite3.Error):  # a fill of the parent, which is reported there
                yield from list(of_key(connection, step, plan, key, projection))


def unnamed(step: CarriedStep) -> list[str]:
    """Return folded names of new columns that no query over the present rows can name: SQLite checks these when it
    writes."""
    return [fold(column.name) for column in step.new.columns if is_lost_in_subqueries(column.name)]


def _columns(connection: Connection, step: CarriedStep) -> Iterator[tuple[str, Hazard]]:
    """Yield (folded name, hazard) of each column that fails by itself."""
    effects = Effects(step)
    computed_columns = computed(effects)
    unsure = {fold(column.name) for column in computed_columns}
    for column in computed_columns:
        part = Projection(step, frozenset(unsure - {fold(column.name)})).rows()
        try:
            connection.execute(f"SELECT total(typeof({quote(column.name)}) = '') FROM {part}").fetchone()
            unsure.discard(fold(column.name))
        except sqlite3.Error as error:
            what = _expression(effects, column)
            yield fold(column.name), _hazard(connection, step, column.name, what, quote(column.name), [part], error)


def _expression(effects: Effects, column: Column) -> str:
    feed = effects.feeds[fold(column.name)]
    if feed.origin is Origin.FILLED:
        return f"the fill {feed.fill}"
    return f"the expression {column.generated.text if column.generated is not None else ''}"


def _with_dependents(step: CarriedStep, failing: frozenset[str]) -> frozenset[str]:
    """These columns, and the generated ones that depend on them."""
    generated = {fold(c.name): words(c.generated) for c in Effects(step).new.columns if c.generated is not None}
    while more := {name for name, spoken in generated.items() if failing.intersection(spoken)} - failing:
        failing |= more
    return failing


def _hazard(
    connection: Connection,
    step: CarriedStep,
    column: str,
    what: str,
    sql: str,
    parts: Sequence[str],
    error: sqlite3.Error,
) -> Hazard:
    keys, is_all = _keys(connection, sql, parts)
    where = f"{step.name}.{column}" if column else step.name
    number = "" if not keys else f"{'' if is_all else 'at least '}{count(len(keys), 'row')}: "
    some = tuple(map(str, keys[:SAMPLES]))
    message = f"{where}: {number}{what} cannot be computed: {error}{shown(some)}"
    return Hazard(HazardCode.FILL_FAILS, message, HINT, step.name, column, len(keys), some)


def _keys(connection: Connection, sql: str, parts: Sequence[str]) -> tuple[list[object], bool]:
    """The keys of rows for which the SQL fails, and whether there was time to check all."""
    found: list[object] = []
    end = time.monotonic() + PATIENCE
    for part in parts:
        with suppress(sqlite3.Error):
            for (key,) in connection.execute(f"SELECT {KEY} FROM {part} ORDER BY {KEY}"):
                if time.monotonic() > end:
                    return found, False
                try:
                    connection.execute(f"SELECT typeof({sql}) FROM {part} WHERE {KEY} = ?", (key,)).fetchall()
                except sqlite3.Error:
                    found.append(key)
    return found, True
