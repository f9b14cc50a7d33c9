"""Opens connections to SQLite for reading, for writing and for building, with their settings.

No other module opens a database file: a plain open() and close() of a file that SQLite has open in
the same process drops all of SQLite's locks (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_
canceled_by_a_separate_thread_doing_close_).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as url_quote

from ...errors import Code, Refused, SchemasyncError
from .sqlite_errors import is_too_new, translate

MINIMUM = (3, 37, 0)  # STRICT tables and PRAGMA table_list

# A build needs this much memory, and the same again while it sorts rows, however large the file is. More does not help:
# a rewrite of 900,000 rows in a file of 300 MB took 5.9 s of the processor with this, and with 256 MB.
BUILD_CACHE_KIB = 24 * 1024

# Sorting runs of this size fit the processor's caches and are merged: for 900,000 integers in random order it
# took 0.7 s with this, 1.0 s with runs of 64 MB, and 1.6 s with all of them in memory (temp_store=MEMORY).
SORT_CACHE_KIB = 4 * 1024
NO_CACHE = 0  # SQLite does not prepare a cached EXPLAIN again after a change of the schema, and would report no error

_EFFECTIVE = os.access in os.supports_effective_ids

Connection = sqlite3.Connection


def _no_functions(connection: Connection) -> None:
    """The default of `Opener.register`: no functions except SQLite's own."""


ARCHIVE = "archive"  # the name under which an archive is attached


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens connections; `register` adds the functions that an application's DDL may use. `archive`: a closed file that
    each connection attaches for reading, under the name `archive`; None for none."""

    register: Callable[[Connection], None] = _no_functions
    archive: Path | None = None

    def memory(self) -> Connection:
        """Open a scratch database in memory, to which a file can be attached."""
        return self._prepared(sqlite3.connect(":memory:", uri=True, isolation_level=None, cached_statements=NO_CACHE))

    def temporary(self) -> Connection:
        """Open a temporary database on the disk, to which a file can be attached. SQLite removes it when it is closed.
        https://www.sqlite.org/inmemorydb.html#temp_db"""
        connection = self._prepared(sqlite3.connect("", uri=True, isolation_level=None, cached_statements=NO_CACHE))
        connection.execute(f"PRAGMA main.cache_size=-{BUILD_CACHE_KIB}")
        return connection

    def read(self, path: Path) -> Connection:
        """Open an existing database for reading only, and leave the folder unchanged.

        A read-only connection to a WAL database leaves new `-wal` and `-shm` files behind, and a writable one that
        closes last removes existing ones. So each kind is used where it does neither.
        """
        return self._read(path, "")

    def read_parsed(self, path: Path) -> Connection:
        """Like `read`, but skips objects that this SQLite cannot parse.

        Only for our own tables, which every SQLite parses: the history, the fence, the mark.
        """
        try:
            return self.read(path)
        except SchemasyncError as error:
            if not is_too_new(error):
                raise
        # with this on, SQLite skips objects that it cannot parse; query_only is on, too, or the file is read-only
        return self._read(path, "PRAGMA writable_schema=ON")

    def _read(self, path: Path, first: str) -> Connection:
        path = path.resolve()  # side files are beside the file itself, not beside a link to it
        if not self.is_writable(path):
            # a read-only connection would create side files, which would lock out others if they belong to this user
            return self._open(path, "ro&immutable=1" if is_settled(path) else "ro", first=first)
        if wal_of(path).exists():
            return self._open(path, "ro", first=first)  # never immutable: the log may go, and a writer come
        connection = self._open(path, "rw", first=first)
        connection.execute("PRAGMA query_only=ON")
        return connection

    def is_writable(self, path: Path) -> bool:
        """Return True if this process may write to the file, and create side files beside it: by the same check as
        SQLite's, with its effective user and its capabilities. A file that another process writes must not be opened as
        immutable."""
        return all(os.access(one, os.W_OK, effective_ids=_EFFECTIVE) for one in (path, path.parent))

    def write(self, path: Path, *, timeout: float = 5.0, cached_statements: int = NO_CACHE) -> Connection:
        """Open an existing database for writing; `timeout` in seconds is the wait for a lock. `cached_statements`: how
        many stay compiled, for a connection that runs the same ones again and again.

        Never creates a file, such as the target of a dangling link. No commit makes a checkpoint: only
        engines/sqlite/checkpoint.py does.
        """
        connection = self._open(path, "rw", timeout, cached_statements=cached_statements)
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchone()
        return connection

    def build(self, path: Path) -> Connection:
        """Open an empty file for construction: nobody else uses it, and it is removed if this process dies. The archive
        is not attached yet, because the file has no encoding."""
        connection = self._open(path, "rw", is_empty=True)
        for pragma in ("main.journal_mode=OFF", "main.synchronous=OFF", "secure_delete=OFF", "temp_store=FILE"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute(f"PRAGMA cache_size=-{BUILD_CACHE_KIB}")
        return connection

    def copy(self, path: Path, copy: Path, *, is_synced: bool = True) -> None:
        """Make a file with the same pages as the present content of a database, including its log. `is_synced`: False
        for a copy that the caller syncs once it is complete."""
        with closing(self.read(path)) as source, closing(sqlite3.connect(copy)) as target:
            if not is_synced:
                target.execute("PRAGMA synchronous=OFF")
            source.backup(target)

    def _open(
        self,
        path: Path,
        mode: str,
        timeout: float = 5.0,
        first: str = "",
        cached_statements: int = NO_CACHE,
        *,
        is_empty: bool = False,
    ) -> Connection:
        uri = f"file:{url_quote(str(path.absolute()))}?mode={mode}"
        connection = None
        try:
            connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, timeout=timeout, cached_statements=cached_statements
            )
            self._prepared(connection)
            connection.execute(first)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if not is_empty:
                self.attach_archive(connection)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise translate(error, path) from error
        return connection

    def _prepared(self, connection: Connection) -> Connection:
        connection.text_factory = lambda data: data.decode(errors="replace")
        connection.execute("PRAGMA foreign_keys=OFF")
        self.register(connection)
        return connection

    def attach_archive(self, connection: Connection) -> None:
        """Attach the archive, if there is one. The connection must have read its own file, unless it has none: SQLite
        refuses to attach a file of another encoding."""
        if self.archive is not None:
            attach(connection, self.archive, ARCHIVE, closed=True)


