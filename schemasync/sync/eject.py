"""Ejects a database: a fenced swap from the live generation to a plain copy of it, at the link's own path."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..engines.sqlite import history_table
from ..engines.sqlite.checkpoint import durably
from ..engines.sqlite.connection import Connection, side_files, to_wal, wal_of
from ..engines.sqlite.objects import objects
from ..engines.sqlite.rebuild.start import clone
from ..engines.sqlite.temporary import remove_temporary
from ..engines.sqlite.transactions import snapshot
from ..errors import APPLICATION_ERRORS, Code, Failed, NeedsPerson, Refused, SchemasyncError
from ..files.disk import DiskStep
from ..files.kernel_copy import kernel_copy
from ..files.layout import size_of
from .phases import cutover
from .phases.cutover import cut_over, prepared
from .phases.write_lock import Commit, write_lock
from .recovery import recover
from .run import interrupt, live_database
from .run.disk_space import RESERVE, Room, check_free, figures_when_full
from .run.elapsed import ms_since
from .run.error_translation import translated_errors
from .run.interrupt import Signals
from .run.live_database import LiveDatabase
from .run.target import Target

InStep = Callable[[Path], None]
"""The application's work on the plain file, before it replaces the link."""


@dataclass(frozen=True, slots=True)
class Ejected:
    """A database that is a plain file again. `archive` was live before, and is closed to writers."""

    archive: str
    bytes: int
    duration_ms: int
    pause_ms: int


def check(target: Target) -> None:
    """Raise Refused or NeedsPerson if the database is not managed, a stale -wal is at the path of the link, the disk
    cannot hold the plain file, or the link cannot be replaced."""
    with (
        translated_errors(target.layout.link),
        live_database.read(target.layout, target.opener, whole=False) as current,
    ):
        check_free(_room(target, _generation(target, current)))
        cutover.check_place(target.layout)


def eject(target: Target, version: str | None, in_step: InStep) -> Ejected:
    """Make the database a plain file with the same rows. Raises a SchemasyncError; then the live file is unchanged,
    unless the error says that the swap is committed or done.

    `version`: the version that the database must still have; else raises Failed. Writers wait during the copy. The
    fence stops connections that have the generation open, and no write is lost.
    """
    begun = time.monotonic()
    check(target)
    with translated_errors(target.layout.link), interrupt.stoppable() as signals, target.locked() as target:
        recover(target)
        with live_database.read(target.layout, target.opener) as current:
            current = _generation(target, current)
            _check_version(current, version)
            room, commit = _room(target, current), Commit()
            check_free(room)
            with (
                figures_when_full(target.layout.link, room),
                write_lock(target, current.path, current.inode) as lock,
                _copy_removed(target, commit),
            ):
                _copy(target, current, signals)
                _in_step(target, in_step)
                _seal(target, current)
                with prepared(target, None) as swap, cut_over(target, signals, lock, swap, commit):
                    cutover.put_in_place(target, lock)
                pause = lock.seconds
            assert current.newest is not None
            archive = current.newest.generation
    took = ms_since(begun)
    return Ejected(archive, size_of(target.layout.link), took, round(pause * 1000))


def _generation(target: Target, current: LiveDatabase | None) -> LiveDatabase:
    """Return the database. Raises Refused or NeedsPerson if it cannot be ejected."""
    layout = target.layout
    if current is None or current.generation is None:
        raise Refused.of(
            Code.NOT_ADOPTED,
            f"{layout.link} is {layout.path_kind().value}: there is nothing to eject",
            "Django's migrate manages it.",
        )
    if size_of(wal_of(layout.link)):
        raise NeedsPerson.of(
            Code.STATE_UNKNOWN,
            f"{wal_of(layout.link)} is the log of a file that was here before the adoption; SQLite would read it as "
            "the log of the plain file",
            "End every process that has had the database open since then, and remove it:\n"
            f"rm {' '.join(str(path) for path in side_files(layout.link)[:2])}",
        )
    return current


def _check_version(current: LiveDatabase, version: str | None) -> None:
    newest = current.newest
    if version is not None and newest is not None and newest.version != version:
        raise Failed.of(
            Code.CHANGED_DURING_RUN,
            f"{newest.generation} went live during the check of the schema",
            "Run it again.",
        )


def _room(target: Target, current: LiveDatabase) -> Room:
    return Room(target.layout.plain.parent, size_of(current.path) + RESERVE, "the plain file")


@contextmanager
def _copy_removed(target: Target, commit: Commit) -> Iterator[None]:
    """Remove the copy if this fails before the swap is committed; if the process dies, recovery removes it."""
    try:
        yield
    except BaseException:
        if not commit.is_done:
            cutover.remove_plain(target)
        raise


def _copy(target: Target, current: LiveDatabase, signals: Signals) -> None:
    plain = target.layout.plain
    target.disk.create(DiskStep.BUILD_CREATE, plain, current.path.stat())
    with closing(target.opener.build(plain)) as connection, target.progress.phase("copy", "pages") as advance:
        signals.watch(connection)
        with (
            target.disk.step(DiskStep.BUILD_START),
            kernel_copy(current.path, current.inode, plain) as copying,
            snapshot(current.connection),
        ):
            copying.note_end()
            clone(current.connection, connection, copying, advance)
            to_wal(connection)


def _in_step(target: Target, work: InStep) -> None:
    try:
        work(target.layout.plain)
    except SchemasyncError:
        raise
    except APPLICATION_ERRORS as error:  # whatever the application raises, the file is incomplete
        raise Failed.of(
            Code.HOOK_FAILED,
            f"{type(error).__name__}: {error}",
            "django_migrations of the plain file could not be updated, and the file is removed. Fix it, and run again.",
        ) from error


def _seal(target: Target, current: LiveDatabase) -> None:
    """Remove our objects from the file, sync all of it to the disk, and check that it has all objects of the live
    one."""
    plain = target.layout.plain
    with (
        target.disk.step(DiskStep.BUILD_SEAL),
        closing(target.opener.write(plain, timeout=target.wait)) as connection,
    ):
        with durably(connection):  # its fsync covers everything that was written without one
            _strip(connection)
        wrong = set(objects(current.connection)) - set(objects(connection))
    if wrong or any(path.exists() for path in side_files(plain)):
        names = ", ".join(sorted(o.name for o in wrong)) or "a log beside it"
        raise Failed.of(Code.VERIFY_DIFFERS, f"the plain file differs from the live one: {names}", "Run it again.")


def _strip(connection: Connection) -> None:
    remove_temporary(connection)
    history_table.drop(connection)
