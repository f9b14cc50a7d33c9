"""Test databases: like those of Django's own backend, but also complete as files in WAL mode, or after a swap by a
test."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.backends.sqlite3 import creation

from ...engines.sqlite.connection import Opener, side_files
from ...files.layout import Layout, PathKind
from ...files.temporary import remove_all

if TYPE_CHECKING:
    from .base import DatabaseWrapper


class DatabaseCreation(creation.DatabaseCreation):
    """Creates, copies and removes test databases. In memory, Django's own methods do it."""

    connection: DatabaseWrapper

    def _get_test_db_name(self) -> str:
        """Return Django's name, in memory by default. pytest-django derives `test_/path/db.sqlite3_gw0` from the
        database's name for each of its processes, unless the engine has the name of Django's own."""
        settings = self.connection.settings_dict
        if str(settings["TEST"]["NAME"]).startswith(f"test_{settings['NAME']}_"):
            return f"file:memorydb_{self.connection.alias}?mode=memory&cache=shared"
        return str(super()._get_test_db_name())  # type: ignore[misc]

    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        name = super().create_test_db(*args, **kwargs)
        from ... import conf  # this imports django.db, which may be importing this module
        from ...orm.migrations_table import create_migrations_table

        if conf.is_enabled():
            create_migrations_table(self.connection.alias)
        return name

    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
        name = str(super()._create_test_db(verbosity, autoclobber, keepdb))  # type: ignore[misc]
        path = self._path(name)
        # the archives of a database that is its own test database by mistake must stay
        if path is not None and not keepdb and path != self._path(self.connection.settings_dict["NAME"]):
            _remove(path)
        return name

    def _clone_test_db(self, suffix: str, verbosity: int, keepdb: bool = False) -> None:
        """Copy the content of the database, not its file: the latest changes are in the write-ahead log beside it."""
        source = self._path(self.connection.settings_dict["NAME"])
        if source is None:
            super()._clone_test_db(suffix, verbosity, keepdb)  # type: ignore[misc]
            return
        clone = Path(self.get_test_db_clone_settings(suffix)["NAME"])
        if keepdb and clone.exists():
            return
        _remove(clone)
        from ...engines.sqlite.copies import exact_copy  # a site that creates no test database does not need it

        copied = partial(exact_copy, Opener(), source)
        if Layout(source).path_kind() is PathKind.GENERATION:
            _make_generation(clone, copied)
        else:
            copied(clone)

    def make_generation(self, name: str, write: Callable[[Path], None]) -> bool:
        """Make a generation from the file that `write` fills, as a sync would; return False for a database in
        memory."""
        path = self._path(name)
        if path is not None:
            _make_generation(path, write)
        return path is not None

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        path = self._path(test_database_name)
        if path is None:
            super()._destroy_test_db(test_database_name, verbosity)  # type: ignore[misc]
        else:
            _remove(path)

    def setup_worker_connection(self, _worker_id: int) -> None:
        self.connection.leave_to_the_parent()
        if django.VERSION < (6, 1) and self._path(self.connection.settings_dict["NAME"]) is not None:
            # Django 6.1 finds the copy on disk even if the process is not a fork; earlier releases only one from memory
            BaseDatabaseCreation.setup_worker_connection(self, _worker_id)
        else:
            super().setup_worker_connection(_worker_id)

    def _path(self, name: Any) -> Path | None:
        """Return the path of a database; None for one in memory, and for a URI, which is left to Django."""
        return None if self.is_in_memory_db(name) or str(name).startswith("file:") else Path(name).absolute()


def _make_generation(path: Path, write: Callable[[Path], None]) -> None:
    from ...sync.place import place
    from ...sync.run.target import target

    place(target(path), write)


def _remove(path: Path) -> None:
    """Remove a test database with the files that SQLite keeps beside it, and with all generations if a test swapped
    it."""
    remove_all((path, *side_files(path)), Layout(path).folder)
