"""Decides whether SQLite's own statements bring the live file to the new schema, without a new file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..diff import changes as c
from ..diff.changes import Change, describe
from ..diff.column_facts import mentions
from ..diff.rewrites import is_constant
from ..schema.model import Check, Column, ForeignKey
from ..schema.names import fold
from .model import Alter, Create, Derive, Drop, Keep, Origin, Plan, Rewrite, Step, Strategy, Transform

QUALIFY = (
    "new columns that may be NULL or have a constant default, new, changed and removed indexes, renames, and changed "
    "views and triggers"
)

_RENAMES = (c.RenameTable, c.RenameColumn)
_FOLLOWING = (c.ChangeView, c.ChangeTrigger)  # they hold no rows, and are created again
_BY_ALTER_TABLE = (*_RENAMES, c.AddIndex, c.DropIndex, c.ChangeIndex)


def obstacles(plan: Plan, *, may_drop: bool = False) -> tuple[str, ...]:
    """Return the changes that no statement of SQLite can make in the live file without writing rows, a phrase for each;
    empty if there are none. `may_drop`: columns may be dropped, because no row has a value of its own in them."""
    beside: tuple[type, ...] = (*_FOLLOWING, *((c.DropColumn,) if may_drop else ()))
    ours = [change for step in plan.steps if isinstance(step, Keep | Alter | Rewrite) for change in step.changes]
    others = [change for change in plan.changes if change not in ours and not isinstance(change, beside)]
    return (*map(describe, others), *(phrase for step in plan.steps for phrase in _of_step(step, beside)))


def in_place(plan: Plan) -> Plan:
    """Return the plan, which has no obstacles, for the live file itself."""
    steps = tuple(_standing(step) for step in plan.steps)
    return replace(plan, steps=steps, strategy=Strategy.IN_PLACE, reason="the live file itself is altered")


def dropped_columns(step: Keep | Alter) -> list[Column]:
    """Return the columns that are dropped."""
    return [change.column for change in step.changes if isinstance(change, c.DropColumn)]


def added_columns(step: Keep | Alter) -> list[Column]:
    """The new columns, in the order in which they are added."""
    names = {change.column.name for change in step.changes if isinstance(change, c.AddColumn)}
    return [column for column in step.new.columns if column.name in names]


def constraints_of(step: Keep | Alter, column: Column) -> tuple[list[Check], list[ForeignKey]]:
    """Return the constraints that are added with a new column: its foreign keys, and the CHECKs of which it is the last
    new column."""
    added = [one.name for one in added_columns(step)]
    checks = [change.check for change in step.changes if isinstance(change, c.AddCheck)]
    keys = [change.key for change in step.changes if isinstance(change, c.AddForeignKey)]
    return (
        [check for check in checks if _last_of(check, added) == column.name],
        [key for key in keys if key.columns == (column.name,)],
    )


def is_added(step: Alter) -> bool:
    """Return True if ALTER TABLE alone, by adding and dropping columns, brings the table to its new definition."""
    added = [change.column for change in step.changes if isinstance(change, c.AddColumn)]
    return all(
        isinstance(change, (c.DropColumn, *c.WITHOUT_REWRITE)) or _qualifies(change, added) for change in step.changes
    )


def makes_index(step: Keep | Alter | Rewrite) -> bool:
    """True if the step makes an index over existing rows."""
    return any(isinstance(change, c.AddIndex | c.ChangeIndex) for change in step.changes)


def _standing(step: Step) -> Step:
    return Alter(step.old, step.new, step.feeds, step.changes) if isinstance(step, Rewrite) else step


def _of_step(step: Step, beside: tuple[type, ...]) -> Iterator[str]:
    if isinstance(step, Derive | Transform | Create | Drop):
        return  # its change is not among those of the tables on both sides
    yield from (f"{step.name}: fill of {feed.column}" for feed in step.feeds if feed.origin is Origin.FILLED)
    added = [change.column for change in step.changes if isinstance(change, c.AddColumn)]
    yield from (
        describe(change) for change in step.changes if not (_qualifies(change, added) or isinstance(change, beside))
    )


def _qualifies(change: Change, added: Sequence[Column]) -> bool:
    match change:
        case c.AddColumn(_, column):
            return _can_add(column)
        case c.AddForeignKey(_, key):
            # with foreign keys on, SQLite adds such a column only if it is NULL everywhere
            return len(key.columns) == 1 and key.columns[0] in [one.name for one in added if one.default is None]
        case c.AddCheck(_, check):
            return _last_of(check, [one.name for one in added]) is not None
        case _:
            return isinstance(change, _BY_ALTER_TABLE)


def _can_add(column: Column) -> bool:
    """Return True if ALTER TABLE can add the column:
    https://www.sqlite.org/lang_altertable.html#alter_table_add_column"""
    if column.generated is not None:
        return False
    if column.default is None:
        return column.not_null is None
    return is_constant(column, column.default) and not (column.not_null and fold(column.default.text) == "null")


def _last_of(check: Check, added: Sequence[str]) -> str | None:
    """Return the last of the new columns that a CHECK reads; None if it reads none."""
    return next((name for name in reversed(added) if mentions(check.expression, name)), None)