def attach(connection: Connection, path: Path, name: str, *, closed: bool = False) -> None:
    """Attach a file, for reading only. A `closed` one, an archive, gets no side files."""
    mode = "ro&immutable=1" if closed and is_settled(path) else "ro"
    connection.execute(f"ATTACH ? AS {name}", (f"file:{url_quote(str(path.absolute()))}?mode={mode}",))


@contextmanager
def checked_foreign_keys(connection: Connection) -> Iterator[None]:
    """A block outside of transactions in which SQLite checks foreign keys."""
    connection.execute("PRAGMA foreign_keys=ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA foreign_keys=OFF")


def main_file(connection: Connection) -> str:
    """The path of the connection's file; '' for one in memory."""
    return next(str(file) for _, schema, file in connection.execute("PRAGMA database_list") if schema == "main")


def open_again(connection: Connection) -> Connection:
    """A second connection to the connection's file, without a wait for locks."""
    uri = f"file:{url_quote(main_file(connection))}?mode=rw"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0)


def wal_of(path: Path) -> Path:
    """Return the path of a database's write-ahead log."""
    return path.with_name(path.name + "-wal")


def is_settled(path: Path) -> bool:
    """Return True if the whole database is in its file: there is no log, and no journal to roll back."""
    return not any(side.exists() for side in (wal_of(path), path.with_name(path.name + "-journal")))


SHM_SUFFIX = "-shm"
SIDE_SUFFIXES = ("-wal", SHM_SUFFIX, "-journal")


def side_files(path: Path) -> tuple[Path, ...]:
    """The files that SQLite may keep beside a database."""
    return tuple(path.with_name(path.name + suffix) for suffix in SIDE_SUFFIXES)


def check_version() -> None:
    """Raise Refused if Python's SQLite is older than the oldest tested version."""
    if sqlite3.sqlite_version_info < MINIMUM:
        raise Refused.of(
            Code.SQLITE_ERROR,
            f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or later is needed",
            "Use a Python with a newer SQLite: python -c 'import sqlite3; print(sqlite3.sqlite_version)'",
        )


def journal_mode(connection: Connection) -> str:
    """Return the journal mode in lower case, such as wal or delete."""
    return str(connection.execute("PRAGMA main.journal_mode").fetchone()[0]).lower()


def undoable(connection: Connection) -> None:
    """Keep a rollback journal from here on, so that a failed statement changes nothing. It is a file, because it grows
    with the number of changed pages."""
    connection.execute("PRAGMA main.journal_mode=DELETE").fetchone()


@contextmanager
def journaled(connection: Connection) -> Iterator[None]:
    """A block in which a failed statement changes nothing, in a file under construction; no transaction is open."""
    undoable(connection)
    yield
    connection.execute("PRAGMA main.journal_mode=OFF").fetchone()


def to_wal(connection: Connection) -> None:
    """Switch the file to a write-ahead log, so that readers and writers do not wait for each other."""
    connection.execute("PRAGMA main.journal_mode=WAL").fetchone()


def data_version(connection: Connection) -> int:
    """Return a number that changes when another connection commits.
    https://www.sqlite.org/pragma.html#pragma_data_version"""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def page_count(connection: Connection) -> int:
    """Return the number of pages in the file, in the present snapshot."""
    return int(connection.execute("PRAGMA main.page_count").fetchone()[0])


def page_size(connection: Connection) -> int:
    """Return the size of a page in bytes."""
    return int(connection.execute("PRAGMA main.page_size").fetchone()[0])


def schema_version(connection: Connection, schema: str = "main") -> int:
    """The schema cookie, as the current transaction sees it. https://www.sqlite.org/pragma.html#pragma_schema_version

    Every change of the schema raises it, and so do VACUUM, a first ANALYZE and a restore by the backup API.
    """
    return int(connection.execute(f"PRAGMA {schema}.schema_version").fetchone()[0])


def read_again(connection: Connection) -> None:
    """Read the schema, if it has changed, so that the next transaction need not do that while writers wait."""
    connection.execute("SELECT count(*) FROM main.sqlite_schema").fetchone()


@contextmanager
def sorting(connection: Connection) -> Iterator[None]:
    """Set the best cache size for sorting indexes within the block."""
    connection.execute(f"PRAGMA cache_size=-{SORT_CACHE_KIB}")
    yield
    connection.execute(f"PRAGMA cache_size=-{BUILD_CACHE_KIB}")


def copy_into(connection: Connection, path: Path) -> None:
    """Write a compact copy of the connection's snapshot. https://www.sqlite.org/lang_vacuum.html#vacuuminto"""
    connection.execute("VACUUM INTO ?", (str(path.absolute()),))
