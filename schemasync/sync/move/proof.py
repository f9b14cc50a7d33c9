"""Proves that every row on PostgreSQL is as in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...engines.postgres.processes import parts_of
from ...engines.postgres.verify.result import Proof
from ...engines.postgres.verify.tables import compare_table
from ...engines.sqlite.transactions import snapshot
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .equality import check_equal
from .follow import Follower
from .goal import Goal
from .parallel import Counted, in_one_state, pays
from .translations import check_translations

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There


def prove(target: Target, goal: Goal, before: LiveDatabase, follower: Follower, there: There) -> dict[str, int]:
    """Replay a round, and compare every row of every table with the state of the file that it reached. Return the
    number of rows of each table. Raises Failed if a row differs, or if a translated expression has another result
    there."""
    with target.progress.phase("compare", "rows") as advance:
        counted = Counted(advance, follower.plan.total)
        if pays(follower.plan):
            proofs = _by_processes(target, goal, before, follower, there, counted)
        else:
            proofs = _here(follower, there, counted)
    check_equal(proofs)
    return {proof.table: proof.rows for proof in proofs}


def _here(follower: Follower, there: There, counted: Counted) -> list[Proof]:
    with snapshot(follower.source):
        follower.catch_up(there)
        proofs = list(_compared(follower, there, counted))
        check_translations(follower, there)
        return proofs


def _compared(follower: Follower, there: There, counted: Counted) -> Iterator[Proof]:
    for table in follower.plan.tables:
        proof = compare_table(follower.source, there, table.moved)
        counted.more(proof.table, proof.rows)
        yield proof


def _by_processes(
    target: Target, goal: Goal, before: LiveDatabase, follower: Follower, there: There, counted: Counted
) -> list[Proof]:
    with in_one_state(target, goal, before, follower) as processes:
        follower.catch_up(there)
        parts = parts_of(follower.source, follower.plan.moved)
        proofs = list(processes.compare(parts, counted.more).values())
        check_translations(follower, there)
        return proofs
