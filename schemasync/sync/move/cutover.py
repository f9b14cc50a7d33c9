"""The cut-over of a move: PostgreSQL commits before the file is closed, so that no acknowledged write is on one side
alone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...engines.postgres import driver, move_table
from ...engines.postgres.move_table import MoveState
from ...engines.postgres.run_statement import add_unvalidated
from ...engines.postgres.statements import Phase
from ...engines.sqlite.connection import schema_version
from ...engines.sqlite.fence import Fence
from ...engines.sqlite.transactions import snapshot
from ...errors import Busy, Code, Failed, SchemasyncError
from ...history.rows import now
from ..phases.catch_up import MOST_PATIENCE, PATIENCE
from ..phases.cutover import fence_file, next_number
from ..phases.lag import AIM, BREATH, TRIES
from ..phases.write_lock import Commit, WriteLock, brief_write_lock
from ..run.interrupt import Signals
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .build import step
from .decide import MovePlan
from .follow import Follower
from .goal import Goal, MoveStep

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There


def cut_over(
    target: Target,
    goal: Goal,
    plan: MovePlan,
    before: LiveDatabase,
    follower: Follower,
    there: There,
    signals: Signals,
    commit: Commit,
) -> float:
    """Bring the last rows over while writers wait, and close the file. Return how many seconds they waited. Raises a
    SchemasyncError with the file unchanged and live."""
    number = next_number(target)
    with _locked_when_ready(target, goal, before, follower, there) as lock:
        signals.defer()
        _complete(goal, plan, follower, there)
        fence_file(target, lock, Fence.moved(number, goal.alias, now()), commit)
        lock.stop_clock()
        signals.swapped(goal.alias)
    return lock.seconds


@contextmanager
def _locked_when_ready(
    target: Target, goal: Goal, before: LiveDatabase, follower: Follower, there: There
) -> Iterator[WriteLock]:
    """Yield the write lock when the rest can be replayed within the allowed pause. Raises Busy after the time limit."""
    limits = goal.limits
    deadline, patience, is_ready = time.monotonic() + limits.cutover_timeout, PATIENCE, False
    while True:
        _catch_up(goal, follower, there, limits.max_pause / 4, deadline)
        try:
            with brief_write_lock(target, before.path, before.inode, wait=patience) as lock:
                version = schema_version(lock.connection)
                if version == follower.capture.schema.version:
                    lock.prepared_at = version
                if is_ready := follower.fits(limits.max_pause / 2):
                    yield lock
                    return
        except Busy as busy:
            if is_ready:  # raised by the caller's block
                raise
            if time.monotonic() > deadline:
                raise _timed_out(before, limits.cutover_timeout, "another connection held its write lock") from busy
        if time.monotonic() > deadline:
            raise _timed_out(before, limits.cutover_timeout, "more is written to it than can be replayed")
        patience = min(patience * 1.5, MOST_PATIENCE)
        time.sleep(BREATH)


def _catch_up(goal: Goal, follower: Follower, there: There, allowed: float, deadline: float) -> None:
    for tries in itertools.count(1):
        with step(goal, MoveStep.ROUND):
            follower.round(there)
        if follower.fits(AIM if tries < TRIES else allowed) or time.monotonic() > deadline:
            return


def _complete(goal: Goal, plan: MovePlan, follower: Follower, there: There) -> None:
    """Bring the last rows, the counters and the foreign keys over in one transaction there. If the connection breaks at
    its commit, query PostgreSQL whether it is committed."""
    psycopg = driver.library()
    try:
        with step(goal, MoveStep.COMPLETE), snapshot(follower.source), there.transaction():
            _, upto = follower.replayed(there)
            follower.set_counters(there, upto)
            for statement in plan.ddl.of(Phase.FOREIGN_KEY):
                add_unvalidated(there, statement)
            move_table.set_state(there, MoveState.COMPLETE)
    except psycopg.Error:
        if not there.broken or not _is_complete(goal):
            raise


def _is_complete(goal: Goal) -> bool:
    """Return True if the transaction was committed before the connection broke. Raises Failed if PostgreSQL does not
    answer: then the file stays open, and the next move drops the rows there."""
    try:
        with goal.server.connection() as again:
            record = move_table.read(again)
    except SchemasyncError as error:
        raise Failed.of(
            Code.POSTGRES_LOST,
            f"the connection to {goal.server} broke at its last commit, and it does not answer",
            "Nothing was changed in the file, which is live. Run it again once the server is up.",
        ) from error
    return record is not None and record.state is MoveState.COMPLETE


def _timed_out(before: LiveDatabase, seconds: float, why: str) -> Busy:
    return Busy.of(
        Code.CUTOVER_TIMEOUT,
        f"the move kept up with {before.path.name} for {seconds:g} s and could not cut over: {why}",
        "Nothing was changed; the file is live. Find the program that writes without a pause, or use --max-pause MS or "
        "--cutover-timeout SECONDS.",
    )
