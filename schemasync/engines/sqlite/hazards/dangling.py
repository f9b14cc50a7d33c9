"""Questions to two tables: rows whose foreign keys would refer to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ....diff import changes as c
from ....diff.hazards import Hazard, HazardCode
from ....plan.model import Plan, Step
from ....schema.model import ForeignKey
from ....schema.names import fold, quote
from ..connection import Connection
from .effects import Effects
from .findings import SAMPLES, shown
from .projection import KEY, Projection


def dangling(connection: Connection, step: Step, plan: Plan) -> Iterator[Hazard]:
    """Foreign keys of the new shape whose rows would refer to nothing, and did not before."""
    effects = Effects(step)
    added = [change.key for change in effects.changes(c.AddForeignKey)]
    for key in effects.new.foreign_keys:
        if key in added:
            yield from _of_key(connection, step, plan, key)
        elif any(map(effects.changes_value, key.columns)) or _changes_parent(plan, key):
            yield from (h for h in _of_key(connection, step, plan, key) if h.rows > _before(connection, effects, key))


def _changes_parent(plan: Plan, key: ForeignKey) -> bool:
    parent = plan.step(key.table)
    if parent is None or parent.old is None or parent.old.virtual is not None:
        return False
    return any(map(Effects(parent).changes_value, key.references))


def _before(connection: Connection, effects: Effects, key: ForeignKey) -> int:
    """How many rows refer to nothing as it is: that is their owner's to mend, and no reason to refuse."""
    sources = [fold(effects.feeds[fold(column)].source or "") for column in key.columns]
    table = quote(effects.old.name)
    columns: dict[int, list[str]] = {}
    for number, _, _, column, *_ in connection.execute(f"PRAGMA foreign_key_list({table})"):
        columns.setdefault(number, []).append(fold(column))
    rows = connection.execute(f"PRAGMA foreign_key_check({table})")
    return sum(columns.get(number) == sources for *_, number in rows)


def _of_key(connection: Connection, step: Step, plan: Plan, key: ForeignKey) -> Iterator[Hazard]:
    parent = plan.step(key.table)
    if parent is None:
        return
    child = Projection(step).rows()
    some = " AND ".join(f"child.{quote(column)} IS NOT NULL" for column in key.columns)
    missing = ""
    if parent.old is not None:
        rows = Projection(parent).rows()
        pairs = zip(key.references, key.columns, strict=True)
        same = " AND ".join(f"parent.{quote(up)} = child.{quote(down)}" for up, down in pairs)
        missing = f" AND NOT EXISTS (SELECT 1 FROM {_aliased(rows, 'parent')} WHERE {same})"
    offending = f"FROM {_aliased(child, 'child')} WHERE {some}{missing}"
    count = connection.execute(f"SELECT count(*) {offending}").fetchone()[0]
    if count:
        keys = tuple(str(k) for (k,) in connection.execute(f"SELECT {KEY} {offending} LIMIT {SAMPLES}"))
        columns = ", ".join(key.columns)
        message = f"{step.name}.{columns}: {count:,} rows refer to no row of {key.table}{shown(keys)}"
        hint = "Set them to NULL or delete them first, or mend them with a fill."
        yield Hazard(HazardCode.DANGLING, message, hint, step.name, columns, count, keys)


def _aliased(projection: str, alias: str) -> str:
    return f"(SELECT * FROM {projection}) AS {alias}"
