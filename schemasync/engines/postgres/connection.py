"""Opens connections to PostgreSQL, with the settings on which conversions and comparisons depend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import Refused
from .driver import library
from .postgres_errors import translate, unreachable
from .versions import check_version

if TYPE_CHECKING:
    from .driver import Connection

LOCK_TIMEOUT = 5.0  # seconds; a statement that waits for a lock makes all later ones wait, too

# Settings that a server, a database or a role may have changed. Text in SQLite is in UTC; with these, dates, durations
# and bytes have one text form, and a float has all its digits.
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "client_min_messages": "warning",
    "synchronous_commit": "on",  # the file is closed once the last commit is acknowledged
    "idle_in_transaction_session_timeout": "0",
}

_NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
# Options for Django's backend, not for the connection.
_OF_DJANGO = frozenset({"assume_role", "isolation_level", "pool", "server_side_binding", "cursor_factory"})


@dataclass(frozen=True, slots=True)
class Target:
    """A database on PostgreSQL: its entry in DATABASES, as plain data."""

    params: Mapping[str, Any] = field(repr=False)  # has a password
    role: str | None = None
    lock_timeout: float = LOCK_TIMEOUT

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Target:
        """Return the target for an entry of DATABASES: NAME, USER, PASSWORD, HOST, PORT and OPTIONS, as Django reads
        them."""
        options = dict(entry.get("OPTIONS") or {})
        given = {name: entry[key] for key, name in _NAMES.items() if entry.get(key)}
        params = {key: value for key, value in options.items() if key not in _OF_DJANGO} | given
        return cls(params, options.get("assume_role"))

    def __str__(self) -> str:
        where = [str(self.params[key]) for key in ("host", "port") if key in self.params]
        name = self.params.get("dbname") or self.params.get("service") or ""
        return f"{':'.join(where) or 'localhost'}/{name}"

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield a connection that commits each statement by itself, and close it at the end of the block. Translates
        errors of PostgreSQL in the block into errors of this program."""
        psycopg = library()
        connection = self.open()
        try:
            yield connection
        except psycopg.Error as error:
            raise translate(error, str(self), is_lost=connection.broken) from error
        finally:
            connection.close()

    def open(self) -> Connection:
        """Open a connection, which the caller closes. Raises Refused, also for a server that is too old.

        No statement is prepared by name: a changed type of a result would make it fail for ever.
        """
        psycopg = library()
        try:
            connection: Connection = psycopg.connect(
                **{"application_name": "schemasync", **self.params, "client_encoding": "UTF8"},
                autocommit=True,
                prepare_threshold=None,
            )
        except psycopg.Error as error:
            raise unreachable(error, str(self)) from error
        try:
            check_version(connection, str(self))
            self._set(connection)
        except psycopg.Error as error:
            connection.close()
            raise translate(error, str(self)) from error
        except Refused:
            connection.close()
            raise
        return connection

    def _set(self, connection: Connection) -> None:
        connection.execute("SET statement_timeout = 0")  # first, as the others could exceed it
        if self.role is not None:
            connection.execute("SELECT set_config('role', %s, false)", (self.role,))
        wanted = {**SETTINGS, "lock_timeout": f"{int(self.lock_timeout * 1000)}ms"}
        calls = ", ".join("set_config(%s, %s, false)" for _ in wanted)
        connection.execute(f"SELECT {calls}".encode(), [one for pair in wanted.items() for one in pair])
