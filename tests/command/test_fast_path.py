"""A run with nothing to do reads one row; any other run examines everything as before."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.history_table import newest
from schemasync.files.layout import Layout
from schemasync.sync import up_to_date
from tests.support.processes import environment
from tests.support.project import V1, V2

HEAVY = (
    "jsonschema",
    "rich",
    "schemasync.schema.document",
    "schemasync.sync.runner",
    "schemasync.diff.compare",
)


def seen(project):
    return up_to_date.current(Layout(project.link), Opener(), project.schema.read_bytes())


@pytest.fixture
def synced(project):
    project.write(V1)
    project.done()
    return project


def test_the_same_bytes_are_current(synced):
    assert seen(synced).generation == synced.live()


def test_a_comment_takes_a_second_look_and_is_current_still(synced):
    synced.schema.write_text("// new\n" + synced.schema.read_text())
    assert seen(synced) is None
    assert "nothing to do" in synced.done().out


def test_another_schema_is_not_current(synced):
    synced.write(V2)
    assert seen(synced) is None


def test_a_change_by_hand_is_seen(synced):
    synced.run_sql("CREATE INDEX by_hand ON Users (name)")
    assert seen(synced) is None


def test_a_log_that_a_dead_run_left_is_seen(synced):
    synced.run_sql("CREATE TABLE _schemasync_log_0 (id INTEGER PRIMARY KEY, k0)")
    assert seen(synced) is None
    assert synced.done().code == 0
    assert synced.rows("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%schemasync%log%'") == [(0,)]


def test_a_file_that_a_dead_run_left_is_seen(synced):
    (synced.archive / "0009-0123456789ab.sqlite3.building").touch()
    assert seen(synced) is None


def test_after_a_swap_back_it_looks_twice(synced):
    synced.write(V2)
    synced.done()
    assert seen(synced) is not None
    synced.done("rollback", noinput=True)
    assert seen(synced) is None
    synced.write(V1)
    assert "nothing to do" in synced.done().out


def test_an_adopted_file_is_current(project):
    project.schema.unlink()
    project.run_sql("CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT)")
    project.done("adopt")
    assert seen(project) is not None


def test_an_adopted_file_whose_schema_is_refused_is_not(project):
    project.schema.unlink()
    project.run_sql("CREATE TABLE a (id INTEGER PRIMARY KEY, x REFERENCES nowhere (id))")
    project.done("adopt")
    assert seen(project) is None
    assert project.call().code == 3


def test_a_file_that_is_adopted_with_another_schema_is_not(project):
    project.run_sql("CREATE TABLE Users (id INTEGER PRIMARY KEY)")
    project.write(V1)
    project.done("adopt")
    assert seen(project) is None


def test_another_release_looks_twice(synced, monkeypatch):
    monkeypatch.setattr(up_to_date, "__version__", "99")
    assert seen(synced) is None


def test_what_is_noted_is_in_the_newest_row(synced):
    with closing(sqlite3.connect(synced.link)) as connection:
        assert newest(connection).document == up_to_date.digest(synced.schema.read_bytes())


def test_it_imports_nothing_heavy(synced):
    code = "import sys; from django.core.management import execute_from_command_line as run; run(sys.argv[1:])"
    reported = f"{code}; print([name for name in {HEAVY!r} if name in sys.modules])"
    synced.command()
    script = synced.folder / "told.py"
    script.write_text("import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'site_settings'; " + reported)
    ended = subprocess.run(
        [sys.executable, "told.py", "manage.py", "schemasync", "--schema", "schema.json"],
        cwd=synced.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nothing to do" in ended.stdout
    assert ended.stdout.endswith("[]\n"), ended.stdout
