"""Translates PostgreSQL's errors into errors of this program, with what to do next.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Busy, Code, Failed, Refused, SchemasyncError

if TYPE_CHECKING:
    import psycopg

_LOCKED = {"55P03", "40P01", "40001"}  # a lock timeout, a deadlock, a serialization failure
_FULL = {"53100", "53200"}  # the disk, memory
_LOST = {"57P01", "57P02", "57P03", "57P05"}  # shut down, crashed, starting
_OF_VALUES = "22"  # the class of data exceptions
_NO_EXTENSION = {"58P01", "0A000"}


def unreachable(error: psycopg.Error, where: str) -> Refused:
    """Return the error for a connection that could not be opened."""
    return Refused.of(
        Code.POSTGRES_UNREACHABLE,
        f"{where} cannot be reached: {_said(error)}",
        "Check NAME, USER, PASSWORD, HOST and PORT in DATABASES, and whether the server runs: "
        "python manage.py dbshell --database ALIAS",
        sqlstate=error.sqlstate,
    )


def translate(error: psycopg.Error, where: str, *, is_lost: bool = False) -> SchemasyncError:
    """Return one of our errors for PostgreSQL's. `is_lost`: the connection is gone."""
    state = error.sqlstate or ""
    said = f"{where}: {_said(error)}"
    if is_lost or state in _LOST or state.startswith("08"):
        return Failed.of(
            Code.POSTGRES_LOST,
            f"the connection to {where} was lost: {_said(error)}",
            "The live file is unchanged, and is still the database of the site. Look at the server's log, then run the "
            "same command again.",
            sqlstate=state,
        )
    if state in _LOCKED:
        return Busy.of(Code.DATABASE_LOCKED, said, "Another session holds a lock there; try again.", sqlstate=state)
    if state in _FULL:
        return Failed.of(
            Code.DISK_FULL,
            said,
            "Free space on the server of PostgreSQL, then run the same command again.",
            sqlstate=state,
        )
    if state == "42501":
        return Failed.of(
            Code.POSTGRES_RIGHTS,
            said,
            "GRANT it to the role that DATABASES names, or name another role.",
            sqlstate=state,
        )
    if state in _NO_EXTENSION and "extension" in _said(error):
        return Failed.of(
            Code.POSTGRES_EXTENSION,
            said,
            "Install the extension on the server, then run the same command again.",
            sqlstate=state,
        )
    return Failed.of(Code.POSTGRES_ERROR, said, _context(error), sqlstate=state)


def _said(error: psycopg.Error) -> str:
    """Return the message of the server or libpq on one line, without the value that it may quote."""
    said = " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())
    return said.partition(': "')[0] if (error.sqlstate or "").startswith(_OF_VALUES) else said


def _context(error: psycopg.Error) -> str:
    """Return the place of the error, such as `COPY item, line 3, column price`, without values, which may be
    personal."""
    detail = (error.diag.context or "").splitlines()
    return f"PostgreSQL says where: {detail[0].partition(': ')[0]}" if detail else ""
