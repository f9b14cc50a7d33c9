"""From Django's DATABASES to the path that the package works on."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3._functions import register as register_functions
from django.utils.connection import ConnectionDoesNotExist

from .engines.sqlite.connection import Connection, Opener
from .errors import Busy, Code, Refused, UsageError


def path_of(alias: str) -> Path:
    """The path of a SQLite database: a link, once it is taken over. Raises UsageError for anything else."""
    wrapper = _wrapper(alias)
    name = str(wrapper.settings_dict["NAME"] or "")
    if wrapper.vendor != "sqlite":
        raise UsageError.of(
            Code.WRONG_ENGINE, f'database "{alias}" is {wrapper.vendor}, not SQLite', "Give --database ALIAS."
        )
    if is_no_path(name):
        raise UsageError.of(
            Code.WRONG_ENGINE,
            f'database "{alias}" is "{name}", which is no path',
            "Give DATABASES NAME a path; a database in memory has no file to keep.",
        )
    path = Path(name).absolute()  # not resolve(): following the link would pin one generation for ever
    if path.parent.name.endswith(".generations"):
        raise UsageError.of(
            Code.WRONG_ENGINE,
            f'database "{alias}" is {path}, one generation of a database',
            f"Give DATABASES NAME the link itself, unresolved: {str(path.parent).removesuffix('.generations')}",
        )
    if not path.parent.is_dir():
        raise Refused.of(Code.NO_DATABASE, f"there is no folder {path.parent}", f"mkdir -p {path.parent}")
    return path


def is_no_path(name: str) -> bool:
    """True for a NAME that means a database in memory, or a URI: there is no file that could be swapped."""
    return not name or name.startswith((":memory:", "file:"))


def let_go(alias: str) -> None:
    """Close Django's own connection, so that the next query opens the file that is live then. Raises Busy."""
    wrapper = _wrapper(alias)
    if wrapper.in_atomic_block:
        raise Busy.of(
            Code.DATABASE_LOCKED,
            "this process has a transaction open on the database, and would wait for itself",
            "Call it outside of transaction.atomic(); in tests use TransactionTestCase.",
        )
    wrapper.close()


def opener() -> Opener:
    """DDL of a Django project may call the functions that Django adds to its own connections."""
    return Opener(_register)


def actor() -> str:
    """Who runs this, for the history: `user@host`."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return socket.gethostname()


def _register(connection: Connection) -> None:
    register_functions(connection)


def _wrapper(alias: str) -> BaseDatabaseWrapper:
    try:
        return connections[alias]
    except ConnectionDoesNotExist as error:
        raise UsageError.of(
            Code.BAD_OPTION, f'there is no database "{alias}"', f"DATABASES has: {', '.join(connections)}."
        ) from error
