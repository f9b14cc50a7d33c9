"""Makes the tables on PostgreSQL, and copies the rows as they are at one moment, while writers go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ...engines.postgres import fence, move_table
from ...engines.postgres.copy import analyze, copy_table, empty
from ...engines.postgres.driver import library
from ...engines.postgres.inspect import as_created
from ...engines.postgres.move_table import MoveRecord, MoveState
from ...engines.postgres.processes import parts_of
from ...engines.postgres.replay import FollowedTable
from ...engines.postgres.run_statement import run
from ...engines.postgres.statements import Phase
from ...engines.sqlite.transactions import snapshot
from ...errors import SchemasyncError
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .decide import MovePlan
from .follow import Follower
from .goal import Goal, MoveStep
from .parallel import Counted, in_one_state, pays

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There

BUILT = (Phase.KEY, Phase.INDEX, Phase.CHECK, Phase.VIEW)


@contextmanager
def step(goal: Goal, label: MoveStep) -> Iterator[None]:
    """Name a step that happens on PostgreSQL."""
    goal.observer("before", label)
    yield
    goal.observer("after", label)


def begin(target: Target, goal: Goal, plan: MovePlan, there: There) -> MovePlan:
    """Record the move, then make the tables, closed to all others. Returns the plan with the columns that the catalog
    has."""
    views = tuple(dict.fromkeys(one.table for one in plan.ddl.of(Phase.VIEW)))
    record = MoveRecord(MoveState.BUILDING, str(target.layout.link), plan.names, views)
    with step(goal, MoveStep.RECORD):
        move_table.begin(there, record)
    with step(goal, MoveStep.TABLES), there.transaction():
        for statement in plan.ddl.of(Phase.EXTENSION, Phase.TABLE):
            run(there, statement)
        fence.close(there, plan.names, f"The live database is {record.source}, until its move here is complete.")
    fence.identify(there)
    created = as_created(there, plan.moved)
    tables = [replace(table, moved=moved) for table, moved in zip(plan.tables, created, strict=True)]
    return replace(plan, tables=tuple(tables))


def copy(target: Target, goal: Goal, plan: MovePlan, before: LiveDatabase, follower: Follower, there: There) -> None:
    """Copy every row as it is at one moment. Rows that were written since the scan may not fit; they are in the change
    log, and are copied again from there."""
    with step(goal, MoveStep.COPY), target.progress.phase("copy", "rows") as advance:
        counted = Counted(advance, plan.total)
        if not pays(plan):
            _copied_here(plan, follower, there, counted)
            return
        try:
            _copied_by_processes(target, goal, plan, before, follower, counted)
        except (SchemasyncError, library().Error):
            if not follower.waiting():
                raise
            empty(there, plan.names)
            _copied_here(plan, follower, there, Counted(advance, plan.total))


def _copied_here(plan: MovePlan, follower: Follower, there: There, counted: Counted) -> None:
    with snapshot(follower.source):
        for table in plan.tables:
            try:
                counted.done += _copied(table, plan.judged(table.moved.name), follower, there, counted)
            except (SchemasyncError, library().Error):
                if there.broken or not follower.waiting():
                    raise
                counted.done += _copied(table, None, follower, there, counted)


def _copied(
    table: FollowedTable, judged: frozenset[str] | None, follower: Follower, there: There, counted: Counted
) -> int:
    with there.transaction():
        return copy_table(follower.source, there, table.moved, follower.changes, judged=judged, progress=counted.now)


def _copied_by_processes(
    target: Target, goal: Goal, plan: MovePlan, before: LiveDatabase, follower: Follower, counted: Counted
) -> None:
    with in_one_state(target, goal, before, follower) as processes:
        judged = {table.moved.name: plan.judged(table.moved.name) for table in plan.tables}
        parts = parts_of(follower.source, plan.moved, judged)
        processes.copy(parts, follower.changes, counted.more)


def finish(target: Target, goal: Goal, plan: MovePlan, follower: Follower, there: There) -> None:
    """Replay a round, build keys, indexes, checks and views over the rows, and gather statistics."""
    with step(goal, MoveStep.ROUND):
        follower.round(there, prove=False)  # prove() compares all rows later
    statements = list(plan.ddl.of(*BUILT))
    with step(goal, MoveStep.INDEXES), target.progress.phase("indexes", "statements") as advance:
        for number, statement in enumerate(statements):
            run(there, statement)
            advance(number + 1, len(statements))
    with target.progress.phase("statistics", "tables") as advance:
        for number, table in enumerate(plan.tables):
            analyze(there, table.moved)
            advance(number + 1, len(plan.tables))
