"""Maps Django's DATABASES to the paths that the package works on."""

from __future__ import annotations

import getpass
import os
import socket
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.connection import ConnectionDoesNotExist

from . import conf
from .connect import registered
from .engines.sqlite.connection import Opener
from .engines.sqlite.fence import read_fence
from .errors import Busy, Code, Refused, SchemasyncError, UsageError

ENGINE = "schemasync.backends.sqlite3"
ACTOR = "SCHEMASYNC_ACTOR"  # environment variable with the actor of a run that a page of the admin started


def path_of(alias: str) -> Path:
    """Return the path of a SQLite database, which is a link after an adoption. Raises UsageError for another engine,
    for a database in memory and for the path of a generation, and Refused if the folder is missing."""
    refuse_other_engines(alias)
    name = name_of(alias)
    if is_no_path(name):
        raise UsageError.of(
            Code.WRONG_ENGINE,
            f'database "{alias}" is "{name}", which is not a path',
            "Set DATABASES NAME to a path; a database in memory has no file to keep.",
        )
    path = Path(name).absolute()  # not resolve(), which would follow the link and pin one generation for ever
    if path.parent.name.endswith(".generations"):
        raise UsageError.of(
            Code.WRONG_ENGINE,
            f'database "{alias}" is {path}, one generation of a database',
            f"Set DATABASES NAME to the link itself, unresolved: {str(path.parent).removesuffix('.generations')}",
        )
    if not path.parent.is_dir():
        raise Refused.of(Code.NO_DATABASE, f"there is no folder {path.parent}", f"mkdir -p {path.parent}")
    return path


MOVED_FROM = "SCHEMASYNC_MOVED_FROM"
"""The key in an entry of DATABASES for the entry of the file from which the database has moved."""


NEW_FILE = "SCHEMASYNC_NEW_FILE"
"""The key in the settings of a connection to which ON_STARTUP does not apply: a run opens a file that is not live, or a
page of the admin shows the database of a tenant."""


def current(*, sqlite: Mapping[str, Any], postgres: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of DATABASES with the live database: `postgres` after `schemasync move` has closed the file of
    `sqlite`, otherwise `sqlite`.

    Call it in the settings, which a process reads when it starts: a site that is reloaded opens the live database.
    """
    path = Path(str(sqlite["NAME"]))
    try:
        with closing(Opener().read(path)) as connection:
            closed = read_fence(connection)
    except (sqlite3.Error, SchemasyncError):
        return dict(sqlite)  # opening it reports the fault
    if closed is None or closed.moved_to is None:
        return dict(sqlite)
    return {**postgres, MOVED_FROM: dict(sqlite)}


def name_of(alias: str) -> str:
    """Return the NAME of the database, '' if it has none; after a move, the NAME of the file. Raises UsageError for an
    unknown alias."""
    settings = _wrapper(alias).settings_dict
    return str(settings.get(MOVED_FROM, settings)["NAME"] or "")


def postgres_entry(alias: str) -> Mapping[str, Any]:
    """Return the entry of a database on PostgreSQL. Raises UsageError for an unknown alias, and for any other
    engine."""
    wrapper = _wrapper(alias)
    if wrapper.vendor != "postgresql":
        raise UsageError.of(
            Code.WRONG_ENGINE,
            f'database "{alias}" is {wrapper.vendor}, not PostgreSQL',
            "Name an entry of DATABASES with the engine django.db.backends.postgresql: --to ALIAS",
        )
    entry: Mapping[str, Any] = wrapper.settings_dict
    return entry


def meant(alias: str) -> str:
    """Return the alias of the database that an alias means now: inside of a tenant, the entry that all tenants share
    means the database of the tenant. Raises UsageError for an unknown alias."""
    return _wrapper(alias).alias


def is_sqlite(alias: str) -> bool:
    """True for a database that can have a schema.json. Raises UsageError for an unknown alias."""
    return _wrapper(alias).vendor == "sqlite"


def refuse_other_engines(alias: str) -> None:
    """Raise UsageError for a database that is not SQLite, and has not moved from SQLite: migrations make its schema."""
    if not is_sqlite(alias) and MOVED_FROM not in _wrapper(alias).settings_dict:
        raise UsageError.of(
            Code.WRONG_ENGINE, f'database "{alias}" is {_wrapper(alias).vendor}, not SQLite', "Use --database ALIAS."
        )


def refuse_moved(alias: str) -> None:
    """Raise Refused for a database that has moved to PostgreSQL, whose schema no sync changes."""
    if MOVED_FROM in _wrapper(alias).settings_dict:
        raise Refused.of(
            Code.MOVED,
            f'database "{alias}" has moved to PostgreSQL, whose schema schemasync does not change yet',
            "To go on with Django's migrations there, set ENABLED of SCHEMASYNC to False, then: "
            "manage.py makemigrations && manage.py migrate --fake",
        )


def synced() -> tuple[str, ...]:
    """Return the aliases for `--all`: SQLite databases in separate files with a schema.json, or with models for one.
    The default database is always included, if it is a SQLite file."""
    found: dict[Path, str] = {}
    for alias in connections:
        wrapper = connections[alias]
        name = str(wrapper.settings_dict["NAME"] or "")
        if wrapper.vendor != "sqlite" or is_no_path(name):
            continue
        if has_schema(alias):
            found.setdefault(Path(name).absolute(), alias)  # a replica in tests is the same file
    return tuple(found.values())


def moved() -> tuple[str, ...]:
    """Return the aliases whose database has moved to PostgreSQL."""
    return tuple(alias for alias in connections if MOVED_FROM in connections[alias].settings_dict)


def has_schema(alias: str) -> bool:
    """True if a database has, or should have, a schema.json: the default database, and others with a file, or, with the
    setting ENABLED, with a model that routers allow there."""
    return alias == DEFAULT_DB_ALIAS or conf.schema_path(alias).exists() or (conf.is_enabled() and _has_models(alias))


def _has_models(alias: str) -> bool:
    return any(router.get_migratable_models(config, alias) for config in apps.get_app_configs())


def is_no_path(name: str) -> bool:
    """True for a NAME that means a database in memory, or is a URI: there is no file to swap."""
    return not name or name.startswith((":memory:", "file:"))


def let_go(alias: str) -> None:
    """Close Django's own connection, so that the next query opens the new live file. Raises Busy in a transaction,
    which would be rolled back."""
    wrapper = _wrapper(alias)
    if wrapper.in_atomic_block:
        raise _busy("Call it outside of transaction.atomic(); in tests use TransactionTestCase.")
    if wrapper.connection is not None and wrapper.connection.in_transaction:
        raise _busy("Commit it or roll it back first: autocommit is off, or a BEGIN was executed.")
    wrapper.close()


def _busy(hint: str) -> Busy:
    message = "this process has an open transaction on the database, and would wait for itself"
    return Busy.of(Code.DATABASE_LOCKED, message, hint)


def opener(alias: str = DEFAULT_DB_ALIAS) -> Opener:
    """Return an opener whose connections have everything that Django and the application register on those of the
    alias."""
    return Opener(registered(conf.entry_of(alias)))


def actor() -> str:
    """Return the actor for the history: `user@host`, or the user of the admin who requested the run."""
    if named := os.environ.get(ACTOR):
        return named
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return socket.gethostname()


def _wrapper(alias: str) -> BaseDatabaseWrapper:
    try:
        return connections[alias]
    except ConnectionDoesNotExist as error:
        raise UsageError.of(
            Code.BAD_OPTION, f'there is no database "{alias}"', f"DATABASES has: {', '.join(connections)}."
        ) from error
