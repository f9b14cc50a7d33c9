"""manage.py schemasync adopt: taking over an existing database, with nothing lost."""

import os
import signal
import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite.inspect import inspect
from schemasync.files.disk import Disk, DiskStep
from schemasync.files.layout import Layout
from schemasync.sync.adopt import adopt
from schemasync.sync.run.target import Target
from tests.crash.processes import child

KEYS = {
    "result",
    "version",
    "generation",
    "schema_written",
    "differs",
    "foreign",
    "not_created",
    "unknown_names",
    "notes",
    "runner_tables",
    "previous",
    "ignore",
    "duration_ms",
    "pause_ms",
    "errors",
}
SCRIPT = """
CREATE TABLE Users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
CREATE TABLE Legacy (x, y) ;
CREATE TABLE Pairs (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE INDEX By_X ON Legacy (x) WHERE y;
CREATE VIEW Names AS SELECT name FROM Users;
CREATE TRIGGER Watch AFTER INSERT ON Users BEGIN INSERT INTO Legacy VALUES (new.id, 1); END;
INSERT INTO Users VALUES (7, 'ann'), (9, 'bob');
INSERT INTO Pairs VALUES (1, 2);
PRAGMA user_version = 42;
PRAGMA application_id = 77;
"""


@pytest.fixture(params=["delete", "wal"])
def plain(project, request):
    """A project with a plain database file, in either journal mode, and no schema.json."""
    with closing(sqlite3.connect(project.link)) as connection:
        connection.execute(f"PRAGMA journal_mode={request.param}")
    project.run_sql(SCRIPT)
    project.schema.unlink()
    return project


def everything(project):
    """Return the schema as SQLite reads it, the rows, a counter of AUTOINCREMENT, and two numbers of the header."""
    with closing(sqlite3.connect(project.link)) as connection:
        found = inspect(connection)
        tables = [table.name for table in found.schema.tables]
        return (
            found.schema,
            {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables},
            connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'Users'").fetchall(),
            connection.execute("PRAGMA user_version").fetchone(),
            connection.execute("PRAGMA application_id").fetchone(),
        )


def texts(project):
    """Return type, name and SQL of every object, except those of schemasync and SQLite and the table Users."""
    query = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' AND name NOT IN ('Users', '_schema_versions')"
    return sorted(project.rows(query))


def test_nothing_is_lost_and_the_schema_json_of_it_is_written(plain):
    before = everything(plain)
    out = plain.done("adopt").out
    assert everything(plain) == before
    assert plain.link.is_symlink()
    assert f"wrote {plain.schema}" in out
    assert plain.schema.read_text().startswith("// taken from db.sqlite3\n")
    assert "current" in plain.done().out
    plain.done("check", strict=True)


def test_it_suggests_the_lines_for_gitignore(plain):
    out = plain.done("adopt").out
    assert out.endswith(
        "for .gitignore and .dockerignore:\n  db.sqlite3\n  db.sqlite3-*\n  db.sqlite3.generations/\n  db.sqlite3.backups/\n"
    )


def test_json_has_every_key(plain):
    found = plain.done("adopt", json=True).json
    assert set(found) == KEYS
    assert found["result"] == "adopted"
    assert found["generation"] == plain.live()
    assert found["schema_written"] == str(plain.schema)
    assert found["version"] == plain.done("hash").out.strip()
    assert found["ignore"] == ["db.sqlite3", "db.sqlite3-*", "db.sqlite3.generations/", "db.sqlite3.backups/"]
    assert (found["differs"], found["foreign"], found["errors"]) == ([], [], [])


def test_the_history_begins_with_it(plain):
    plain.done("adopt")
    rows = plain.done("history", json=True).json["generations"]
    assert [(row["action"], row["previous"], row["live"]) for row in rows] == [("adopt", None, True)]
    assert "adopted unchanged" in plain.done("history").out


