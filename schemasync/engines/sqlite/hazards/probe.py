"""Finds all hazards of a plan's data, in the order of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import assert_never

from ....diff.hazards import Hazard
from ....plan.model import (
    Alter,
    CarriedStep,
    ColumnSource,
    Create,
    Derive,
    Drop,
    FilledStep,
    Keep,
    Origin,
    Plan,
    Rewrite,
    Strategy,
    Transform,
)
from ....schema.model import ForeignKey
from ....schema.names import fold
from ..connection import Connection, Opener
from ..inspect import inspect, references_of
from . import dropped, external_content
from .of_rows import of_rows
from .same_table import same_table
from .unreadable import Readers


def probe(
    connection: Connection,
    plan: Plan,
    allowed_losses: frozenset[str] = frozenset(),
    readers: Readers = MappingProxyType({}),
    opener: Opener | None = None,
) -> tuple[Hazard, ...]:
    """Yield all hazards of the data. `allowed_losses`: folded "table.column" whose values may be replaced. `readers`
    check whether the application can read what a column would hold. `opener` registers the application's functions."""
    found: list[Hazard] = []
    for step in plan.steps:
        match step:
            case Drop():
                found += dropped.table(connection, step)
            case Keep() | Alter() | Rewrite():
                if not step.is_virtual:
                    found += dropped.columns(connection, step.name, step.old.name, step.changes)
                    found += of_rows(connection, plan.effective(step), plan, allowed_losses, readers)
                elif isinstance(step, Rewrite):
                    found += dropped.virtual(connection, step, allowed_losses, opener or Opener())
            case Derive() | Transform():  # `probe_derived` and `probe_transforms` compute rows
                if step.replaced is not None:
                    found += dropped.columns(connection, step.name, step.replaced.name, step.changes)
            case Create():
                pass
            case _:
                assert_never(step)
    foreign: list[CarriedStep] = [*foreign_children(connection, plan), *_foreign_copied(connection, plan)]
    for other in foreign:
        found += of_rows(connection, other, plan, allowed_losses)
    found += external_content.read_anew(connection, plan, allowed_losses)
    return tuple(found)


def foreign_children(connection: Connection, plan: Plan) -> Iterator[Keep]:
    """Return foreign tables that refer to ours, as steps in which only the tables that they refer to change."""
    steps: dict[str, Rewrite | FilledStep] = {fold(step.old.name): step for step in plan.rewritten}
    steps |= {fold(step.replaced.name): step for step in plan.filled if step.replaced is not None}
    names = [
        child
        for child, parents in references_of(connection).items()
        if plan.old.table(child) is None and plan.new.table(child) is None and parents & steps.keys()
    ]
    for table in inspect(connection).schema.tables if names else ():
        if table.name in names:
            keys = (_followed(key, steps[fold(key.table)]) for key in table.foreign_keys if fold(key.table) in steps)
            feeds = tuple(ColumnSource(column.name, Origin.CARRIED, column.name, same=True) for column in table.columns)
            bare = replace(table, checks=(), uniques=(), indexes=(), foreign_keys=tuple(keys))
            yield Keep(table, bare, feeds)


def _foreign_copied(connection: Connection, plan: Plan) -> Iterator[Rewrite]:
    """Yield the foreign tables if the new file starts empty, so that their rows are written, too."""
    if plan.strategy is not Strategy.FRESH:
        return
    for table in inspect(connection).schema.tables:
        if table.virtual is None and plan.old.table(table.name) is None and plan.new.table(table.name) is None:
            yield same_table(table)


def _followed(key: ForeignKey, parent: Rewrite | FilledStep) -> ForeignKey:
    """Return the key with the names that its parent will have."""
    if isinstance(parent, FilledStep):
        return replace(key, table=parent.name)
    now = {fold(feed.source): feed.column for feed in parent.feeds if feed.source is not None}
    return replace(key, table=parent.name, references=tuple(now.get(fold(column), column) for column in key.references))
