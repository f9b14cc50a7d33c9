"""Reads from the file at the path whether its database has moved."""

from __future__ import annotations

from contextlib import closing

from ...engines.sqlite import fence
from ...engines.sqlite.fence import Fence
from ...errors import Code, Refused
from ...files.layout import PathKind
from ..run.target import Target


def moved_fence(target: Target) -> Fence | None:
    """The fence of a database that has moved to another engine; None for any other."""
    live = target.layout.live()
    if live is None or target.layout.path_kind() is not PathKind.GENERATION:
        return None
    with closing(target.opener.read(live.path)) as connection:
        closed = fence.read_fence(connection)
    return closed if closed is not None and closed.moved_to is not None else None


def moved_to(target: Target) -> str:
    """The entry of DATABASES to which the database has moved. Raises Refused if it has not."""
    closed = moved_fence(target)
    if closed is None or closed.moved_to is None:
        raise not_moved(target)
    return closed.moved_to


def not_moved(target: Target) -> Refused:
    """The error if there is no move to take back."""
    return Refused.of(
        Code.NOT_MOVED,
        f"the database at {target.layout.link} has not moved: its file is live",
        "There is nothing to undo.",
    )
