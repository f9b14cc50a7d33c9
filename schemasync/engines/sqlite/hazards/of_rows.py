"""Finds the hazards of the rows of one table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from types import MappingProxyType

from ....diff.hazards import Hazard
from ....plan.model import CarriedStep, Keep, Plan
from ....schema.names import quote
from ..connection import Connection
from ..unknown_names import is_readable
from .dangling import dangling
from .duplicates import duplicates
from .failing import one_by_one, unnamed
from .findings import rows
from .predicates import HALF, Predicates
from .projection import Projection
from .unreadable import Readers, unreadable


def of_rows(
    connection: Connection,
    step: CarriedStep,
    plan: Plan,
    allowed: frozenset[str],
    readers: Readers = MappingProxyType({}),
    *,
    is_computed: bool = False,
) -> Iterator[Hazard]:
    """Yield the hazards of the rows of one table. `is_computed`: the connection's database has the results of derived
    tables; without them, references to these cannot be checked."""
    projection, predicates = Projection(step), Predicates(step, allowed)
    if isinstance(step, Keep) and not is_readable(connection, projection.old.name):
        return
    if connection.execute(f"SELECT 1 FROM {quote(projection.old.name)} LIMIT 1").fetchone() is None:
        return
    if unnamed(step):
        yield from one_by_one(connection, step, plan, allowed)
        return
    values, checks, parts = list(predicates.values()), list(predicates.checks()), projection.parts()
    if len(parts) == 1:  # then everything else uses the same rows: one pass for both
        values, checks = [*values, *checks], []
    try:
        found = [
            *rows(connection, step.name, list(predicates.losses()), [projection.raws()]),
            *rows(connection, step.name, list(predicates.emptied()), [projection.raws_and_before(HALF)]),
            *rows(connection, step.name, values, [projection.rows()]),
            *rows(connection, step.name, checks, parts),
            *duplicates(connection, step),
            *dangling(connection, step, plan, is_computed=is_computed),
            *unreadable(connection, step, readers),
        ]
    except sqlite3.Error:
        found = list(one_by_one(connection, step, plan, allowed))
    yield from found
