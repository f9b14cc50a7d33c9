"""Django's SQLite backend, with connections that follow the link when it moves to another generation.

Every statement runs on the file that the link names: before a statement outside of a transaction, a cursor checks
whether the link has moved, and after the statement that opened a transaction, whether the file is fenced. A transaction
that began IMMEDIATE holds the lock that a swap needs. Acknowledged writes stay, and nothing runs twice.
"""

from __future__ import annotations

import itertools
import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote as url_quote

from django.db.backends.signals import connection_created
from django.db.backends.sqlite3 import base
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper
from django.db.utils import OperationalError

from ... import conf
from ...databases import NEW_FILE
from ...engines.sqlite.connection_settings import Recording, carry_over, left_behind, recording
from ...engines.sqlite.fence import SwapState, writes_virtual_table
from ...engines.sqlite.objects import MESSAGE, MOVED_MESSAGE
from ...engines.sqlite.transactions import begin_deferred, committed, let_go, run_script
from ...files.layout import Inode, Layout
from ...signals import generation_changed
from .. import startup
from ..superseded import Moved, Superseded
from .acting import RecordedActor, fetched, is_alone, unread
from .creation import DatabaseCreation
from .measured import Measured, Measuring
from .meter import meter

TIMEOUT = 20.0  # seconds to wait for a lock, and for the link of a fenced file to move
LOOK = 0.001  # seconds between checks of such a link
ALL = 1000  # first cursors of a minute and process, which are all measured: less than a ten-thousandth of the minute
SAMPLE = 61  # of this number of later cursors, one is measured
TRIES = 5  # swaps that may happen between a check and the statement after it
COMMANDS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL")
BEGIN_DEFERRED = ("BEGIN", "BEGIN DEFERRED")  # as Django spells them
READING = ("SELECT", "PRAGMA", "BEGIN")  # first words of statements that do not write to a virtual table

LinkTarget = tuple[str, Inode | None]
"""The text of the link, and the identity of its file: inodes are used again, and a link may return to an old target."""

logger = logging.getLogger("schemasync")

_of_the_parent: list[Any] = []  # connections from before a fork: closing them here could release the parent's locks


class Stage(Enum):
    """The position of a statement in a transaction."""

    ALONE = "no transaction is open"
    FIRST = "only BEGIN DEFERRED has run, and the file may have been superseded since"
    WITHIN = "something of the transaction has run"


class _NotLive(Exception):
    """The transaction that was just opened is on a file that is not the live one; the transaction is rolled back."""


