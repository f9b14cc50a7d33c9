"""Starts capture: from here on triggers log the writes of the application while the new file is built."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ...engines.sqlite import fence
from ...engines.sqlite.capture import changelog, virtual_tables
from ...engines.sqlite.capture.changelog import Installation, LiveSchema, Logged
from ...engines.sqlite.capture.key_mapping import TrackedTable, follows, impossible, tables_to_log
from ...engines.sqlite.capture.replace_conflicts import not_computable
from ...engines.sqlite.checkpoint import checkpoint_some
from ...engines.sqlite.connection import Connection, data_version, journal_mode, main_file, read_again, schema_version
from ...engines.sqlite.objects import fingerprint
from ...engines.sqlite.transactions import Step, run_some, snapshot, transaction
from ...errors import Code, Refused, SchemasyncError
from ...files.disk import DiskStep
from ...files.layout import inode_of
from ...files.temporary import scratch_folder
from ...plan.model import Plan
from ..run.error_translation import translated_errors
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .write_lock import replaced, without_garbage_collection

# Each change of the schema of the live file is a short transaction. It makes every other connection read the whole
# schema again, and SQLite gives up with "database schema has changed" if that happens 50 times before it has read it:
# the pauses must be longer than the reading.
HOLD, HOLD_READS = 0.03, 2.0  # seconds for which one of them holds writers, about; at least so many times the reading
BREATH, BREATH_READS = 0.02, 3.0  # seconds until the next one, in the same way
RELEASE_WAIT = 5.0  # seconds to wait for a writer before the next command has to remove the change log


@dataclass(frozen=True, slots=True)
class Followable:
    """The tables whose writes are logged, and the replay of each table whose rows are carried by key."""

    logged: tuple[Logged, ...]
    follows: tuple[TrackedTable, ...]


@dataclass(frozen=True, slots=True)
class Capture:
    """The logged tables, the replay of each table whose rows are carried by key, and the schema of the live file with
    the change log in it.

    `changed`: somebody wrote between the making of the plan and the start of capture. `scratch`: the file in which
    transforms remember what they made; '' without any.
    """

    logged: tuple[Logged, ...]
    follows: tuple[TrackedTable, ...]
    schema: LiveSchema
    changed: bool
    scratch: str = ""


def followable(plan: Plan, before: LiveDatabase) -> Followable:
    """Return how each table is replayed while writers go on. Raises Refused, before anything is written, with all
    reasons why that is not possible for this plan."""
    _check_same(before.connection, plan.base_fingerprint, before)
    problems = list(virtual_tables.obstacles(before.connection, plan))
    tables = tables_to_log(before.inspect().schema.tables, plan)
    hidden = {table.name for table in tables if not changelog.can_log(table)}
    written = {step.old.name for step in plan.rewritten}
    unseen = hidden - written  # a rewritten one is refused for that with another message
    for name in sorted(unseen):
        problems.append(impossible(f'"{name}" has columns rowid, oid and _rowid_, which hide its row ids', name))
    for table in tables:
        if why := not_computable(table):
            problems.append(impossible(f'"{table.name}" has a unique index that {why}', table.name))
    found = Followable((), ())
    try:
        logged = changelog.logged([table for table in tables if table.name not in unseen])
        found = Followable(logged, follows(logged, plan))
    except Refused as refusal:
        problems += refusal.problems
    if problems:
        raise Refused(problems)
    return found


@contextmanager
def captured(target: Target, plan: Plan, before: LiveDatabase, followed: Followable) -> Iterator[Capture]:
    """Log the writes to these tables within the block. If it raises, the change log is removed.

    Takes short transactions under the write lock. Raises Busy if the lock is not available within `target.wait`, and
    Refused if the schema is not that of the plan, or the file is not in WAL mode.
    """
    with logging_writes(target, plan.base_fingerprint, before, followed) as capture:
        if not plan.transforms:
            yield capture
            return
        with scratch_folder() as folder:
            yield replace(capture, scratch=str(folder / "made.sqlite3"))


@contextmanager
def logging_writes(
    target: Target, base_fingerprint: str | None, before: LiveDatabase, followed: Followable
) -> Iterator[Capture]:
    """Like captured(), but without a plan: for a file whose schema has this fingerprint."""
    try:
        yield _install(target, base_fingerprint, before, followed)
    except BaseException:
        release(target, before.path)
        raise


def _install(target: Target, base_fingerprint: str | None, before: LiveDatabase, followed: Followable) -> Capture:
    """Install the change log in short transactions. All tables are logged when the last one is committed, before
    anything is copied."""
    with (
        translated_errors(before.path),
        closing(target.opener.write(before.path, timeout=target.wait)) as connection,
        target.disk.step(DiskStep.CAPTURE_INSTALL),
    ):
        seen = data_version(connection)
        changed = before.has_changed()  # what is committed between the two reads counts, too
        with snapshot(connection):
            _check_wal(connection, before)
            _check_same(connection, base_fingerprint, before)
            wanted = changelog.installation(connection, followed.logged)
            steps = [*changelog.removal(connection), *wanted.steps(connection)]
        try:
            last = in_short_transactions(target, connection, steps)
        except sqlite3.OperationalError:
            # such as a table that somebody dropped between two transactions
            _check_fingerprint(connection, base_fingerprint)
            raise
        with snapshot(connection):
            _check_fingerprint(connection, base_fingerprint)
            schema = _installed(connection, wanted, last)
            return Capture(followed.logged, followed.follows, schema, changed or last.data_version != seen)


def _installed(connection: Connection, wanted: Installation, last: Committed) -> LiveSchema:
    """Return the schema with the change log, and the schema_version at its last transaction: if that has changed since,
    VACUUM may have renumbered rows that are logged. Raises Refused if somebody dropped a part of the log."""
    schema = changelog.read_schema(connection)
    if not schema.has_triggers(wanted.triggers):
        raise _changed()
    return replace(schema, version=last.schema_version)


def _check_wal(connection: Connection, before: LiveDatabase) -> None:
    """Raise Refused unless the file is in WAL mode. Needs a read-write connection: one with immutable=1 never reports
    WAL."""
    if journal_mode(connection) != "wal":
        raise Refused.of(
            Code.CANNOT_FOLLOW_WRITES,
            f"{before.path.name} is no longer in WAL mode: readers and writers would wait for each other",
            f"sqlite3 {before.path} 'PRAGMA journal_mode=WAL'\n"
            "Or let writers wait: manage.py schemasync --block-writers",
        )


def release(target: Target, path: Path) -> None:
    """Remove the change log, and a fence that closes nothing; a superseded file keeps its fence. A failure is ignored,
    such as a writer that holds the lock: the next command does it, and until then writes are slower, but correct."""
    with (
        suppress(sqlite3.Error, SchemasyncError),
        closing(target.opener.write(path, timeout=min(target.wait, RELEASE_WAIT))) as connection,
    ):
        if changelog.removal(connection):
            remove(target, connection)


def remove(target: Target, connection: Connection) -> None:
    """Remove the change log and a fence that does not close the file, in short transactions. A closed file keeps its
    fence; its log is emptied."""
    with target.disk.step(DiskStep.CAPTURE_REMOVE):
        if fence.read_fence(connection) is None:
            in_short_transactions(target, connection, changelog.removal(connection))
        else:
            with transaction(connection):
                changelog.empty(connection)
        checkpoint_some(connection)  # what a long change log occupied: else the next writer would have to


@dataclass(frozen=True, slots=True)
class Fenceable:
    """A live file that one statement closes, as long as it has that `schema_version`. `changed`: somebody wrote after
    the file was read and before the fence was installed."""

    connection: Connection
    schema_version: int
    changed: bool
    seen: int

    def has_changed(self) -> bool:
        """True if somebody else has committed since the file was read."""
        return self.changed or data_version(self.connection) != self.seen


@contextmanager
def fence_prepared(target: Target, before: LiveDatabase) -> Iterator[Fenceable]:
    """Install the fence in the live file without closing it, so that its triggers need not be created under the lock.
    If the block raises before the file is closed, the fence is removed."""
    try:
        with (
            translated_errors(before.path),
            closing(target.opener.write(before.path, timeout=target.wait)) as connection,
        ):
            seen = data_version(connection)
            changed = before.has_changed()  # what is committed between the two reads counts, too
            with target.disk.step(DiskStep.CAPTURE_INSTALL):
                in_short_transactions(
                    target, connection, [*changelog.removal(connection), *fence.preparation(connection)]
                )
            with snapshot(connection):
                version = schema_version(connection) if fence.is_prepared(connection) else -1
            yield Fenceable(connection, version, changed, seen)
    except BaseException:
        release(target, before.path)  # over another connection: a signal may have left a transaction open on this one
        raise


@dataclass(frozen=True, slots=True)
class Committed:
    """The schema_version and the data_version of a file within the last of several transactions."""

    schema_version: int
    data_version: int


def in_short_transactions(target: Target, connection: Connection, steps: Sequence[Step]) -> Committed:
    """Change the schema by steps that depend on no row, while other writers go on between the transactions. There is at
    least one transaction."""
    waiting, turns = deque(steps), Turns(target, Path(main_file(connection)))
    while True:
        if waiting:
            waiting[0].prepare(connection)
        with without_garbage_collection(), transaction(connection):
            run_some(connection, waiting, turns.hold)
            last = Committed(schema_version(connection), data_version(connection))
        if not waiting:
            return last
        turns.pause()
        read_again(connection)


@dataclass(slots=True)
class Turns:
    """The times of short transactions that each change the schema of the file at `path`, and of the pauses between
    them. `reading`: seconds that it takes to read the schema."""

    target: Target
    path: Path
    reading: float = 0.0
    pauses: int = 0

    @property
    def hold(self) -> float:
        """How many seconds the next transaction may take."""
        return max(HOLD, HOLD_READS * self.reading)

    def pause(self) -> None:
        """Let other connections read the schema and write."""
        self.pauses += 1
        if self.pauses & (self.pauses - 1) == 0:  # the 1st, 2nd, 4th and so on: it changes slowly, and takes time
            begun = time.monotonic()
            self.target.opener.read(self.path).close()
            self.reading = time.monotonic() - begun
        time.sleep(max(BREATH, BREATH_READS * self.reading))


def _check_same(connection: Connection, base_fingerprint: str | None, before: LiveDatabase) -> None:
    if inode_of(before.path) != before.inode:
        raise replaced(before.path)
    _check_fingerprint(connection, base_fingerprint)


def check_same_schema(connection: Connection, plan: Plan) -> None:
    """Raise Refused if the schema is not the one of the plan."""
    _check_fingerprint(connection, plan.base_fingerprint)


def _check_fingerprint(connection: Connection, expected: str | None) -> None:
    if fingerprint(connection) != expected:
        raise _changed()


def _changed() -> Refused:
    return Refused.of(Code.CHANGED_DURING_RUN, "someone changed the schema while the plan was made", "Run it again.")
