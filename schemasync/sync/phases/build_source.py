"""The old file that a build reads: beside writers that wait, or beside writers whose changes are captured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from ...engines.sqlite.autoincrement import carry_counters
from ...engines.sqlite.capture import virtual_tables
from ...engines.sqlite.capture.changelog import Bounds
from ...engines.sqlite.capture.replay import Replay, row_errors_failed
from ...engines.sqlite.connection import Connection, undoable
from ...engines.sqlite.objects import Object
from ...engines.sqlite.rebuild import finish, unchanged
from ...engines.sqlite.transactions import snapshot, transaction
from ...engines.sqlite.verify.ends import same_ends
from ...engines.sqlite.wal_checkpointer import Checkpointer
from ...files.disk import DiskStep
from ...files.layout import size_of
from ...history.rows import Followed
from ...plan.model import Plan, Rewrite
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .capture import Capture
from .lag import BREATH, Lag

MISFIT_PATIENCE = 3.0  # seconds that an application has to fix rows which the new shape does not take
VERIFY_BEHIND = 1.0  # seconds of replay that the new file may be behind when the comparison begins


@dataclass(frozen=True, slots=True)
class UpTo:
    """What the new file agrees with: what the logs said up to `bounds`, and the old file at its `schema_version`.

    Zero where writers waited: nothing was logged. `followed`: what was replayed until then.
    """

    bounds: Bounds = field(default_factory=dict)
    schema_version: int = 0
    followed: Followed = Followed()  # noqa: RUF009  it is frozen


class Source(Protocol):
    """The old file, as the phases of a build read it."""

    before: LiveDatabase

    @property
    def size(self) -> int:
        """How large the new file gets while others write to the disk, in bytes; 0 where nobody does."""

    def whole_build(self) -> AbstractContextManager[None]:
        """Around all phases."""

    def copying(self) -> AbstractContextManager[None]:
        """Around the copy of the old file, page by page."""

    def follow(self, connection: Connection) -> None:
        """The new file has the shape of the plan, and no rows yet that are to be rewritten."""

    def filling(self, connection: Connection) -> AbstractContextManager[None]:
        """Around the statements that rewrite rows: one transaction."""

    def left_out(self, step: Rewrite) -> str:
        """A condition over rows of the old table, for those that are copied now; '' for all."""

    def verifying(self, connection: Connection) -> AbstractContextManager[None]:
        """Around the comparison: within the block both files hold the same rows."""

    def triggers_for_later(self, connection: Connection) -> tuple[Object, ...]:
        """Remove the triggers of the new file that must not fire while rows are replayed, and return them."""

    def up_to(self) -> UpTo:
        """What the new file agrees with now."""


@dataclass(slots=True)
class LockedSource:
    """The caller holds the write lock of the old file: one snapshot serves for all reads."""

    plan: Plan
    before: LiveDatabase
    size: int = field(default=0, init=False)

    def whole_build(self) -> AbstractContextManager[None]:
        return snapshot(self.before.connection)

    def copying(self) -> AbstractContextManager[None]:
        return nullcontext()

    def follow(self, connection: Connection) -> None:
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

    def triggers_for_later(self, connection: Connection) -> tuple[Object, ...]:
        return ()

    def up_to(self) -> UpTo:
        return UpTo()


@dataclass(slots=True)
class CapturedSource:
    """Writers go on: each phase reads a snapshot of its own, and what was logged since is replayed."""

    target: Target
    plan: Plan
    before: LiveDatabase
    capture: Capture
    checkpointer: Checkpointer
    _lag: Lag = field(init=False)
    _up_to: UpTo = field(init=False, default=UpTo())

    @property
    def size(self) -> int:
        return size_of(self.before.path)

    def whole_build(self) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def copying(self) -> Iterator[None]:
        with snapshot(self.before.connection):
            yield
            self.checkpointer.soon()
        self.checkpointer.ended()

    def follow(self, connection: Connection) -> None:
        # from the first entry on: what was written before the copy began is in it, and is read once more
        follows, schema = self.capture.follows, self.capture.schema
        bounds = dict.fromkeys((follow.logged.number for follow in follows), 0)
        replay = Replay(connection, follows, bounds, schema, schema.version)
        replay.prepare()
        replay.make_maps()
        self._lag = Lag(self.target, replay)

    @contextmanager
    def filling(self, connection: Connection) -> Iterator[None]:
        with transaction(connection):
            self._lag.replay.begin()
            yield
            self.checkpointer.soon()
        self.checkpointer.ended()

    def left_out(self, step: Rewrite) -> str:
        return self._lag.replay.untouched(step)

    @contextmanager
    def verifying(self, connection: Connection) -> Iterator[None]:
        """Catch up; the block is in the snapshot of a round after which all rows have their place."""
        undoable(connection)
        deadline = time.monotonic() + MISFIT_PATIENCE
        self._lag.catch_up(connection, DiskStep.BUILD_ROUND, VERIFY_BEHIND, deadline)
        replay = self._lag.replay
        while True:
            with transaction(connection):
                done = replay.round()
                replay.settle()
                if not done.row_errors:
                    virtual_tables.follow(connection, self.plan)
                    carry_counters(connection, self.plan)
                    yield
                    replay.check_ends()
                    self.checkpointer.soon()
                    break
            if time.monotonic() > deadline:
                raise row_errors_failed(done)
            time.sleep(BREATH)
        self.checkpointer.ended()
        self._up_to = UpTo(replay.bounds, replay.version, Followed(self._lag.rounds + 1, self._lag.keys + done.keys))

    def triggers_for_later(self, connection: Connection) -> tuple[Object, ...]:
        return finish.take_triggers(connection)

    def up_to(self) -> UpTo:
        return self._up_to
