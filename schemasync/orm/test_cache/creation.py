"""Creates a test database as a copy of a cached one, if no input of the cached one has changed."""

from __future__ import annotations

import shlex
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.backends.sqlite3 import creation as sqlite3_creation
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string

from ... import conf
from ...conf import Tests
from ...engines.sqlite import history_table
from ...engines.sqlite.connection import Opener
from ...engines.sqlite.copies import differing_tables, load, store
from ...errors import Code, Failed, SchemasyncError
from ...files import temporary
from ..migrate_signals import import_management
from . import store as stored
from .facts import facts, folders, receivers, roots
from .inputs import Inputs
from .recording import recording
from .sources import imported, modules_of
from .store import CachedDatabase

DAMAGED = "the cached one is damaged"
VARYING = ("django_migrations",)  # tables with the time of a build
SERIALIZE = None if django.VERSION >= (6, 1) else True
"""The default of `serialize` in create_test_db. Since Django 6.1, setup_databases serializes the databases when all of
them exist, and create_test_db warns about the argument."""
NO_REASON = {"DATABASES", "LOGGING", "SECRET_KEY"}
"""Settings that do not shape a database if they are read only before it is built: databases are compared one by one,
paths of log files may be temporary, and a key may be random."""

Build = Callable[[], str]
"""Django's create_test_db, which returns the name of the new database."""


def install() -> None:
    """Let Django's SQLite backend, and backends that derive from it, create test databases with the cache."""
    backend: Any = sqlite3_creation.DatabaseCreation
    backend.create_test_db = _create_test_db
    if "django.test.testcases" in sys.modules:  # in a process of `test --parallel` nothing creates a database
        _install_flush()


def _install_flush() -> None:
    if conf.tests() is Tests.CACHED:
        from . import flush  # imports django.test, which a server does not need

        flush.install()


def _create_test_db(
    self: Any,
    verbosity: int = 1,
    autoclobber: bool = False,
    serialize: bool | None = SERIALIZE,
    keepdb: bool = False,
) -> str:
    """Like create_test_db() of BaseDatabaseCreation, but with the cache."""
    given = {} if serialize is None else {"serialize": serialize}
    _install_flush()

    def build() -> str:
        return str(BaseDatabaseCreation.create_test_db(self, verbosity, autoclobber, keepdb=keepdb, **given))

    if keepdb and _is_there(self):
        return build()
    if conf.tests() is Tests.BUILT:
        return _seeded(self, build(), serialize)
    return _cached(self, build, verbosity, autoclobber, serialize)


def _cached(creation: Any, build: Build, verbosity: int, autoclobber: bool, serialize: bool | None) -> str:
    """Create the test database from the cache, or with `build`, and then cache it. Return its name."""
    alias = creation.connection.alias
    import_management()  # the receivers of the apps, as `migrate` does
    entry, reason = _fresh(alias)
    if entry is not None and conf.tests() is Tests.CACHED:
        with suppress(sqlite3.DatabaseError, SchemasyncError):
            return _copied(creation, entry, verbosity, autoclobber, serialize)
        entry.remove()
        reason = DAMAGED
    if verbosity >= 1 and reason is not None:
        creation.log(f"The test database for alias '{alias}' is built again, because of: {reason}")
    with recording() as found:
        name = _seeded(creation, build(), serialize)
    if entry is not None and conf.tests() is Tests.VERIFIED:
        _verify(creation, entry)
    if not found.complete:
        creation.log(f"The test database for alias '{alias}' is not cached: a profiler is at work")
        return name
    ran = imported({*roots(), *modules_of(found.ran)}) | found.ran
    names = (found.settings - {"DATABASES"}) | (found.earlier_settings - NO_REASON)
    inputs = Inputs.of(found.opened | ran, folders(), names, facts(alias))
    try:
        _store(creation, stored.new(alias, inputs), inputs, serialize)
    except OSError as error:
        creation.log(f"The test database for alias '{alias}' is not cached: {error}")
    return name


def _is_there(creation: Any) -> bool:
    name = creation._get_test_db_name()
    return not creation.is_in_memory_db(name) and Path(name).exists()


