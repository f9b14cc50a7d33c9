"""The room that a new file may need on the disk, known before a byte is written."""

from __future__ import annotations

from ...files.layout import size_of
from ...plan.in_place import makes_index
from ...plan.model import Plan, Strategy
from ...schema.names import fold
from ..run.disk_space import RESERVE, Room, check_free
from ..run.live_database import LiveDatabase
from ..run.target import Target


def disk_needed(plan: Plan, state: LiveDatabase | None, sizes: dict[str, int] | None) -> int:
    """Return the bytes that the new generation may need: the old file, and the rewritten tables. In place, a new index
    is written to the log and then to the file, and is not larger than its table."""
    if state is None:
        return RESERVE
    if plan.strategy is Strategy.IN_PLACE:
        return 2 * sum((sizes or {}).get(fold(step.old.name), 0) for step in plan.carried if makes_index(step))
    old = size_of(state.path)
    if plan.strategy is Strategy.FRESH:
        return old + RESERVE
    written = [step.old.name for step in plan.rewritten]
    share = old if sizes is None else sum(sizes.get(name, 0) for name in {*map(fold, written), *plan.reads})
    return old + (share if written or plan.reads else 0) + RESERVE


def check_disk(target: Target, plan: Plan, state: LiveDatabase | None) -> None:
    """Raise Refused if the disk cannot hold the new generation, before a byte is written."""
    check_free(room_for(target, plan, state))


def room_for(target: Target, plan: Plan, state: LiveDatabase | None) -> Room:
    """Return the room on the disk that the new generation may need."""
    folder = target.layout.folder if target.layout.folder.exists() else target.layout.link.parent
    return Room(folder, disk_needed(plan, state, None))
