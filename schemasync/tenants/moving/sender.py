"""The sending side of a move, on the host that has the tenant.

1. its row says that it moves     nobody archives or deletes it; it is in use all the time
2. a copy of the file is sent     the receiving side examines it
3. the log is sent, as it grows   until little is left
4. the write lock is taken        writers wait
5. the rest of the log is sent    the receiving side has the whole file, durably, under its name
6. the file is closed by a fence  durably: from here on no host takes a write
7. its row names the other host   which takes writes from here on
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from django.db import DatabaseError

from ...actions.database import Database
from ...engines.sqlite import fence
from ...engines.sqlite.examine import Examined, examine
from ...engines.sqlite.fence import Fence
from ...engines.sqlite.log_tail import LogTail, followed
from ...engines.sqlite.transactions import logged_durably
from ...errors import Busy, Code, Failed, NeedsPerson, Refused, UsageError
from ...files.disk import Disk, DiskStep
from ...files.layout import Generation, PathKind, size_of
from ...files.scratch import BACKUP, work_folder
from ...history.rows import now
from ...keep.compression import digest_of_file
from ...sync.phases.cutover import fence_file, next_number
from ...sync.phases.write_lock import Commit, brief_write_lock
from ...sync.recovery import recover
from ...sync.run import interrupt, live_database
from ...sync.run.error_translation import translated_errors
from ...sync.run.interrupt import Signals
from ...sync.run.live_database import LiveDatabase
from ...sync.run.target import Target
from ..context import UnknownTenant, entered
from ..hosts import refuse_other_host
from ..lives import change_state, refuse_in_a_transaction, rows_of
from ..lookup import forget
from ..models import State
from ..rendezvous import has_labels
from ..settings import Host, tenant_settings
from .channel import CHUNK, Channel, opened

LITTLE = 1 << 20  # bytes of the log that are left for the time in which writers wait
ROUNDS = 1000  # a part has at most 16 MB


@dataclass(frozen=True, slots=True)
class MoveLimits:
    """Seconds: `answer` for each piece of the copy and each part of the log; `pause` for the last part, while writers
    wait: some programs give up after 5."""

    answer: float = 600.0
    pause: float = 4.0


@dataclass(frozen=True, slots=True)
class Moved:
    """What was done. `bytes`: of the copy; `log_bytes`: of what was written meanwhile."""

    result: Literal["moved", "current", "undone"]
    key: str
    host: str
    bytes: int = 0
    log_bytes: int = 0
    duration_ms: int = 0
    pause_ms: int = 0


def move_tenant(
    database: Database, key: str, to: str, limits: MoveLimits | None = None, disk: Disk | None = None
) -> Moved:
    """Move a tenant to another host. `database`: the entry of the tenants. If it dies, the same call goes on. Raises a
    SchemasyncError; then the tenant is where it was, unless the error is a NeedsPerson."""
    begun = time.monotonic()
    refuse_in_a_transaction()
    host = _host(to)
    if _row(key)[0] == to:
        return Moved("current", key, to)
    _movable(key)
    _refuse_labels(key, host)
    with entered(key):
        target = replace(database.released(), disk=disk or Disk())
        with (
            translated_errors(target.layout.link),
            interrupt.stoppable() as signals,
            target.locked() as target,
            _moving(target, key) as source,
        ):
            done = _Move(target, key, source, host, signals, limits or MoveLimits()).run()
    return replace(done, duration_ms=round((time.monotonic() - begun) * 1000))


def take_back(database: Database, key: str, disk: Disk | None = None) -> Moved:
    """Open the file of a tenant again that was closed for a move, before its row named the other host. Raises
    Refused."""
    refuse_in_a_transaction()
    _movable(key)
    with entered(key):
        target = replace(database.released(), disk=disk or Disk())
        with translated_errors(target.layout.link), target.locked() as target:
            source = _movable(key)  # under the lock: a move that was at work until then may have finished
            if (live := _live(target)) is not None and _moved_to(target, live) is not None:
                with (
                    closing(target.opener.write(live.path, timeout=target.wait)) as connection,
                    target.disk.step(DiskStep.HOST_REOPEN),
                    logged_durably(connection),
                ):
                    fence.lower_fence(connection)
            if not change_state(key, (State.MOVING, State.ACTIVE), State.ACTIVE, at=source):
                raise Refused.of(Code.NOT_MOVED, f'the tenant "{key}" does not move', "There is nothing to undo.")
    return Moved("undone", key, source)


def _row(key: str) -> tuple[str, str]:
    for host, state in rows_of(key).values_list("host", "state"):
        return host, state
    raise UnknownTenant.of(Code.UNKNOWN_TENANT, f'there is no tenant "{key}"', "", tenant=key)


def _host(to: str) -> Host:
    found = tenant_settings()
    if to not in found.hosts or not found.host:
        raise UsageError.of(
            Code.NO_HOST, f'there is no host "{to}"', f"HOSTS has: {', '.join(found.hosts) or 'none'}.", host=to
        )
    if not found.hosts[to].receive and to != found.host:
        raise UsageError.of(
            Code.NO_HOST,
            f'HOSTS["{to}"] has no RECEIVE, which runs the receiving side of a move there',
            '"RECEIVE": ["ssh", "HOST", "/srv/site/.venv/bin/python", "/srv/site/manage.py", "schemasync", "tenants", '
            '"receive"]',
        )
    return found.hosts[to]


def _refuse_labels(key: str, host: Host) -> None:
    labels = rows_of(key).values_list("labels", flat=True).first() or {}
    if not has_labels(host, labels):
        asked = ", ".join(f"{name}={value}" for name, value in labels.items())
        raise Refused.of(
            Code.NO_HOST, f'the host "{host.name}" lacks a label of {asked}', "Choose another host.", host=host.name
        )


def _live(target: Target) -> Generation | None:
    return target.layout.live() if target.layout.path_kind() is PathKind.GENERATION else None


def _moved_to(target: Target, live: Generation) -> str | None:
    with closing(target.opener.read(live.path)) as connection:
        closed = fence.read_fence(connection)
    return None if closed is None else closed.moved_to


def _movable(key: str) -> str:
    """The host of a tenant, which is this one. Raises OtherHost, and UnknownTenant for one that is not in use."""
    host, state = _row(key)
    refuse_other_host(key, host)
    if state not in (State.ACTIVE, State.MOVING):
        raise UnknownTenant.of(
            Code.UNKNOWN_TENANT, f'the tenant "{key}" is {state}, and only an active one moves', "", tenant=key
        )
    return host


@contextmanager
def _moving(target: Target, key: str) -> Iterator[str]:
    """A block in which the row of a tenant says that it moves; gives its host. Under the lock: a move that was at work
    until then may have finished. If the block raises, the tenant is active again, unless its file is closed."""
    source = _movable(key)
    change_state(key, (State.ACTIVE,), State.MOVING, at=source)
    try:
        yield source
    except BaseException:
        live = _live(target)
        if live is not None and _moved_to(target, live) is None:
            change_state(key, (State.MOVING,), State.ACTIVE, at=source)
        raise


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
        """The file is closed already: the other side has all of it."""
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
        """The copy is made and read before the other side waits for it: that ends when it hears nothing for long."""
        names: dict[str, Any] = {
            "key": self.key,
            "source": self.source,
            "to": self.host.name,
            "generation": generation.name,
        }
        with (
            followed(self.target.opener, current.path) as tail,
            self._copied(current.path) as (copy, digest, here),
            opened(self.host.receive, self.host.name) as channel,
        ):
            channel.ask("begin", self.limits.answer, **names)
            size = self._send(channel, copy, digest, here)
            self._follow(channel, tail)
            pause = self._close(channel, tail, current)
        self._switch()
        return Moved("moved", self.key, self.host.name, size, tail.sent, 0, round(pause * 1000))

    @contextmanager
    def _copied(self, path: Path) -> Iterator[tuple[Path, str, Examined]]:
        """A copy of the file, its digest, and what is in it."""
        with work_folder(self.target.layout.folder, BACKUP) as folder:
            copy = folder / "copy.sqlite3"
            with self.target.disk.step(DiskStep.HOST_COPY):
                self.target.opener.copy(path, copy)
            yield copy, digest_of_file(copy).sha256, examine(self.target.opener, copy)

    def _send(self, channel: Channel, copy: Path, digest: str, here: Examined) -> int:
        """Send the copy; the other side reads it as this one does."""
        size = size_of(copy)
        with self.target.progress.phase("sending", "bytes") as advance:
            data = _chunks(copy, advance, size)
            there = channel.ask("copy", self.limits.answer, data, size, digest=digest, is_long=True)
        self._compare(there, {"fingerprint": here.fingerprint, "rows": dict(here.rows)})
        return size

    def _compare(self, there: Mapping[str, object], here: Mapping[str, object]) -> None:
        if dict(there) != here:
            raise Failed.of(
                Code.VERIFY_DIFFERS, f"the copy on {self.host.name} has other tables or rows", "Run it again."
            )

    def _follow(self, channel: Channel, tail: LogTail) -> None:
        """Send what was written, until little is left. Raises Busy if more is written than can be sent."""
        for _ in range(ROUNDS):
            part = tail.read()
            channel.ask("log", self.limits.answer, iter([part.data]), len(part.data), offset=part.offset)
            if part.is_last and len(part.data) <= LITTLE:
                return
        raise self._too_much()

    def _close(self, channel: Channel, tail: LogTail, current: LiveDatabase) -> float:
        """Send the rest while writers wait, and close the file. Raises a SchemasyncError with the file open."""
        assert current.newest is not None
        number, version = next_number(self.target), current.newest.version
        with brief_write_lock(self.target, current.path, current.inode) as lock:
            self.signals.defer()
            part = tail.read()
            if not part.is_last:
                raise self._too_much()
            more: dict[str, Any] = {"frames": part.frames, "digest": tail.digest(part.end), "version": version}
            channel.ask("finish", self.limits.pause, iter([part.data]), len(part.data), offset=part.offset, **more)
            fence_file(self.target, lock, Fence.moved(number, self.host.name, now()), Commit())
            lock.stop_clock()
            self.signals.swapped(self.host.name)
        return lock.seconds

    def _too_much(self) -> Busy:
        return Busy.of(
            Code.CUTOVER_TIMEOUT,
            f"more is written to {self.target.layout.link} than can be sent",
            "Nothing was changed. Run it again when less is written.",
        )

    def _switch(self) -> None:
        """Let the row name the other host. Raises NeedsPerson: the file is closed, and the other side has all of it."""
        with self.target.disk.step(DiskStep.HOST_ROW):
            try:
                rows = rows_of(self.key).filter(host=self.source, state=State.MOVING)
                changed = rows.update(host=self.host.name, state=State.ACTIVE)
            except DatabaseError as error:
                raise self._unfinished(f"its row could not be written: {error}") from error
            forget(self.key)
        if not changed:
            raise self._unfinished("somebody has changed its row meanwhile")

    def _unfinished(self, why: str) -> NeedsPerson:
        return NeedsPerson.of(
            Code.MOVE_UNFINISHED,
            f'the file of the tenant "{self.key}" is closed here, and {self.host.name} has all of it, but {why}. Until '
            "then every write fails and none is lost",
            f"To finish it: manage.py schemasync tenants move {self.key} --to {self.host.name}",
        )


def _chunks(path: Path, advance: Callable[[int, int], object], size: int) -> Iterator[bytes]:
    """The content of a file, piece by piece."""
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
            done += len(chunk)
            advance(done, size)
