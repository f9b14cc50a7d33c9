"""Reads from the file at the path whether its database has moved, and from PostgreSQL the record of the move."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ...engines.postgres import move_table
from ...engines.postgres.move_table import MoveRecord
from ...engines.sqlite import fence
from ...engines.sqlite.fence import Fence
from ...errors import Code, NeedsPerson, Refused
from ...files.layout import PathKind
from ..run.target import Target
from .goal import Goal

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There


def moved_fence(target: Target) -> Fence | None:
    """Return the fence of a database that has moved; None for any other."""
    live = target.layout.live()
    if live is None or target.layout.path_kind() is not PathKind.GENERATION:
        return None
    with closing(target.opener.read(live.path)) as connection:
        closed = fence.read_fence(connection)
    return closed if closed is not None and closed.moved_to is not None else None


def moved_to(target: Target) -> str:
    """Return the entry of DATABASES to which the database has moved. Raises Refused if it has not."""
    closed = moved_fence(target)
    if closed is None or closed.moved_to is None:
        raise Refused.of(
            Code.NOT_MOVED,
            f"the database at {target.layout.link} has not moved: its file is live",
            "There is nothing to undo.",
        )
    return closed.moved_to


def record_there(target: Target, goal: Goal, there: There, alias: str) -> MoveRecord:
    """Return the record on PostgreSQL of the move that closed the file in favour of `alias`, and keep other moves out.
    Raises Busy if another move is at work, and NeedsPerson if PostgreSQL does not have every row."""
    move_table.hold(there, str(goal.server), target.wait)
    record = move_table.read(there)
    if record is None or not record.has_all_rows(str(target.layout.link)):
        raise NeedsPerson.of(
            Code.STATE_UNKNOWN,
            f"{target.layout.link} has moved to {alias}, but {goal.server} does not have what was moved",
            f"Name the right server in DATABASES as {alias}, or restore it. The file has every row as of the move.",
        )
    return record
