import shutil

import pytest
from django.db import connections
from django.db.utils import ConnectionHandler

from tests.support.memory import memory, tmp_path
from tests.support.project import ROWS, V1, V2, Project

__all__ = ["memory", "tmp_path"]


@pytest.fixture
def project(tmp_path, settings, monkeypatch, django_db_blocker):
    """A project with two databases that do not exist yet; `default` is the database of its schema.json."""
    names = {"default": tmp_path / "db.sqlite3", "other": tmp_path / "other.sqlite3"}
    engine = "django.db.backends.sqlite3"
    configured = ConnectionHandler({alias: {"ENGINE": engine, "NAME": name} for alias, name in names.items()}).settings
    for alias in names:
        forget(alias)
        monkeypatch.setitem(connections.settings, alias, configured[alias])
    settings.SCHEMASYNC = {"SCHEMA": tmp_path / "schema.json"}
    made = Project(tmp_path)
    made.write(V1)
    with django_db_blocker.unblock():  # a check asks Django for the tables of models, by way of a database in memory
        yield made
    for alias in names:
        forget(alias)


def forget(alias):
    """Close and discard the connection of an alias: the next use opens one with the settings of that moment."""
    if hasattr(connections._connections, alias):
        connections[alias].close()
        del connections[alias]


@pytest.fixture
def synced(project, memory):
    """A project whose database exists, with three rows."""

    def arrange():
        project.done()
        project.run_sql(ROWS)

    return once(memory / "synced", project, arrange)


@pytest.fixture
def evolved(synced, memory):
    """A project whose database went from V1 to V2; schema.json has V2."""

    def arrange():
        synced.write(V2)
        synced.done()

    return once(memory / "evolved", synced, arrange)


def once(kept, project, arrange):
    """Bring the project's folder to a state that the first test arranges, and that later tests copy."""
    if kept.exists():
        shutil.rmtree(project.folder)
        shutil.copytree(kept, project.folder, symlinks=True)
    else:
        arrange()
        shutil.copytree(project.folder, kept, symlinks=True)
    return project
