"""Makes a plan from a diff: keep, rewrite, create or drop each table, and the source of each column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import assert_never

from ..diff import changes as c
from ..diff.changes import Change
from ..diff.compare import AddedTable, Diff, RemovedTable, TableDiff, TablePair
from ..diff.hazards import PRUNE_HINTS, Hazard, HazardCode
from ..diff.hint_keys import spelled
from ..diff.rewrites import edits_definition
from ..schema.affinity import converts_alike
from ..schema.model import Column, Derivation, Schema, Table
from ..schema.names import fold, spell
from ..schema.transform_function import TransformFunction
from .model import (
    Alter,
    ColumnSource,
    Create,
    Derive,
    Drop,
    Keep,
    Origin,
    Plan,
    Rewrite,
    Selection,
    StandingStep,
    Step,
    Strategy,
    Transform,
    rewrite,
)


def make(
    diff: Diff,
    old: Schema,
    new: Schema,
    version: str,
    *,
    base_version: str | None,
    base_fingerprint: str | None,
    volatile: Callable[[str, str], bool],
    fresh: str = "",
    selections: Mapping[str, Selection] = MappingProxyType({}),
    there: Schema | None = None,
) -> Plan:
    """The plan of a diff that has no problems.

    `volatile(table, column)` is true if the value that a new row gets there differs each time (SQLite decides, for
    fills and defaults). `fresh` is the reason to start from an empty file, '' to clone. `selections`: by the name of
    each derived table. `there`: everything in the database, of which `old` is our part.
    """
    steps = tuple(_step(table, volatile, fresh, selections, there or old) for table in diff.tables)
    strategy = Strategy.FRESH if fresh else Strategy.CLONE
    reason = fresh or "only tables that change are rewritten, the others are copied page by page"
    hazards = [*_spent(diff, new), *_idle(diff), *_idle_renames(diff), *_reused(diff), *_volatile(steps)]
    return Plan(
        base_version,
        base_fingerprint,
        version,
        old,
        new,
        strategy,
        reason,
        steps,
        diff.changes,
        diff.applied_hints,
        tuple(hazards),
    )


def with_rewritten(plan: Plan, tables: Collection[str], reason: str = "") -> Plan:
    """Return the plan with these kept or altered tables rewritten, because a trial showed that they would not fit."""
    steps = tuple(
        rewrite(step, reason) if isinstance(step, StandingStep) and step.name in tables else step for step in plan.steps
    )
    return replace(plan, steps=steps)


def converting(plan: Plan) -> Plan:
    """Return the plan with conversion of columns whose values change although their type stays, if the command line
    allows it.

    Such values were stored by another SQLite. The comparison expects the converted values.
    """
    lose = {(fold(h.table), fold(h.column)) for h in plan.hazards if h.code is HazardCode.ROWS_DROPPED and h.column}
    return replace(plan, steps=tuple(_converting(step, lose) for step in plan.steps))


def _converting(step: Step, lose: Collection[tuple[str, str]]) -> Step:
    def loses(feed: ColumnSource) -> bool:
        return feed.origin is Origin.CARRIED and feed.same and (fold(step.name), fold(feed.column)) in lose

    match step:
        case Keep() | Alter() | Rewrite():
            if not any(map(loses, step.feeds)):
                return step
            feeds = tuple(replace(feed, same=False) if loses(feed) else feed for feed in step.feeds)
            return replace(rewrite(step), feeds=feeds)
        case Derive() | Transform() | Create() | Drop():
            return step
        case _:
            assert_never(step)


def _step(
    table: TableDiff,
    volatile: Callable[[str, str], bool],
    fresh: str,
    selections: Mapping[str, Selection],
    there: Schema,
) -> Step:
    match table:
        case RemovedTable(old):
            return Drop(old)
        case AddedTable(new, _, transforms) if transforms:
            return _transform(new, transforms, there)
        case AddedTable(new, derivation):
            return Create(new) if derivation is None else _derive(new, derivation, selections)
        case TablePair(old, new, _, changes, transforms=transforms) if transforms:
            return replace(_transform(new, transforms, there), replaced=old, changes=changes)
        case TablePair(old, new, _, changes, derivation=Derivation() as derivation):
            return replace(_derive(new, derivation, selections), replaced=old, changes=changes)
        case TablePair(old, new, _, changes, _, reason):
            feeds = tuple(_feed(table, column, volatile) for column in new.columns)
            if not edits_definition(changes) and not reason:
                return Keep(old, new, feeds, changes)
            reason = reason or fresh
            return Rewrite(old, new, feeds, changes, reason) if reason else Alter(old, new, feeds, changes)
        case _:
            assert_never(table)


def _transform(new: Table, transforms: tuple[TransformFunction, ...], there: Schema) -> Transform:
    sources = (there.table(one.table) for one in transforms)
    return Transform(new, transforms, tuple(table for table in sources if table is not None))


def _derive(new: Table, derivation: Derivation, selections: Mapping[str, Selection]) -> Derive:
    select, may_drop_rows = derivation.select.text, derivation.may_drop_rows
    return Derive(new, select, selections[new.name], may_drop_rows=may_drop_rows)


def _feed(pair: TablePair, column: Column, volatile: Callable[[str, str], bool]) -> ColumnSource:
    old, new, name = pair.old, pair.new, column.name
    if column.generated is not None:
        return ColumnSource(name, Origin.GENERATED, pair.sources.get(name))
    fill, source = pair.fills.get(name), pair.sources.get(name)
    if fill is not None:
        return ColumnSource(name, Origin.FILLED, source, fill.text, volatile=volatile(new.name, name))
    before = old.column(source) if source is not None else None
    if before is None:
        return ColumnSource(name, Origin.DEFAULT, volatile=volatile(new.name, name))
    return ColumnSource(name, Origin.CARRIED, source, same=converts_alike(old, before, new, column))


def _spent(diff: Diff, new: Schema) -> Iterator[Hazard]:
    for key in diff.spent:
        table, column = spelled(key, new)
        yield Hazard(
            HazardCode.HINT_ALREADY_APPLIED,
            f"{key.hint} on {'.'.join(filter(None, (table, column)))} does not act again on this database",
            f"To remove it when no other database needs it: {PRUNE_HINTS}",
            table,
            column,
        )


def _idle(diff: Diff) -> Iterator[Hazard]:
    for table, column in diff.idle_fills:
        yield Hazard(
            HazardCode.FILL_UNUSED,
            f"{table}.{column} has a fill but does not change, so the fill does nothing now; it would act when the "
            "column next changes",
            "Delete it, unless you want that.",
            table,
            column,
        )


def _idle_renames(diff: Diff) -> Iterator[Hazard]:
    for idle in diff.idle_renames:
        where, hint = (f"{idle.table}.{idle.new}", "was") if idle.table else (idle.new, "_was")
        yield Hazard(
            HazardCode.WAS_UNUSED,
            f"{where} exists already, beside {idle.old}, so its {hint} does nothing",
            "Delete it, unless another database still needs it.",
            idle.table or idle.new,
            idle.new if idle.table else "",
        )


def _reused(diff: Diff) -> Iterator[Hazard]:
    """Yield notes on names that are used again for something new, which gets no values except by a fill."""
    pairs = {table.new.name: table for table in diff.tables if isinstance(table, TablePair)}
    for reused in diff.reused:
        if not reused.table:
            message = f"{reused.name} becomes {reused.successor} with all rows; the new {reused.name} has none"
            yield Hazard(HazardCode.NAME_REUSED, message, "", reused.name)
        elif reused.name not in pairs[reused.table].fills:
            message = (
                f"{reused.table}.{reused.name} becomes {reused.successor} with all values; the new {reused.name} takes "
                "none of them"
            )
            hint = f'To take values from the old row, give it a "fill"; the old values are {spell(reused.name)} there.'
            yield Hazard(HazardCode.NAME_REUSED, message, hint, reused.table, reused.name)


def idle_allowances(diff: Diff, allow_drop: Collection[str]) -> Iterator[Hazard]:
    """Yield notes on names in `--allow-drop` that no table or column has, which may be typos."""
    known = set()
    for diffed in diff.tables:
        tables = _sides(diffed)
        columns = {fold(column.name) for table in tables for column in table.columns}
        for name in {fold(table.name) for table in tables}:
            known |= {name, *(f"{name}.{column}" for column in columns)}
    for name in sorted(allow_drop):
        if fold(name) not in known:
            message = f"--allow-drop {name} names no table or column that the database or schema.json has"
            yield Hazard(HazardCode.ALLOW_DROP_UNUSED, message, "Names are written TABLE or TABLE.COLUMN.")


def _sides(table: TableDiff) -> tuple[Table, ...]:
    match table:
        case TablePair(old, new):
            return old, new
        case AddedTable(one) | RemovedTable(one):
            return (one,)
        case _:
            assert_never(table)


def _volatile(steps: Collection[Step]) -> Iterator[Hazard]:
    for step in steps:
        for column in _volatile_columns(step):
            yield Hazard(
                HazardCode.FILL_VOLATILE,
                f"{step.name}.{column} gets another value each time it is computed, so its content is not compared",
                table=step.name,
                column=column,
            )


def _volatile_columns(step: Step) -> tuple[str, ...]:
    match step:
        case Keep() | Alter() | Rewrite():
            return tuple(feed.column for feed in step.feeds if feed.volatile)
        case Derive():
            return step.selection.volatile
        case _:
            return ()


def phrase(changes: Collection[Change], limit: int = 4) -> str:
    """The first changes on one line, for the history and for people."""
    texts = [c.describe(change) for change in changes]
    more = f"; and {len(texts) - limit} more" if len(texts) > limit else ""
    return "; ".join(texts[:limit]) + more