class _Following:
    """A cursor whose statements run on the live file, even if it was created before a swap.

    A statement runs again on the new file if it failed at the fence and nothing else of its transaction has run.
    """

    db: DatabaseWrapper
    cursor: Any
    _is_closed = False
    _was_resumed = False

    def close(self) -> None:
        self._is_closed = True
        self.cursor.close()

    @property
    def rowcount(self) -> int:
        """As in sqlite3; -1 (unknown) for an executemany that went on in another file."""
        return -1 if self._was_resumed else int(self.cursor.rowcount)

    def executescript(self, sql: str) -> Any:
        """As in sqlite3, started on the live file. It does not run again, because part of the script may have run."""
        with self.db.wrap_database_errors:
            self._enter()
            return run_script(self.cursor, sql)

    def _execute(self, sql: str, params: Any, *ignored: Any) -> Any:
        self.cursor = unread(self.cursor)
        if sql == "BEGIN":
            sql = self.db.begin  # below the query log, in which tests look for Django's statements
        self._was_resumed = False
        if sql.startswith("SELECT") and self.db.is_live(self.cursor.connection):  # the fast path for most statements
            return super()._execute(sql, params, *ignored)  # type: ignore[misc]
        execute = partial(super()._execute, sql, params, *ignored)  # type: ignore[misc]
        return self._on_the_live_file(sql, execute, lambda: params)

    def _executemany(self, sql: str, param_list: Iterable[Any], *ignored: Any) -> Any:
        self.cursor = unread(self.cursor)
        rows = _Rows(param_list)
        executemany = super()._executemany  # type: ignore[misc]

        def run() -> Any:
            if rows.is_exhausted and rows.count:  # all of them ran in a transaction that is rolled back
                raise _superseded()
            self._was_resumed = rows.count > 1
            return executemany(sql, rows, *ignored)

        return self._on_the_live_file(sql, run, rows.peek)

    def _on_the_live_file(self, sql: str, run: Callable[[], Any], params: Callable[[], Any]) -> Any:
        for _ in range(TRIES):
            stage = self._enter()
            connection = self.cursor.connection
            error = None
            try:
                if stage is Stage.ALONE and self._needs_transaction(sql, params):
                    return self._in_a_transaction(sql, run)
                self.db.record_actor(connection, sql)
                result = run()
                if self.db.is_settled(stage, connection, sql):
                    return result
            except _NotLive:
                pass
            except OperationalError as met:
                self.db.raise_unless_nothing_ran(stage, met)
                error = met
            self.db.start_over(stage, connection, error)
        raise _superseded()

    def _enter(self) -> Stage:
        """Use the connection to the live file. Raises sqlite3's error for a closed connection."""
        stage = self.db.enter(self.cursor.connection)
        if self.cursor.connection is not self.db.connection and not self._is_closed:
            self.cursor = self.db.create_cursor()
        return stage

    def _needs_transaction(self, sql: str, params: Callable[[], Any]) -> bool:
        """Return True for a statement outside of a transaction that writes to a virtual table, which no fence stops, or
        that writes while an actor is set."""
        if is_alone(self.cursor.connection, sql):
            return True
        if sql[:16].lstrip().upper().startswith(READING) or self.cursor.connection.isolation_level is not None:
            return False
        with self.db.wrap_database_errors:
            if not self.db.swap_state(self.cursor.connection).has_virtual_tables:
                return False
            cursor = self.cursor.connection.cursor(factory=base.SQLiteCursorWrapper)
            return writes_virtual_table(cursor, sql, params())

    def _in_a_transaction(self, sql: str, run: Callable[[], Any]) -> Any:
        connection = self.cursor.connection
        with self.db.wrap_database_errors, committed(connection):
            if self.db.is_left(connection):
                let_go(connection)
                raise _NotLive
            with self.db.recorded_actor.alone(connection, sql):
                result = run()
                self.cursor = fetched(self.cursor)
            return self.cursor if result is unread(self.cursor) else result