def _fresh(alias: str) -> tuple[CachedDatabase | None, str | None]:
    """Return the entry whose inputs are unchanged, and None; otherwise None, and the first difference of the entry that
    was used last, if there is one."""
    reason, now = None, facts(alias)
    for entry in stored.entries(alias):
        inputs = entry.read()
        difference = inputs.difference(now) if inputs is not None else DAMAGED
        if difference is None:
            return entry, None
        reason = reason or difference
    return None, reason


def _verify(creation: Any, entry: CachedDatabase) -> None:
    """Raise Failed if the cached database differs from the new one."""
    try:
        tables = differing_tables(creation.connection.connection, entry.database, VARYING)
    except sqlite3.DatabaseError as error:
        tables = [str(error)]
    if tables:
        raise Failed.of(
            Code.VERIFY_DIFFERS,
            f"the cached test database differs from a new one in: {', '.join(tables)}",
            "Something that its migrations read is not noticed: see Limits in the page on tests. To build it anew:\n"
            f"rm -r {shlex.quote(str(stored.folder()))}",
        )


def _copied(creation: Any, entry: CachedDatabase, verbosity: int, autoclobber: bool, serialize: bool | None) -> str:
    """Create the database like Django, but with a copy in place of `migrate`. Return its name."""
    connection, name = creation.connection, str(creation._get_test_db_name())
    if verbosity >= 1:
        shown = creation._get_database_display_str(verbosity, name)
        creation.log(f"Copying the cached test database for alias {shown}...")
    creation._create_test_db(verbosity, autoclobber)
    connection.close()
    settings.DATABASES[connection.alias]["NAME"] = connection.settings_dict["NAME"] = name
    if not (_was_generation(entry.database) and _made_generation(creation, name, entry)):
        connection.ensure_connection()
        load(entry.database, connection.connection)
    _send_post_migrate(connection.alias, verbosity - 1)
    if serialize:
        _serialize(creation, entry)
    temporary.note_use(entry.inputs)
    return name


def _was_generation(path: Path) -> bool:
    with closing(Opener().read(path)) as connection:
        return history_table.newest(connection) is not None


def _made_generation(creation: Any, name: str, entry: CachedDatabase) -> bool:
    """Make the copy a generation, like a sync; return False for a database in memory, and with Django's own backend."""

    def write(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            load(entry.database, connection)

    make = getattr(creation, "make_generation", None)
    return make is not None and bool(make(name, write))


def _send_post_migrate(alias: str, verbosity: int) -> None:
    """Call the project's own receivers, as their work may depend on more than the database. The copy has the work of
    other receivers."""
    for config in apps.get_app_configs():
        if config.models_module is not None:
            about = {"app_config": config, "verbosity": verbosity, "interactive": False, "using": alias}
            for receiver in receivers(post_migrate, config):
                receiver(signal=post_migrate, sender=config, apps=apps, plan=[], **about)


def _serialize(creation: Any, entry: CachedDatabase) -> None:
    text = entry.serialized_text()
    if text is None:
        text = creation.serialize_db_to_string()
        with suppress(OSError):
            temporary.write_text_whole(entry.serialized, text)
    creation.connection._test_serialized_contents = text


def _seeded(creation: Any, name: str, serialize: bool | None) -> str:
    """Run the project's own seed, and serialize the database again, so that its rows are included. Return the name."""
    seed = conf.test_seed()
    if seed is not None:
        import_string(seed)(creation.connection.alias)
        if serialize:
            creation.connection._test_serialized_contents = creation.serialize_db_to_string()
    return name


def _store(creation: Any, entry: CachedDatabase, inputs: Inputs, serialize: bool | None) -> None:
    """Store the database in the cache. The inputs are written last, as they make it an entry."""
    connection = creation.connection
    connection.ensure_connection()
    temporary.write_whole(entry.database, lambda path: store(connection.connection, path))
    if serialize:
        temporary.write_text_whole(entry.serialized, connection._test_serialized_contents)
    temporary.write_text_whole(entry.inputs, inputs.as_json())
    temporary.note_use(entry.inputs)
    stored.tidy(connection.alias)
