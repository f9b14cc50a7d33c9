"""Processes that work on one state of the file, and the number of rows that are done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ...engines.postgres.processes import Processes, started, useful
from ...engines.sqlite.transactions import snapshot
from ..phases.write_lock import brief_write_lock
from ..run.live_database import LiveDatabase
from ..run.progress import Advance
from ..run.target import Target
from .decide import MovePlan
from .follow import Follower
from .goal import Goal

MANY = 200_000  # rows: with fewer, processes take longer to start than they gain


def pays(plan: MovePlan) -> bool:
    """True if processes take less time than this one."""
    return plan.total >= MANY and useful() > 1


@contextmanager
def in_one_state(target: Target, goal: Goal, before: LiveDatabase, follower: Follower) -> Iterator[Processes]:
    """Start processes that see, within the block, the same state of the file as `follower.source`."""
    with started(before.path, goal.server, useful()) as processes, ExitStack() as stack:
        with brief_write_lock(target, before.path, before.inode):  # nobody commits, so that all see the same
            processes.begin()
            stack.enter_context(snapshot(follower.source))
        yield processes


@dataclass(slots=True)
class Counted:
    """Reports the number of rows that are done, in all tables."""

    advance: Advance
    total: int
    done: int = 0

    def now(self, rows: int) -> None:
        """Report the number of rows that are done in the present table."""
        self.advance(self.done + rows, max(self.total, self.done + rows))

    def more(self, table: str, rows: int) -> None:
        """Add rows that are done, of any table."""
        self.done += rows
        self.now(0)
