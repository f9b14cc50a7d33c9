"""Starts capture: from here on triggers log the writes of the application while the new file is built."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from ...engines.sqlite import fence
from ...engines.sqlite.capture import changelog, virtual_tables
from ...engines.sqlite.capture.changelog import LiveSchema
from ...engines.sqlite.capture.key_mapping import TrackedTable, follows, impossible, tables_to_log
from ...engines.sqlite.checkpoint import checkpoint_some
from ...engines.sqlite.connection import Connection, journal_mode
from ...engines.sqlite.objects import fingerprint
from ...engines.sqlite.transactions import transaction
from ...errors import Code, Refused, SchemasyncError
from ...files.disk import DiskStep
from ...files.layout import inode_of
from ...plan.model import Plan
from ..run.error_translation import translated_errors
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .write_lock import replaced

RELEASE_WAIT = 5.0  # seconds to wait for a writer before the next command has to remove the change log


@dataclass(frozen=True, slots=True)
class Capture:
    """How each captured table is replayed, and the schema of the live file with the change log in it.

    `changed`: somebody wrote between the making of the plan and the start of capture.
    """

    follows: tuple[TrackedTable, ...]
    schema: LiveSchema
    changed: bool


def followable(plan: Plan, before: LiveDatabase) -> tuple[TrackedTable, ...]:
    """How each table is replayed while writers go on. Raises Refused, before anything is written, with all reasons why
    this plan cannot be."""
    _check_same(before.connection, plan, before)
    problems = list(virtual_tables.obstacles(before.connection, plan))
    tables = tables_to_log(before.inspect().schema.tables, plan)
    hidden = {table.name for table in tables if not changelog.can_log(table)}
    written = {step.old.name for step in plan.rewritten}
    unseen = hidden - written  # a rewritten one is refused for that with another message
    for name in sorted(unseen):
        problems.append(impossible(f'"{name}" has columns rowid, oid and _rowid_, which hide its row ids', name))
    found: tuple[TrackedTable, ...] = ()
    try:
        found = follows(changelog.logged([table for table in tables if table.name not in unseen]), plan)
    except Refused as refusal:
        problems += refusal.problems
    if problems:
        raise Refused(problems)
    return found


@contextmanager
def captured(target: Target, plan: Plan, before: LiveDatabase, followed: tuple[TrackedTable, ...]) -> Iterator[Capture]:
    """Log the writes to these tables within the block. If it raises, the change log is removed.

    One short transaction under the write lock. Raises Busy if that is not available within `target.wait`.
    """
    try:
        yield _install(target, plan, before, followed)
    except BaseException:
        release(target, before)
        raise


def _install(target: Target, plan: Plan, before: LiveDatabase, followed: tuple[TrackedTable, ...]) -> Capture:
    with (
        translated_errors(before.path),
        closing(target.opener.write(before.path, timeout=target.wait)) as connection,
        target.disk.step(DiskStep.CAPTURE_INSTALL),
        transaction(connection),
    ):
        _check_wal(connection, before)
        _check_same(connection, plan, before)
        changed = before.has_changed()
        changelog.remove(connection)
        changelog.install(connection, [follow.logged for follow in followed])
        fence.prepare(connection)
        return Capture(followed, changelog.read_schema(connection), changed)


def _check_wal(connection: Connection, before: LiveDatabase) -> None:
    """Needs a read-write connection: one opened with immutable=1 never reports WAL."""
    if journal_mode(connection) != "wal":
        raise Refused.of(
            Code.CANNOT_FOLLOW_WRITES,
            f"{before.path.name} is no longer in WAL mode: readers and writers would wait for each other",
            f"sqlite3 {before.path} 'PRAGMA journal_mode=WAL'\n"
            "Or let writers wait: manage.py schemasync --block-writers",
        )


def release(target: Target, before: LiveDatabase) -> None:
    """Remove the change log; a superseded file keeps its fence. If a writer holds the lock, the next command does it:
    until then writes are slower, but correct."""
    with (
        suppress(sqlite3.Error, SchemasyncError),
        closing(target.opener.write(before.path, timeout=min(target.wait, RELEASE_WAIT))) as connection,
    ):
        if changelog.is_installed(connection):
            remove(target, connection)


def remove(target: Target, connection: Connection) -> None:
    """Remove the change log, and a fence that does not close the file."""
    with target.disk.step(DiskStep.CAPTURE_REMOVE):
        with transaction(connection):
            changelog.remove(connection)
            if fence.read_fence(connection) is None:
                fence.lower_fence(connection)
        checkpoint_some(connection)  # what a long change log occupied: else the next writer would have to


def _check_same(connection: Connection, plan: Plan, before: LiveDatabase) -> None:
    if inode_of(before.path) != before.inode:
        raise replaced(before.path)
    check_same_schema(connection, plan)


def check_same_schema(connection: Connection, plan: Plan) -> None:
    """Raise Refused if the schema is not the one of the plan."""
    if fingerprint(connection) != plan.base_fingerprint:
        raise Refused.of(Code.CHANGED_DURING_RUN, "someone changed the schema while the plan was made", "Run it again.")
