"""Proves that every row on PostgreSQL is as in the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ...engines.postgres.processes import parts_of, started, useful
from ...engines.postgres.verify.result import Proof
from ...engines.postgres.verify.tables import compare_table
from ...engines.sqlite.transactions import snapshot
from ..phases.write_lock import brief_write_lock
from ..run.live_database import LiveDatabase
from ..run.progress import Advance
from ..run.target import Target
from .equality import check_equal
from .follow import Follower
from .goal import Goal
from .translations import check_translations

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There

MANY = 200_000  # rows: with fewer, processes take longer to start than they gain


def prove(target: Target, goal: Goal, before: LiveDatabase, follower: Follower, there: There) -> dict[str, int]:
    """A round, and a comparison of every row of every table with the state of the file up to which that came; returns
    how many rows each table has. Raises Failed, also if a translated expression has another result there."""
    total = sum(follower.plan.rows.values())
    with target.progress.phase("compare", "rows") as advance:
        if total >= MANY and useful() > 1:
            proofs = _by_processes(target, goal, before, follower, there, advance, total)
        else:
            proofs = _here(follower, there, advance, total)
    check_equal(proofs)
    return {proof.table: proof.rows for proof in proofs}


def _here(follower: Follower, there: There, advance: Advance, total: int) -> list[Proof]:
    with snapshot(follower.source):
        follower.catch_up(there)
        proofs = list(_compared(follower, there, advance, total))
        check_translations(follower, there)
        return proofs


def _compared(follower: Follower, there: There, advance: Advance, total: int) -> Iterator[Proof]:
    done = 0
    for table in follower.plan.tables:
        proof = compare_table(follower.source, there, table.moved)
        done += proof.rows
        advance(done, max(total, done))
        yield proof


def _by_processes(
    target: Target,
    goal: Goal,
    before: LiveDatabase,
    follower: Follower,
    there: There,
    advance: Advance,
    total: int,
) -> list[Proof]:
    done = 0

    def more(table: str, rows: int) -> None:
        nonlocal done
        done += rows
        advance(done, max(total, done))

    with started(before.path, goal.server, useful()) as processes, ExitStack() as stack:
        with brief_write_lock(target, before.path, before.inode):  # nobody commits, so that all see the same
            processes.begin()
            stack.enter_context(snapshot(follower.source))
        follower.catch_up(there)
        parts = parts_of(follower.source, [table.moved for table in follower.plan.tables])
        proofs = list(processes.compare(parts, more).values())
        check_translations(follower, there)
        return proofs