def test_what_a_partial_schema_json_does_not_name_is_carried_along(plain):
    before = everything(plain)
    text = plain.write({"Users": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT NOT NULL"}}).read_text()
    ended = plain.done("adopt", json=True)
    assert ended.json["schema_written"] is None
    assert ended.json["differs"] == []
    assert ended.json["foreign"] == [
        {"type": "index", "name": "By_X"},
        {"type": "table", "name": "Legacy"},
        {"type": "table", "name": "Pairs"},
        {"type": "trigger", "name": "Watch"},
        {"type": "view", "name": "Names"},
    ]
    assert plain.schema.read_text() == text
    assert everything(plain) == before
    assert "current" in plain.done().out


def test_foreign_objects_survive_the_evolution_that_follows_to_the_letter(plain):
    before = texts(plain)
    users = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT NOT NULL"}
    plain.write({"Users": users})
    plain.done("adopt")
    _, rows, *header = everything(plain)
    plain.write({"Users": {**users, "name": "TEXT NOT NULL CHECK (name <> '')", "age": "INTEGER"}})
    plain.done()
    assert texts(plain) == before
    _, rows_now, *header_now = everything(plain)
    assert rows_now == {**rows, "Users": [(7, "ann", None), (9, "bob", None)]}
    assert header_now == header


def test_where_schema_json_says_otherwise_it_names_the_tables_and_the_next_sync_makes_them_so(plain):
    plain.write(
        {
            "Users": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT NOT NULL", "age": "INTEGER"},
            "New": {"id": "INTEGER PRIMARY KEY"},
        }
    )
    out = plain.done("adopt").out
    assert "it differs from the database in: New, Users\n" in out
    assert "manage.py schemasync plan" in out
    plain.done()
    assert plain.rows("SELECT id, name, age FROM Users") == [(7, "ann", None), (9, "bob", None)]
    assert plain.rows("SELECT count(*) FROM New") == [(0,)]


def test_a_writer_that_has_the_plain_file_open_gets_an_error_and_is_not_lost(plain):
    with closing(sqlite3.connect(plain.link, isolation_level=None)) as stale:
        stale.execute("SELECT * FROM Users").fetchall()
        plain.done("adopt")
        with pytest.raises(sqlite3.OperationalError, match="superseded"):
            stale.execute("INSERT INTO Users (name) VALUES ('lost')")


def test_the_live_file_is_in_wal_mode_afterwards(plain):
    plain.done("adopt")
    assert plain.rows("PRAGMA journal_mode") == [("wal",)]


def test_a_second_time_it_is_refused(plain):
    plain.done("adopt")
    before = plain.generations()
    ended = plain.call("adopt", json=True)
    assert ended.code == 3
    assert ended.json["errors"][0]["code"] == "already-adopted"
    assert plain.generations() == before


def killed_between_fence_and_link(project):
    def observer(when, label):
        if (when, label) == ("after", DiskStep.CUTOVER_FENCE):
            os.kill(os.getpid(), signal.SIGKILL)

    assert child(lambda: adopt(Target(Layout(project.link), disk=Disk(observer)), None)).killed
    with pytest.raises(sqlite3.OperationalError, match="superseded"):
        project.run_sql("INSERT INTO Users (name) VALUES ('too early')")


def test_one_that_was_killed_is_finished_by_the_same_command_which_writes_schema_json(plain):
    before = everything(plain)
    killed_between_fence_and_link(plain)
    found = plain.done("adopt", json=True).json
    assert found["result"] == "adopted"
    assert found["generation"] == plain.live()
    assert everything(plain) == before
    plain.run_sql("INSERT INTO Users (name) VALUES ('now')")
    assert "nothing to do" in plain.done().out


@pytest.mark.parametrize("text", [None, "no JSON {"], ids=["without a schema.json", "with a broken one"])
def test_one_that_was_killed_is_finished_before_schema_json_is_read(plain, text):
    """Every write is refused until the adoption is finished, and the errors once referred to each other in a circle."""
    killed_between_fence_and_link(plain)
    if text is not None:
        plain.write(text)
    ended = plain.call()
    assert ended.code == 3
    assert "schema.json" in ended.error
    assert plain.link.is_symlink()
    plain.run_sql("INSERT INTO Users (name) VALUES ('now')")


def test_a_missing_database_is_refused_and_leaves_no_folder(project):
    ended = project.call("adopt")
    assert ended.code == 3
    assert "[no-database]" in ended.error
    assert list(project.folder.iterdir()) == [project.schema]


def test_a_link_that_somebody_else_made_is_refused(project):
    elsewhere = project.folder / "data" / "real.sqlite3"
    elsewhere.parent.mkdir()
    project.run_sql(SCRIPT, elsewhere)
    project.link.symlink_to("data/real.sqlite3")
    for action in ("adopt", "plan", "history"):
        ended = project.call(action)
        assert ended.code == 3, ended
        assert "[foreign-link]" in ended.error
    assert project.link.readlink().name == "real.sqlite3"


def test_a_broken_schema_json_is_refused_before_anything_happens(plain):
    before = plain.link.read_bytes()
    plain.write("{")
    assert plain.call("adopt").code == 3
    assert plain.link.read_bytes() == before
    assert not plain.archive.exists()


def test_a_schema_json_that_cannot_be_written_is_refused_before_anything_happens(plain):
    ended = plain.call("adopt", schema=plain.folder / "nowhere" / "schema.json")
    assert ended.code == 3
    assert "--schema PATH" in ended.error
    assert not plain.link.is_symlink()


def test_what_no_schema_json_can_say_is_taken_over_and_named(project):
    project.run_sql("CREATE TABLE c (a REFERENCES missing)")
    project.schema.unlink()
    ended = project.done("adopt")
    assert 'c.a refers to the table "missing"' in ended.err
    project.write({"c": {"a": ""}})
    project.done()


def test_a_snapshot_is_taken_over_with_its_history(evolved):
    evolved.done("snapshot", evolved.folder / "other.sqlite3")
    evolved.done("adopt", database="other")
    rows = evolved.done("history", database="other", json=True).json["generations"]
    assert [row["action"] for row in rows] == ["adopt", "sync", "sync"]
    assert "current" in evolved.done(database="other", schema=evolved.schema).out


def test_the_table_of_a_migration_runner_is_named_and_check_sees_when_it_ran_again(project):
    project.run_sql(
        "CREATE TABLE users (id INTEGER PRIMARY KEY); CREATE TABLE schema_migrations (version TEXT PRIMARY KEY);"
        " INSERT INTO schema_migrations VALUES ('001'), ('002')"
    )
    project.schema.unlink()
    reported = project.done("adopt")
    assert "schema_migrations is the table of a migration runner" in reported.out
    assert "do not run it any more" in reported.out
    assert project.done("check", json=True).json["runners_ran"] == []
    project.run_sql("INSERT INTO schema_migrations VALUES ('003')")
    reported = project.done("check")
    assert "schema_migrations changed since 0001-" in reported.out
    assert "ran again" in reported.out
    project.done("--rebuild-all")
    assert project.done("check", json=True).json["runners_ran"] == [], "a later generation has seen it"


@pytest.mark.parametrize("name", ["_prisma_migrations", "GOOSE_db_version", "alembic_version"])
def test_the_tables_of_the_common_runners_are_known(project, name):
    project.run_sql(f"CREATE TABLE {name} (id, version_num, finished_at)")
    project.schema.unlink()
    assert project.done("adopt", json=True).json["runner_tables"] == [name]


@pytest.mark.parametrize("script", ["", "PRAGMA journal_mode=WAL"])
def test_an_empty_file_is_no_database_to_adopt(project, script):
    project.schema.unlink()
    project.link.touch()
    project.run_sql(script)
    ended = project.call("adopt")
    assert ended.code == 3
    assert "is empty" in ended.err
    assert not project.schema.exists()
    assert not project.link.is_symlink()