class _Rows:
    """The parameters of an executemany, which can be iterated again from the row that failed at the fence."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rest = iter(rows)
        self._current: list[Any] = []
        self.count = 0
        self.is_exhausted = False

    def __iter__(self) -> Iterator[Any]:
        yield from self._current
        for row in self._rest:
            self._current = [row]
            self.count += 1
            yield row
        self.is_exhausted = True

    def peek(self) -> Any:
        """The next row; None if there is none."""
        for row in self:
            return row
        return None


class _Acting:
    """A cursor of a database in memory: its statements record their actor, and there is no link to follow."""

    db: DatabaseWrapper
    cursor: Any

    def _execute(self, sql: str, params: Any, *ignored: Any) -> Any:
        return self._run(sql, partial(super()._execute, sql, params, *ignored))  # type: ignore[misc]

    def _executemany(self, sql: str, param_list: Iterable[Any], *ignored: Any) -> Any:
        return self._run(sql, partial(super()._executemany, sql, param_list, *ignored))  # type: ignore[misc]

    def _run(self, sql: str, run: Callable[[], Any]) -> Any:
        self.cursor = unread(self.cursor)
        connection, recorded = self.cursor.connection, self.db.recorded_actor
        if recorded.is_idle:
            return run()
        if not connection.in_transaction:
            recorded.forget()
        if is_alone(connection, sql):
            with self.db.wrap_database_errors, committed(connection), recorded.alone(connection, sql):
                result = run()
                self.cursor = fetched(self.cursor)
            return self.cursor if result is unread(self.cursor) else result
        self.db.record_actor(connection, sql)
        return run()


class Cursor(_Following, CursorWrapper):
    """The cursor of an application."""


class DebugCursor(_Following, CursorDebugWrapper):
    """Debug cursor: records queries for connection.queries."""


class MeasuredCursor(Measuring, Cursor):
    """A cursor whose first statement is measured."""

    unmeasured = Cursor


class SampledCursor(MeasuredCursor):
    """A measured cursor that stands for all cursors from one sample to the next."""

    weight = SAMPLE


class MeasuredDebugCursor(Measuring, DebugCursor):
    """A debug cursor. Debug cursors are slow in any case, so all are measured."""

    unmeasured = DebugCursor


def _kinds() -> Iterator[type]:
    """Yield the classes of the next cursors of a minute."""
    some = itertools.chain.from_iterable(map(_with_one, itertools.repeat(SAMPLE)))
    return itertools.chain(itertools.repeat(MeasuredCursor, ALL), some)


def _with_one(count: int) -> list[type]:
    """Return the classes of this number of cursors, with one measured at a random place: sites repeat the same
    queries."""
    found: list[type] = [Cursor] * count
    found[random.randrange(count)] = SampledCursor
    return found


class MemoryCursor(_Acting, CursorWrapper):
    """The cursor of an application, in memory."""


class MemoryDebugCursor(_Acting, CursorDebugWrapper):
    """Debug cursor in memory."""


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the live generation. On disk: WAL, IMMEDIATE, synchronous NORMAL and a longer timeout, each of
    which OPTIONS can change. In memory: Django's own backend."""

    creation_class = DatabaseCreation

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.begin = "BEGIN"
        self._link: str | None = None  # the link of the open database; None in memory
        self._place: LinkTarget | None = None
        self._swap_state: SwapState | None = None
        self._is_unchecked = False  # True after BEGIN DEFERRED, until the next statement has run
        self._lock = threading.RLock()  # threads may share a connection; only one of them follows at a time
        self._pid = os.getpid()
        self.recorded_actor = RecordedActor()
        self.measured: Measured | None = None  # None in memory, and with METRICS off
        self.kinds: Iterator[type] = itertools.repeat(MemoryCursor)  # the classes of the next cursors

    # --- opening --------------------------------------------------------------------------------------------

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        path = self._path()
        as_django = path is None or "transaction_mode" in self.settings_dict["OPTIONS"]
        self.begin = "BEGIN" if as_django else "BEGIN IMMEDIATE"
        if path is None:
            return params
        params.setdefault("timeout", TIMEOUT)
        params["factory"] = recording(params.get("factory", sqlite3.Connection))
        self.init_commands: list[str] = [*COMMANDS, *self.init_commands]
        layout = Layout(path)
        if path.is_symlink() or layout.folder.exists():
            # never open the target of a dangling link: SQLite would create it, empty
            params["database"] = f"file:{url_quote(str(path.absolute()))}?mode=rw"
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self._pid = os.getpid()
        path = self._path()
        self._link = None if path is None else str(path)
        self.measured = None
        if path is not None and NEW_FILE not in self.settings_dict:
            startup.look(self.alias, path)
        for _ in range(TRIES):
            place = self._look()
            connection = super().get_new_connection(conn_params)
            if place is None:
                return connection
            state = SwapState(connection)  # this opens the file
            if self._look() == place:  # no third check: the link may move after this one
                self._place, self._swap_state = place, state
                self._measure(path)
                return connection
            connection.close()  # this created the file, or the link has moved: which file is open is unknown
        raise Superseded(f"The link {path} moved {TRIES} times while it was being opened. Nothing has run: try again.")

    def _measure(self, path: Path | None) -> None:
        if path is not None and conf.measures():
            self.measured = Measured(self, meter(path, _kinds))
        else:
            self.kinds = itertools.repeat(Cursor)

    def connect(self) -> None:
        super().connect()
        if isinstance(self.connection, Recording):
            self.connection.forget_calls()

    # --- following ------------------------------------------------------------------------------------------

    def ensure_connection(self) -> None:
        """Open `connection.connection` on the live file, except within a transaction."""
        self.leave_to_the_parent()
        super().ensure_connection()
        if not self.in_atomic_block:
            with self.wrap_database_errors:
                self._follow()

    def get_autocommit(self) -> bool:
        if self.connection is None:
            self.ensure_connection()
        return self.autocommit

    def _cursor(self, name: str | None = None) -> Any:
        self.leave_to_the_parent()
        self.close_if_health_check_failed()
        if self.connection is None or self._place is None:
            return super()._cursor(name)  # type: ignore[misc]
        with self.wrap_database_errors:  # without the check of ensure_connection: each statement checks
            return self._prepare_cursor(self.create_cursor(name))  # type: ignore[attr-defined]

    def make_cursor(self, cursor: Any) -> Any:
        return next(self.kinds)(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> Any:
        if self._place is None:
            return MemoryDebugCursor(cursor, self)
        return (DebugCursor if self.measured is None else MeasuredDebugCursor)(cursor, self)

    def record_actor(self, used: Any, sql: str) -> None:
        """Record the actor, if there is one. Call this before a statement within a transaction."""
        if not self.recorded_actor.is_idle:
            with self.wrap_database_errors:
                self.recorded_actor.before(used, sql)

    def _commit(self) -> None:
        if self.connection is not None and self.connection.in_transaction:
            with self.wrap_database_errors:
                self.recorded_actor.remove(self.connection)
        began = time.perf_counter()
        super()._commit()  # type: ignore[misc]
        self._measured_end(began, is_rollback=False)

    def _rollback(self) -> None:
        began = time.perf_counter()
        super()._rollback()  # type: ignore[misc]
        self._measured_end(began, is_rollback=True)

    def _measured_end(self, began: float, *, is_rollback: bool) -> None:
        if self.measured is not None and self.measured.kind is not None:
            if self.connection is None:  # closed within the transaction, which Django accepts
                self.measured.forget()
            else:
                self.measured.ended(began, is_rollback=is_rollback)

    def is_live(self, used: Any) -> bool:
        """Return True if a SELECT on this connection reads the live file, or the snapshot of its transaction."""
        if used is not self.connection or self._is_unchecked or self._pid != os.getpid():
            return False
        try:
            return bool(used.in_transaction) or self._look() == self._place
        except sqlite3.ProgrammingError:  # closed
            return False

    def enter(self, used: Any) -> Stage:
        """Follow if the link has moved and no transaction is open; `used` is the connection of a cursor.

        Return the position of the next statement.
        """
        try:
            used.in_transaction  # noqa: B018  raises if Django has closed it
            if self.connection is None or self._pid != os.getpid():
                self.ensure_connection()
            if self.connection.in_transaction or (self._follow() and self.connection.in_transaction):
                return Stage.FIRST if self._is_unchecked else Stage.WITHIN
        except sqlite3.ProgrammingError:
            with self.wrap_database_errors:
                raise
        self._is_unchecked = False
        self.recorded_actor.forget()
        if self.measured is not None and self.measured.kind is not None:
            self.measured.forget()  # of a transaction that no statement of ours has ended
        return Stage.ALONE

    def is_settled(self, stage: Stage, used: Any, sql: str) -> bool:
        """Return True if the last statement ran on the live file, or if the check comes after the next statement."""
        if stage is Stage.WITHIN or not used.in_transaction:
            return True
        # A check now, after BEGIN DEFERRED, would read, and lose the right to wait for another writer.
        self._is_unchecked = stage is Stage.ALONE and sql in BEGIN_DEFERRED
        return self._is_unchecked or not self.is_left(used)

    def is_left(self, used: Any) -> bool:
        """Return True if this file is not the live one, or is fenced. Call this inside a transaction."""
        if used is not self.connection or self._look() != self._place:
            return True
        with self.wrap_database_errors:
            return self.swap_state(used).is_fenced

    def swap_state(self, used: Any) -> SwapState:
        """Return whether the file of this connection is fenced, and has virtual tables."""
        if self._swap_state is None or self._swap_state.connection is not used:
            return SwapState(used)
        return self._swap_state.refresh()

    def raise_unless_nothing_ran(self, stage: Stage, error: OperationalError) -> None:
        """Raise the error for the application, unless nothing of its transaction has run: its own error, Superseded, or
        Moved."""
        if stage is Stage.WITHIN and MOVED_MESSAGE in str(error):
            raise self.moved(self.swap_state(self.connection).moved_to or "") from error
        has_moved = MESSAGE in str(error) or MOVED_MESSAGE in str(error) or self._look() != self._place
        if stage is Stage.WITHIN and has_moved:
            raise _superseded() from error  # after a read before the swap its file would be locked for ever
        if not has_moved:
            if self.measured is not None:
                self.measured.failed(error)
            raise error

    def start_over(self, stage: Stage, used: Any, error: OperationalError | None) -> None:
        """Roll back on a file that is not live, and begin again on the live one."""
        with self.wrap_database_errors:
            let_go(used)
            self.recorded_actor.forget()
            self._wait_for_the_link(used, error)
            if stage is Stage.FIRST:
                begin_deferred(self.connection)
                self._is_unchecked = True

    def _follow(self) -> bool:
        """Open the file to which the link points now, if no transaction is open; return True if the connection is a new
        one."""
        old, place = self.connection, self._place
        if place is None or self._look() == place or old.in_transaction:
            return False
        with self._lock, self.wrap_database_errors:
            if self.connection is old:
                self._replace(old, place)
        return True

    def _replace(self, old: Any, place: LinkTarget) -> None:
        if lost := left_behind(old):
            logger.warning("The connection to %s was opened again, without %s.", self._path(), ", ".join(lost))
        # cursors with unread rows keep the old connection alive, and close it at their end
        self.connection = self.get_new_connection(self.get_connection_params())
        self.connection.isolation_level = old.isolation_level
        try:
            self.init_connection_state()
            connection_created.send(sender=self.__class__, connection=self)
        finally:
            self.connection.forget_calls()
            carry_over(old, self.connection)
        if NEW_FILE not in self.settings_dict:
            generation_changed.send(self.__class__, alias=self.alias, old=_name(place), new=_name(self._place))

    def _wait_for_the_link(self, used: Any, error: OperationalError | None = None) -> None:
        """Wait until the link of a fenced file has moved, which takes milliseconds. Raises Superseded if it does
        not."""
        deadline = time.monotonic() + float(self.settings_dict["OPTIONS"].get("timeout", TIMEOUT))
        while used is self.connection and not self._follow() and self.swap_state(used).is_fenced:
            if (alias := self.swap_state(used).moved_to) is not None:
                raise self.moved(alias) from error
            if time.monotonic() > deadline:
                raise Superseded(
                    f"{self._path()} was superseded, and the swap was interrupted. To finish it: manage.py schemasync"
                ) from error
            time.sleep(LOOK)

    def moved(self, to: str) -> Moved:
        """Return the error for a write to a file whose database has moved to another engine."""
        return Moved(
            f"The database {self._path()} has moved to {to}, and takes no writes here. Nothing of this transaction was "
            "committed. If DATABASES asks schemasync.databases.current, reload the site; otherwise let DATABASES name "
            "the new database."
        )

    def leave_to_the_parent(self) -> None:
        """In a forked child, set the parent's connection aside without closing it:
        https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_"""
        if self.connection is not None and self._place is not None and self._pid != os.getpid():
            _of_the_parent.append(self.connection)
            self.connection = None
            self.in_atomic_block = False

    # --- paths ----------------------------------------------------------------------------------------------

    def _path(self) -> Path | None:
        name = self.settings_dict["NAME"]
        if self.is_in_memory_db() or str(name).startswith("file:"):
            return None
        return Path(name)

    def _look(self) -> LinkTarget | None:
        """Return the file that the path names now. Called before each statement: os.* takes half the time of
        pathlib."""
        if self._link is None:
            return None
        try:
            said = os.readlink(self._link)  # noqa: PTH115
        except OSError:
            said = ""
        try:
            status = os.stat(self._link)  # noqa: PTH116
        except OSError:
            return said, None
        return said, (status.st_dev, status.st_ino)


def _name(place: LinkTarget | None) -> str:
    return Path(place[0]).stem if place is not None else ""


def _superseded() -> Superseded:
    return Superseded(
        "The database was swapped during this transaction, of which nothing was committed. Try the whole of it again: "
        "schemasync.backends.superseded.again_when_superseded does that."
    )
