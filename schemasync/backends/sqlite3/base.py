"""Django's SQLite backend, and a connection that goes along when the link moves to another generation.

Between transactions, and right after each has begun, the connection asks whether the path still means the file that
it has open. In between nothing can happen to it: a transaction that has begun IMMEDIATE holds the lock that a swap
needs. What was acknowledged stays so, and nothing is run twice.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote as url_quote

from django.db.backends.signals import connection_created
from django.db.backends.sqlite3 import base
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper
from django.db.utils import OperationalError

from ...engines.sqlite.connection import let_go
from ...engines.sqlite.fence import read_fence
from ...engines.sqlite.objects import MESSAGE
from ...files.layout import Inode, Layout, inode_of
from ...signals import generation_changed
from .. import startup
from ..superseded import Superseded
from .creation import DatabaseCreation

TIMEOUT = 20.0  # seconds to wait for a lock, and for a link to move whose file is fenced already
LOOK = 0.001  # seconds between looks at such a link
TRIES = 5  # swaps that may come between a look and the statement after it
COMMANDS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL")

Place = tuple[str, Inode | None]
"""What the link says, and which file that is: inodes are used again, and a link may come back."""

_of_the_parent: list[Any] = []  # connections from before a fork: closing them here could take the parent's locks


class _Following:
    """A cursor whose statement runs again on the new file, where it met the fence and nothing else can have run."""

    db: DatabaseWrapper
    cursor: Any

    def _execute(self, sql: str, params: Any, *ignored: Any) -> Any:
        if sql == "BEGIN":
            sql = self.db.begin  # below the log of queries, in which tests look for the word that Django said
        for _ in range(TRIES):
            try:
                return super()._execute(sql, params, *ignored)  # type: ignore[misc]
            except OperationalError as error:
                self.db.refuse_unless_alone(error)
                self.db.move_on(error)
                self.cursor = self.db.create_cursor()
        return super()._execute(sql, params, *ignored)  # type: ignore[misc]

    def _executemany(self, sql: str, param_list: Any, *ignored: Any) -> Any:
        try:
            return super()._executemany(sql, param_list, *ignored)  # type: ignore[misc]
        except OperationalError as error:
            if MESSAGE in str(error):  # some of it may have run
                raise _superseded() from error
            raise


class Cursor(_Following, CursorWrapper):
    """The cursor of an application."""


class DebugCursor(_Following, CursorDebugWrapper):
    """The one that keeps the queries."""


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to whatever generation is live. On disk: WAL, IMMEDIATE, synchronous NORMAL, a longer timeout,
    each of which OPTIONS may say otherwise. In memory: Django's own backend."""

    creation_class = DatabaseCreation

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.begin = "BEGIN"
        self._place: Place | None = None
        self._pid = os.getpid()

    # --- opening --------------------------------------------------------------------------------------------

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        path = self._path()
        as_django = path is None or "transaction_mode" in self.settings_dict["OPTIONS"]
        self.begin = "BEGIN" if as_django else "BEGIN IMMEDIATE"
        if path is None:
            return params
        params.setdefault("timeout", TIMEOUT)
        self.init_commands: list[str] = [*COMMANDS, *self.init_commands]
        layout = Layout(path)
        if path.is_symlink() or layout.folder.exists():
            # never the target of a dangling link: SQLite would create it, empty
            params["database"] = f"file:{url_quote(str(path.absolute()))}?mode=rw"
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self._pid = os.getpid()
        if (path := self._path()) is not None:
            startup.look(self.alias, path)
        for _ in range(TRIES):
            place = self._look()
            connection = super().get_new_connection(conn_params)
            read_fence(connection)  # now the file is open
            if place is None or place[1] is None or place == self._look():
                break
            connection.close()
        self._place = self._look()
        return connection

    # --- following ------------------------------------------------------------------------------------------

    def _cursor(self, name: str | None = None) -> Any:
        self.leave_to_the_parent()
        if self.connection is not None and self._is_alone():
            self._follow()
        return super()._cursor(name)  # type: ignore[misc]

    def make_cursor(self, cursor: Any) -> Any:
        return Cursor(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> Any:
        return DebugCursor(cursor, self)

    def _start_transaction_under_autocommit(self) -> None:
        """Begin on the live file: what has begun on another one is undone before anything of it has run."""
        for _ in range(TRIES):
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
            if self._place is None or not self._is_left():
                return
            let_go(self.connection)
            self._wait_for_the_link()
        super()._start_transaction_under_autocommit()  # type: ignore[misc]

    def refuse_unless_alone(self, error: OperationalError) -> None:
        """Raise what an application is to see of an error: its own, or that its transaction met the fence."""
        if not self._is_alone() and (MESSAGE in str(error) or self._look() != self._place):
            raise _superseded() from error  # one that read before the swap finds its file locked, and would for ever
        if MESSAGE not in str(error):
            raise error

    def move_on(self, error: OperationalError) -> None:
        """A statement of its own met the fence: wait until the link has moved, and go there."""
        self._wait_for_the_link(error)

    def _is_alone(self) -> bool:
        """True where a statement is a transaction of its own."""
        return not self.in_atomic_block and self.autocommit

    def _is_left(self) -> bool:
        """True where this file is not the live one, or is fenced: asked inside a transaction."""
        return self._look() != self._place or read_fence(self.connection) is not None

    def _follow(self) -> bool:
        """Go where the link points now; True where that is another file."""
        if self._place is None or self._look() == self._place:
            return False
        old = self._place
        # cursors that are still read from keep the old connection alive, and close it when they are done
        self.connection = self.get_new_connection(self.get_connection_params())
        self._set_autocommit(self.autocommit)  # type: ignore[attr-defined]
        self.init_connection_state()
        connection_created.send(sender=self.__class__, connection=self)
        generation_changed.send(self.__class__, alias=self.alias, old=_name(old), new=_name(self._place))
        return True

    def _wait_for_the_link(self, error: OperationalError | None = None) -> None:
        """The file is fenced; within milliseconds the link moves. Raises Superseded where it does not."""
        deadline = time.monotonic() + float(self.settings_dict["OPTIONS"].get("timeout", TIMEOUT))
        while not self._follow():
            if time.monotonic() > deadline:
                raise Superseded(
                    f"{self._path()} was superseded, and the swap was cut off. It is finished by: manage.py schemasync"
                ) from error
            time.sleep(LOOK)

    def leave_to_the_parent(self) -> None:
        """https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_"""
        if self.connection is not None and self._place is not None and self._pid != os.getpid():
            _of_the_parent.append(self.connection)
            self.connection = None
            self.in_atomic_block = False

    # --- places ---------------------------------------------------------------------------------------------

    def _path(self) -> Path | None:
        name = self.settings_dict["NAME"]
        if self.is_in_memory_db() or str(name).startswith("file:"):
            return None
        return Path(name)

    def _look(self) -> Place | None:
        path = self._path()
        if path is None:
            return None
        try:
            said = str(path.readlink())
        except OSError:
            said = ""
        return said, inode_of(path)


def _name(place: Place | None) -> str:
    return Path(place[0]).stem if place is not None else ""


def _superseded() -> Superseded:
    return Superseded(
        "The database was swapped during this transaction, nothing of which was kept. Try the whole of it again: "
        "schemasync.backends.superseded.again_when_superseded does that."
    )
