"""assert_site_survives: real processes beside every kind of run, and a readable failure for each kind of loss."""

import shutil
import sqlite3
import time
from contextlib import closing

import pytest
from django.core.management import call_command

from schemasync.testing import assert_site_survives, temporary_database
from tests.command.conftest import project  # noqa: F401  fixture
from tests.support.memory import memory, tmp_path  # noqa: F401  fixtures

BEFORE = {"Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL"}}
AFTER = {"People": {"_was": ["Users"], "id": "INTEGER PRIMARY KEY", "full_name": {"type": "TEXT NOT NULL CHECK (full_name <> '')", "was": ["name"]}}}  # fmt: skip
NULLABLE = {"Users": {**BEFORE["Users"], "fax": "TEXT"}}
ROWS = {"Users": [{"name": "ann"}, {"name": "bob"}]}
TABLE = "schemasync_testing_writes"


def failure(sync, database, **options):
    with pytest.raises(AssertionError) as caught:
        assert_site_survives(sync, database, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("schema", "options"),
    [
        (AFTER, {}),
        pytest.param(AFTER, {"block_writers": True}, marks=pytest.mark.slow),
        pytest.param(AFTER, {"rebuild_all": True}, marks=pytest.mark.slow),
        (NULLABLE, {"in_place": True}),
    ],
    ids=["live", "block", "rebuild", "in place"],
)
def test_a_site_survives_every_way_of_a_run(schema, options):
    with temporary_database(BEFORE, ROWS) as database:
        seen = assert_site_survives(lambda: database.sync(schema, **options), database)
        assert seen.writes >= 4
        assert seen.reads >= 2
        assert seen.written_tables == {"Users"}
        with database.connect() as connection:
            assert connection.execute("SELECT name FROM sqlite_schema WHERE name = ?", (TABLE,)).fetchall() == []


def test_its_own_statements_write_to_tables_that_are_renamed():
    write = ["INSERT INTO Users (name) VALUES (:key)", "INSERT INTO People (full_name) VALUES (:key)"]
    find = ["SELECT name FROM Users", "SELECT full_name FROM People"]
    with temporary_database(BEFORE, ROWS) as database:
        seen = assert_site_survives(lambda: database.sync(AFTER), database, write=write, find=find)
        names = [row["full_name"] for row in database.rows("People")]
    assert len(names) == seen.writes + 2


def test_an_alias_of_a_project_is_a_database(project):  # noqa: F811
    project.write(BEFORE)
    project.done()
    project.write(AFTER)
    assert assert_site_survives(lambda: call_command("schemasync", verbosity=0)).writes >= 4


# --- reports --------------------------------------------------------------------------------------------------------


def test_a_copy_that_replaces_the_file_loses_writes(tmp_path):  # noqa: F811
    """This is how people change a file by hand: they edit a copy, and move it over the file."""
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")

    def by_hand():
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "new")) as copy:
            source.backup(copy)
        time.sleep(0.3)  # writes continue
        shutil.move(tmp_path / "new", path)

    said = failure(by_hand, path, writers=1)
    assert said.startswith("The site did not survive, ")
    assert "acknowledged writes are lost:\n    writer1-" in said
    assert " s after the change began" in said
    assert "reader 1 saw " in said


def test_writes_that_fail_or_wait_are_reported():
    with temporary_database(BEFORE, ROWS) as database:

        def sync():
            with database.connect() as connection:
                connection.execute("DROP TABLE Users")
                time.sleep(0.2)

        said = failure(sync, database, write="INSERT INTO Users (name) VALUES (:key)", find="SELECT 1", max_wait_ms=1)
    assert ": a write failed " in said
    assert "OperationalError: no such table: Users" in said
    assert "more writes and reads failed" in said or said.count("a write failed") <= 5
    assert "ms, and may wait 1 ms" in said


def test_an_error_of_the_sync_is_raised_as_it_is():
    with temporary_database(BEFORE, ROWS) as database, pytest.raises(ZeroDivisionError):
        assert_site_survives(lambda: 1 / 0, database)


def test_wrong_arguments_are_errors(tmp_path):  # noqa: F811
    with pytest.raises(FileNotFoundError, match="there is no database"):
        assert_site_survives(lambda: None, tmp_path / "none.sqlite3")
    with temporary_database(BEFORE) as database, pytest.raises(ValueError, match="write and find belong together"):
        assert_site_survives(lambda: None, database, write="INSERT INTO Users (name) VALUES (:key)")
