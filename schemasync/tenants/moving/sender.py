"""The sending side of a move, on the host that has the tenant.

1. its row says that it moves     nobody archives or deletes it; it is in use all the time
2. a copy of the file is sent     the receiving side examines it
3. the log is sent, as it grows   until little is left; the receiving side lays it over the copy
4. the write lock is taken        writers wait
5. the rest of the log is sent    the receiving side has the whole file, durably, under its name
6. the file is closed by a fence  durably: from here on no host takes a write
7. its row names the other host   which takes writes from here on
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal

from ...actions.database import Database
from ...engines.sqlite import fence
from ...engines.sqlite.fence import Fence
from ...engines.sqlite.log_tail import followed
from ...engines.sqlite.transactions import logged_durably
from ...errors import Busy, Code, NeedsPerson, Refused
from ...files.disk import Disk, DiskStep
from ...files.layout import Generation, PathKind
from ...history.rows import now
from ...sync.phases.catch_up import MOST_PATIENCE, PATIENCE
from ...sync.phases.cutover import fence_file, next_number
from ...sync.phases.lag import BREATH
from ...sync.phases.write_lock import Commit, brief_write_lock
from ...sync.recovery import recover
from ...sync.run import interrupt, live_database
from ...sync.run.error_translation import translated_errors
from ...sync.run.interrupt import Signals
from ...sync.run.live_database import LiveDatabase
from ...sync.run.target import Target
from ..context import entered
from ..lives import refuse_in_a_transaction
from ..settings import Host
from .channel import opened
from .rows import host_named, movable, moving, not_moving, refuse_labels, row, switch
from .sending import MoveLimits, Sending, copied


@dataclass(frozen=True, slots=True)
class Moved:
    """The result of a move. `bytes`: of the copy; `log_bytes`: of the log that was sent; `archives`: those that stay on
    this host, in `folder`."""

    result: Literal["moved", "current", "undone"]
    key: str
    host: str
    bytes: int = 0
    log_bytes: int = 0
    duration_ms: int = 0
    pause_ms: int = 0
    archives: tuple[str, ...] = ()
    folder: str = ""


def move_tenant(
    database: Database, key: str, to: str, limits: MoveLimits | None = None, disk: Disk | None = None
) -> Moved:
    """Move a tenant to another host. `database`: the shared entry of the tenants. If the process dies, the same call
    goes on. Raises a SchemasyncError: then the tenant is where it was, unless the error is a NeedsPerson."""
    begun = time.monotonic()
    refuse_in_a_transaction()
    host = host_named(to)
    if row(key)[0] == to:
        return Moved("current", key, to)
    movable(key)
    refuse_labels(key, host)
    with entered(key):
        target = replace(database.released(), disk=disk or Disk())
        with (
            translated_errors(target.layout.link),
            interrupt.stoppable() as signals,
            target.locked() as target,
            moving(key, lambda: _is_open(target)) as source,
        ):
            done = _Move(target, key, source, host, signals, limits or MoveLimits()).run()
            stay = tuple(one.name for one in target.layout.finished() if one != target.layout.live())
    seconds, folder = time.monotonic() - begun, str(target.layout.folder)
    return replace(done, duration_ms=round(seconds * 1000), archives=stay, folder=folder)


def undo_move(database: Database, key: str, disk: Disk | None = None) -> Moved:
    """Open the file of a tenant again that an unfinished move has closed. Raises Refused if the tenant does not move,
    UnknownTenant, or OtherHost if its row names the other host already."""
    refuse_in_a_transaction()
    movable(key)
    with entered(key):
        target = replace(database.released(), disk=disk or Disk())
        with translated_errors(target.layout.link), target.locked() as target:
            source = movable(key)  # under the lock: a move that was at work until then may have finished
            if (live := _live(target)) is not None and _moved_to(target, live) is not None:
                with (
                    closing(target.opener.write(live.path, timeout=target.wait)) as connection,
                    target.disk.step(DiskStep.HOST_REOPEN),
                    logged_durably(connection),
                ):
                    fence.lower_fence(connection)
            if not not_moving(key, source):
                raise Refused.of(Code.NOT_MOVED, f'the tenant "{key}" does not move', "There is nothing to undo.")
    return Moved("undone", key, source)


def _live(target: Target) -> Generation | None:
    return target.layout.live() if target.layout.path_kind() is PathKind.GENERATION else None


def _is_open(target: Target) -> bool:
    live = _live(target)
    return live is not None and _moved_to(target, live) is None


def _moved_to(target: Target, live: Generation) -> str | None:
    with closing(target.opener.read(live.path)) as connection:
        closed = fence.read_fence(connection)
    return None if closed is None else closed.moved_to


@dataclass(slots=True)
class _Move:
    target: Target
    key: str
    source: str
    host: Host
    signals: Signals
    limits: MoveLimits

    def run(self) -> Moved:
        live = _live(self.target)
        to = None if live is None else _moved_to(self.target, live)
        if live is not None and to is not None:
            return self._go_on(live, to)
        recover(self.target)
        with live_database.read(self.target.layout, self.target.opener) as current:
            if current is None or current.generation is None or current.newest is None:
                raise Refused.of(
                    Code.NO_HISTORY,
                    f"{self.target.layout.link} is no database of schemasync",
                    "manage.py schemasync tenants sync",
                )
            return self._move(current, current.generation)

    def _go_on(self, live: Generation, to: str) -> Moved:
        """Finish an earlier move, which has closed the file: the other side has all of it. Raises Refused if that was
        to another host, and NeedsPerson if the other side does not have the file."""
        if to != self.host.name:
            raise Refused.of(
                Code.MOVE_UNFINISHED,
                f'the move of the tenant "{self.key}" to "{to}" is not finished',
                f"To finish it: manage.py schemasync tenants move {self.key} --to {to}",
            )
        with opened(self.host.receive, self.host.name) as channel:
            found = channel.ask("has", self.limits.answer, key=self.key)["generation"]
        if found != live.name:
            raise NeedsPerson.of(
                Code.STATE_UNKNOWN,
                f'the tenant "{self.key}" is closed here, and {to} has not the file that was sent there',
                f"To open it here again, with all of its rows: manage.py schemasync tenants move {self.key} --undo",
            )
        self._switch()
        return Moved("moved", self.key, to)

    def _move(self, current: LiveDatabase, generation: Generation) -> Moved:
        """Send the tenant. The copy is made and read before the channel is opened, because the other side ends if it
        gets no request for long."""
        names: dict[str, Any] = {
            "key": self.key,
            "source": self.source,
            "to": self.host.name,
            "generation": generation.name,
        }
        with (
            followed(self.target.opener, current.path) as tail,
            copied(self.target, current.path) as copy,
            opened(self.host.receive, self.host.name) as channel,
        ):
            channel.ask("begin", self.limits.answer, **names)
            sending = Sending(self.target, channel, tail, self.limits)
            size = sending.copy(copy)
            pause = self._close(sending, current)
        return Moved("moved", self.key, self.host.name, size, tail.sent, 0, round(pause * 1000))

    def _close(self, sending: Sending, current: LiveDatabase) -> float:
        """Send the rest while writers wait, close the file, and let the row name the other host. Return for how many
        seconds nobody could write. Raises a SchemasyncError with the file open, or NeedsPerson with the file closed."""
        assert current.newest is not None
        record, commit = Fence.moved(next_number(self.target), self.host.name, now()), Commit()
        deadline, patience = time.monotonic() + self.limits.cutover.cutover_timeout, PATIENCE
        while True:
            sending.catch_up(deadline)
            why = "more is written to it than can be sent"
            try:
                with brief_write_lock(self.target, current.path, current.inode, wait=patience) as lock:
                    self.signals.defer()
                    if sending.finish(lock, current.newest.version):
                        fence_file(self.target, lock, record, commit)
                        self.signals.swapped(self.host.name)
                        self._switch()
                        return lock.seconds
            except Busy:
                if commit.is_done:
                    raise
                why = "another connection held its write lock each time"
            self.signals.stop_again()
            sending.receive()
            if time.monotonic() > deadline:
                raise sending.timed_out(why)
            patience = min(patience * 1.5, MOST_PATIENCE)
            time.sleep(BREATH)

    def _switch(self) -> None:
        switch(self.target.disk, self.key, self.source, self.host.name)
