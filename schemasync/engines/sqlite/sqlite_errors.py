"""Translates SQLite's errors into errors of this program, with what to do next."""

from __future__ import annotations

import shlex
import sqlite3
from pathlib import Path

from ...errors import Busy, Code, Failed, Refused, SchemasyncError
from ...files.header import written_by
from .name_errors import hint_for

_NO_ROOM = {sqlite3.SQLITE_IOERR_SHMSIZE}  # SQLite's error on a full disk for the index of a write-ahead log


def is_damage(error: sqlite3.Error) -> bool:
    """True if SQLite reports that the file is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_busy(error: BaseException) -> bool:
    """True if a statement did not get a lock in time, or another connection wrote since its transaction began."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


_UNPARSED = "malformed database schema ("
_DAMAGED = ("", "invalid rootpage", "orphan index")  # SQLite's reports on a schema that it could parse


def unparsed(error: sqlite3.Error) -> str:
    """Return the part of the schema that SQLite cannot parse, and the reason; '' for another error.

    That is not damage: a newer SQLite has a syntax that this one does not have, such as `1_000` since 3.46.
    """
    if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CORRUPT or not str(error).startswith(_UNPARSED):
        return ""
    name, _, why = str(error).removeprefix(_UNPARSED).partition(")")
    why = why.removeprefix(" - ")
    return "" if why in _DAMAGED else f'"{name}": {why}'


def is_too_new(error: SchemasyncError) -> bool:
    """True if this SQLite cannot parse the schema of a file."""
    return any(problem.code == Code.SCHEMA_TOO_NEW for problem in error.problems)


def _too_new(path: Path, what: str) -> SchemasyncError:
    version, writer = sqlite3.sqlite_version, written_by(path)
    wrote = "" if writer is None else f", which SQLite {'.'.join(map(str, writer))} wrote last"
    if writer is not None and writer > sqlite3.sqlite_version_info:
        needed = f"Use a Python with SQLite {'.'.join(map(str, writer))} or later, as the program that wrote it"
    else:
        needed = "Use a Python with a newer SQLite; or, if somebody edited the schema by hand, correct its text"
    return Refused.of(
        Code.SCHEMA_TOO_NEW,
        f"SQLite {version} cannot parse the schema of {path}{wrote}: {what}",
        f"The file is not damaged, and nothing is lost. {needed}: "
        "python -c 'import sqlite3; print(sqlite3.sqlite_version)'\n"
        "Until then, manage.py schemasync history and status work; a rollback does not, as closing a file to writers "
        "takes triggers on its tables.",
        sqlite=version,
        written_by=".".join(map(str, writer)) if writer is not None else None,
    )


def translate(error: sqlite3.Error, path: Path) -> SchemasyncError:
    """Return one of our errors for SQLite's, with what to do next."""
    extended = getattr(error, "sqlite_errorcode", 0)
    primary = extended & 0xFF
    text = f"{path}: {error}"
    match primary:
        case sqlite3.SQLITE_NOTADB:
            return Refused.of(
                Code.NOT_A_DATABASE, f"{path} is not a SQLite database", f"Look at what it is: file {path}"
            )
        case sqlite3.SQLITE_CORRUPT if what := unparsed(error):
            return _too_new(path, what)
        case sqlite3.SQLITE_CORRUPT:
            return Refused.of(
                Code.CORRUPT,
                f"{path} is corrupt: {error}",
                "Keep a copy of it with its -wal file, then: "
                f"sqlite3 {shlex.quote(str(path))} .recover | sqlite3 recovered.sqlite3",
            )
        case sqlite3.SQLITE_CANTOPEN if not path.exists():
            return Refused.of(Code.NO_DATABASE, f"there is no database at {path}", "Check the path.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return Refused.of(
                Code.PERMISSION, text, f"The user that runs this must be able to read and write {path} and its folder."
            )
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR if primary == sqlite3.SQLITE_FULL or extended in _NO_ROOM:
            return Failed.of(
                Code.DISK_FULL,
                f"{path}: the disk is full",
                "Free space, for example: manage.py schemasync prune --keep 1",
            )
        case sqlite3.SQLITE_IOERR:
            return Failed.of(Code.DISK_ERROR, text, "Look at the disk and at the kernel's log.")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            hint = "Another process holds a lock; try again, or give a longer --wait SECONDS."
            return Busy.of(Code.DATABASE_LOCKED, text, hint)
    return Failed.of(Code.SQLITE_ERROR, text, hint_for(str(error)))
