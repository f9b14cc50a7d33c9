"""The old file that a build reads, while writers wait or their changes are captured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from ...engines.sqlite.autoincrement import carry_counters, counter_sources
from ...engines.sqlite.capture import virtual_tables
from ...engines.sqlite.capture.recompute import Recompute, Seen
from ...engines.sqlite.capture.replay import Replay, row_errors_failed
from ...engines.sqlite.connection import Connection, undoable
from ...engines.sqlite.objects import Object
from ...engines.sqlite.rebuild import finish, unchanged
from ...engines.sqlite.transactions import snapshot, transaction
from ...engines.sqlite.transforms.making import Making
from ...engines.sqlite.verify.ends import altered_ends, same_ends
from ...engines.sqlite.wal_checkpointer import Checkpointer
from ...errors import Busy
from ...files.disk import DiskStep
from ...files.kernel_copy import KernelCopy
from ...files.layout import size_of
from ...history.rows import Followed
from ...plan.model import Plan, Rewrite
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .capture import Capture
from .lag import BREATH, Lag
from .write_lock import write_lock

MISFIT_PATIENCE = 3.0  # seconds for the application to fix rows that violate the new schema
LOCK_WAIT = 1.0  # seconds to wait for a writer; SQLite's own copy needs no lock
VERIFY_BEHIND = 1.0  # seconds of replay by which the new file may lag when the comparison begins


@dataclass(frozen=True, slots=True)
class UpTo:
    """The state that the new file agrees with: the log up to the entry `bound`, and the `schema_version` of the old
    file.

    Both are zero if writers waited, because nothing was logged. `followed`: what was replayed until then. `derived`:
    the state that the derived tables agree with; None without any.
    """

    bound: int = 0
    schema_version: int = 0
    followed: Followed = Followed()  # noqa: RUF009  it is frozen
    derived: Seen | None = None


class Source(Protocol):
    """The old file, as the phases of a build read it."""

    before: LiveDatabase

    @property
    def size(self) -> int:
        """The size of the new file in bytes, if others write to the disk during the build; else 0."""

    @property
    def scratch(self) -> str:
        """The file of the scratch database of transforms; '' for a temporary one."""

    def whole_build(self) -> AbstractContextManager[None]:
        """A block around all phases."""

    def copying(self, copying: KernelCopy) -> AbstractContextManager[None]:
        """A block around the page-by-page copy of the old file, whose snapshot begins where `copying` notes the end of
        the log."""

    def follow(self, connection: Connection, making: Making) -> None:
        """Called when the new file has the schema of the plan, and its rewritten tables are empty."""

    def filling(self, connection: Connection) -> AbstractContextManager[None]:
        """A block around the statements that rewrite rows, which are one transaction."""

    def left_out(self, step: Rewrite) -> str:
        """The condition for the rows of the old table that are copied now; '' for all."""

    def verifying(self, connection: Connection) -> AbstractContextManager[None]:
        """A block around the comparison, in which both files have the same rows."""

    def triggers_for_later(self, connection: Connection) -> tuple[Object, ...]:
        """Remove the triggers of the new file that must not fire while rows are replayed, and return them."""

    def up_to(self) -> UpTo:
        """The state that the new file agrees with now."""


@dataclass(slots=True)
class LockedSource:
    """The source while the caller holds the write lock of the old file: all reads use one snapshot."""

    plan: Plan
    before: LiveDatabase
    size: int = field(default=0, init=False)
    scratch: str = field(default="", init=False)

    def whole_build(self) -> AbstractContextManager[None]:
        return snapshot(self.before.connection)

    def copying(self, copying: KernelCopy) -> AbstractContextManager[None]:
        copying.note_end()
        return nullcontext()

    def follow(self, connection: Connection, making: Making) -> None:
        pass

    def filling(self, connection: Connection) -> AbstractContextManager[None]:
        return transaction(connection)

    def left_out(self, step: Rewrite) -> str:
        return ""

    @contextmanager
    def verifying(self, connection: Connection) -> Iterator[None]:
        yield
        for old, new, table in unchanged.tables(connection, self.plan):
            same_ends(connection, old, new, table)
        for step in self.plan.altered:
            altered_ends(connection, step)

    def triggers_for_later(self, connection: Connection) -> tuple[Object, ...]:
        return ()

    def up_to(self) -> UpTo:
        return UpTo()


@dataclass(slots=True)
class CapturedSource:
    """The source while writers go on: each phase reads its own snapshot, and replays what was logged since."""

    target: Target
    plan: Plan
    before: LiveDatabase
    capture: Capture
    checkpointer: Checkpointer
    _lag: Lag = field(init=False)
    _recompute: Recompute = field(init=False)
    _up_to: UpTo = field(init=False, default=UpTo())

    @property
    def size(self) -> int:
        return size_of(self.before.path)

    @property
    def scratch(self) -> str:
        return self.capture.scratch

    def whole_build(self) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def copying(self, copying: KernelCopy) -> Iterator[None]:
        with ExitStack() as stack:
            with self._end_noted(copying):
                stack.enter_context(snapshot(self.before.connection))
            yield
            self.checkpointer.soon()
        self.checkpointer.ended()

    @contextmanager
    def _end_noted(self, copying: KernelCopy) -> Iterator[None]:
        """Hold the write lock within the block, if the kernel copies the file."""
        with ExitStack() as stack:
            if copying.is_possible:
                try:
                    stack.enter_context(write_lock(self.target, self.before.path, self.before.inode, wait=LOCK_WAIT))
                    copying.note_end()
                except Busy:
                    copying.give_up()
            yield

    def follow(self, connection: Connection, making: Making) -> None:
        # from the first entry on: rows that were written before the copy began are in the copy, and are read again
        schema = self.capture.schema
        replay = Replay(connection, self.capture.follows, 0, schema, schema.version)
        replay.prepare()
        replay.make_maps()
        self._lag = Lag(self.target, replay)
        self._recompute = Recompute(connection, self.plan, self.capture.logged, making)

    @contextmanager
    def filling(self, connection: Connection) -> Iterator[None]:
        with transaction(connection):
            self._lag.replay.begin()
            yield
            self._recompute.note()
            self.checkpointer.soon()
        self.checkpointer.ended()

    def left_out(self, step: Rewrite) -> str:
        return self._lag.replay.untouched(step)

    @contextmanager
    def verifying(self, connection: Connection) -> Iterator[None]:
        """Catch up. The block runs in the snapshot of a round after which all rows fit."""
        undoable(connection)
        deadline = time.monotonic() + MISFIT_PATIENCE
        self._lag.catch_up(connection, DiskStep.BUILD_ROUND, VERIFY_BEHIND, deadline)
        replay = self._lag.replay
        while True:
            with transaction(connection):
                done = replay.round()
                replay.settle()
                failed = row_errors_failed(done) if done.row_errors else self._recompute.refresh()
                if failed is None:
                    virtual_tables.follow(connection, self.plan)
                    carry_counters(connection, counter_sources(connection, self.plan))
                    yield
                    replay.check_ends()
                    self.checkpointer.soon()
                    break
            if time.monotonic() > deadline:
                raise failed
            time.sleep(BREATH)
        self.checkpointer.ended()
        followed = Followed(self._lag.rounds + 1, self._lag.keys + done.keys)
        self._up_to = UpTo(replay.bound, replay.version, followed, self._recompute.seen)

    def triggers_for_later(self, connection: Connection) -> tuple[Object, ...]:
        return finish.take_triggers(connection)

    def up_to(self) -> UpTo:
        return self._up_to
