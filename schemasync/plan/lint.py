"""Notes on primary keys that look like the row id and are not, and on misspelled types."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator

from ..diff.hazards import Hazard, HazardCode
from ..schema.affinity import Affinity, affinity
from ..schema.model import Column, Schema, Table
from ..schema.names import fold
from .model import CarriedStep, NewTableStep, Plan
from .type_typos import misspelt

_WHAT_IT_MEANS = (
    "SQLite gives out no id where an INSERT leaves it out, and stores NULL: only a column of exactly the type INTEGER "
    "is the row id"
)


def declarations(plan: Plan, allowed: Collection[str]) -> Iterator[Hazard]:
    """Yield the hazards in the declarations of new and changed tables.

    `allowed`: folded "table.column" whose key may stop being the row id.
    """
    for step in plan.with_new_table:
        old = step.old if isinstance(step, CarriedStep) else None
        if step.new != old:
            yield from _types(step.new, old)
            yield from _key(step, plan.new, allowed)


def of_schema(schema: Schema) -> Iterator[Hazard]:
    """Yield these hazards for every table of a schema."""
    for table in schema.tables:
        yield from _types(table, None)
        if (column := lookalike(table)) is not None:
            yield _no_row_id(table, column)


def lookalike(table: Table) -> Column | None:
    """The column that is the primary key, may be NULL, and would be the row id if its type were exactly INTEGER."""
    key = table.primary_key
    if key is None or len(key.columns) != 1 or key.rowid_alias or table.without_rowid or table.strict:
        return None
    column = table.column(key.columns[0].column or "")
    if column is None or column.not_null is not None:
        return None
    slip = misspelt(column)
    is_number = affinity(column, table.strict) is Affinity.INTEGER or (slip is not None and slip[1] == "INTEGER")
    return column if is_number else None


def _types(new: Table, old: Table | None) -> Iterator[Hazard]:
    for column in new.columns:
        before = old.column(column.name) if old is not None else None
        slip = misspelt(column) if before is None or before.type != column.type else None
        if slip is not None:
            word, known = slip
            kind = affinity(column, new.strict)
            where = f"{new.name}.{column.name}"
            message = f"{where}: {word} is no known type; SQLite takes any word, and treats this one as {kind}"
            yield Hazard(HazardCode.TYPE_UNKNOWN, message, f"Did you mean {known}?", new.name, column.name)


def _key(step: NewTableStep, schema: Schema, allowed: Collection[str]) -> Iterator[Hazard]:
    old = step.old if isinstance(step, CarriedStep) else None
    new, lost = step.new, _lost_alias(step) if isinstance(step, CarriedStep) else None
    if lost is not None and f"{fold(new.name)}.{fold(lost.name)}" not in allowed:
        yield Hazard(
            HazardCode.ROWID_ALIAS_LOST,
            f"{new.name}.{lost.name}: the primary key would no longer be the row id: {_WHAT_IT_MEANS}",
            "Declare it INTEGER PRIMARY KEY. If that is not wanted: --allow-drop "
            + shlex.quote(f"{new.name}.{lost.name}")
            + _children(new, schema),
            new.name,
            lost.name,
        )
        return
    column = lookalike(new)
    is_same = old is not None and lookalike(old) is not None
    if column is not None and not is_same:
        yield _no_row_id(new, column)


def _children(table: Table, schema: Schema) -> str:
    """Return how the references of other tables follow a key whose values change; '' without references."""
    names = [one.name for one in schema.tables if any(fold(k.table) == fold(table.name) for k in one.foreign_keys)]
    if not names:
        return ""
    return (
        f"\nIf its values change, references in {', '.join(names)} follow if their columns get the same fill as the "
        "key (docs/howto/change-key.md)"
    )


def _lost_alias(step: CarriedStep) -> Column | None:
    """Return the column that was the row id and is still the only column of the primary key, but is no longer the row
    id."""
    old, new = step.old, step.new
    if old.rowid_column is None or new.rowid_column is not None or new.without_rowid:
        return None
    key = new.primary_key
    if key is None or len(key.columns) != 1:
        return None
    name = fold(key.columns[0].column or "")
    came = [feed.source for feed in step.feeds if fold(feed.column) == name]
    return new.column(name) if came and fold(came[0] or "") == fold(old.rowid_column) else None


def _no_row_id(table: Table, column: Column) -> Hazard:
    return Hazard(
        HazardCode.KEY_IS_NOT_ROWID,
        f"{table.name}.{column.name}: a primary key of type {column.type.text} is not the row id: {_WHAT_IT_MEANS}",
        "Declare it INTEGER PRIMARY KEY, or NOT NULL if the application gives every id.",
        table.name,
        column.name,
    )
