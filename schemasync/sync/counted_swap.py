"""Swaps to an archive or a restored backup, and counts the rows that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ..engines.sqlite.transactions import snapshot
from ..engines.sqlite.verify.row_counts import RowDiff
from ..errors import Busy, Code
from ..files.layout import Generation
from ..history.row import HistoryRow
from .phases import cutover
from .phases.capture import fence_prepared, release
from .phases.cutover import cut_over
from .phases.write_lock import Commit, brief_write_lock
from .run.interrupt import Signals
from .run.live_database import LiveDatabase
from .run.target import Target
from .sides import compared, opened, sides_of


@dataclass(frozen=True, slots=True)
class Swapped:
    """How many seconds writers waited; and the differences of the two files at the moment of the swap, None if nobody
    wrote since the live file was read."""

    pause: float
    written: tuple[RowDiff, ...] | None


def swap_counted(
    target: Target,
    current: LiveDatabase,
    rows: Sequence[HistoryRow],
    generation: Generation,
    signals: Signals,
    commit: Commit,
    room: int,
    reopen: Callable[[], None],
    *,
    only_unwritten: bool = False,
) -> Swapped:
    """Fence the live file in favour of a generation that exists, and let `reopen` open that. `rows`: a history that
    knows both. `room`: bytes of disk that the swap may need. `only_unwritten`: raise Busy, with nothing changed, if
    somebody wrote since the live file was read."""
    assert current.generation is not None
    with ExitStack() as stack:
        with (
            fence_prepared(target, current) as live,
            cutover.prepared(target, generation, room) as swap,
        ):
            sides = sides_of(rows, current.generation, generation, target.opener)
            both = stack.enter_context(opened(target, sides))
            with brief_write_lock(target, current.generation.path) as lock:
                lock.prepared_at, written = live.schema_version, live.has_changed()
                if written and only_unwritten:
                    raise Busy.of(
                        Code.CHANGED_DURING_RUN,
                        f"{target.layout.link} was written after its rows were counted",
                        "Nothing was changed. Run it again.",
                    )
                if written:  # both files at this moment, when nobody can write to either
                    stack.enter_context(snapshot(both, "main", "old"))
                with cut_over(target, signals, lock, swap, commit):
                    reopen()
                    cutover.point(target, generation, lock)
        release(target, generation.path)
        found = None
        if written:
            sides = sides_of(rows, current.generation, generation, target.opener)  # tables may have been added
            found = compared(both, sides)
    if written:
        cutover.checkpoint_archive(target, current.generation)  # repeated, because the file was still being read before
    return Swapped(lock.seconds, found)
