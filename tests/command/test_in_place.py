"""`--in-place` alters the live file itself, in one verified transaction, and refuses every other change."""

import json
import os
import re
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.engines.sqlite import in_place
from schemasync.engines.sqlite.connection import main_file
from schemasync.errors import Busy, Failed, Refused
from schemasync.files.disk import Disk, DiskStep
from schemasync.schema import document
from schemasync.sync import preview
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback_in_place import rollback_in_place
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.processes import FORK, child
from tests.faults.waiting import wait_for
from tests.support.project import V1

USERS, LOG = V1["Users"], V1["Log"]
PHONE = {**V1, "Users": {**USERS, "phone": "TEXT", "age": "INTEGER NOT NULL DEFAULT 7"}}
INDEXED = {**V1, "Users": {**USERS, "_indexes": [{"name": "by_name", "columns": ["name"]}]}}
RENAMED = {
    "People": {"_was": ["Users"], "id": "INTEGER PRIMARY KEY", "full": {"type": "TEXT NOT NULL", "was": ["name"]}},
    "Log": LOG,
}
RENAMED["People"]["fax"] = "TEXT"


def altered(project, tree, *options):
    """Run a sync in place, and return its JSON object; every command agrees with schema.json afterwards."""
    live, inode = project.live(), project.link.stat().st_ino
    project.write(tree)
    done = json.loads(project.done("--in-place", "--json", *options).out)
    assert (done["result"], done["strategy"], done["generation"]) == ("synced", "in-place", live)
    assert (project.live(), project.link.stat().st_ino) == (live, inode)
    is_current(project)
    return done


def is_current(project):
    """Assert that each command reports nothing to do."""
    version = document.read((project.folder / "schema.json").read_bytes()).version
    assert "nothing to do" in project.done().out
    assert json.loads(project.done("plan", "--json").out)["result"] == "current"
    assert project.done("check").code == 0
    status = json.loads(project.done("status", "--json").out)
    assert (status["result"], status["version"], status["schema_version"]) == ("ok", version, version)
    assert project.done("--verify", "full").code == 0


def history(project):
    return json.loads(project.done("history", "--json").out)["generations"]


def refused(project, tree, *options):
    project.write(tree)
    ended = project.call("--in-place", "--json", *options)
    assert ended.code == 3, ended
    (error,) = json.loads(ended.out)["errors"]
    assert error["code"] == "not-in-place"
    return error


# --- changes that qualify ---------------------------------------------------------------------------------------------


def test_new_columns_are_there_at_once_and_no_file_is_built(synced):
    done = altered(synced, PHONE)
    assert [change["text"] for change in done["changes"]] == ["Users: +phone", "Users: +age"]
    assert synced.rows("SELECT id, name, phone, age FROM Users") == [(1, "ann", None, 7), (2, "bob", None, 7)]
    assert len(synced.generations()) == 1
    assert done["rows"] == 0


def test_an_index_is_made_changed_and_removed(synced):
    altered(synced, INDEXED)
    assert "by_name" in str(synced.rows("EXPLAIN QUERY PLAN SELECT * FROM Users WHERE name = 'bob'"))
    altered(synced, {**V1, "Users": {**USERS, "_indexes": [{"name": "by_name", "columns": ["name", "fax"]}]}})
    assert [row[2] for row in synced.rows("PRAGMA index_info(by_name)")] == ["name", "fax"]
    altered(synced, V1, "--allow-older")
    assert synced.rows("SELECT count(*) FROM sqlite_schema WHERE type = 'index'") == [(0,)]


def test_tables_and_columns_are_renamed_and_everything_follows(synced):
    views = {"Everyone": "SELECT name FROM Users"}
    trigger = {"logged": "AFTER INSERT ON Users BEGIN INSERT INTO Log (what) VALUES (new.name); END"}
    children = {"id": "INTEGER PRIMARY KEY", "user": "INTEGER REFERENCES Users"}
    synced.write({**V1, "Users": {**USERS, "_triggers": trigger}, "Children": children, "_views": views})
    synced.done()
    synced.run_sql("CREATE VIEW by_hand AS SELECT name AS n FROM Users")
    after = {"logged": "AFTER INSERT ON People BEGIN INSERT INTO Log (what) VALUES (new.full); END"}
    tree = {
        **RENAMED,
        "People": {**RENAMED["People"], "_triggers": after},
        "Children": {**children, "user": "INTEGER REFERENCES People"},
        "_views": {"Everyone": "SELECT full FROM People"},
    }
    altered(synced, tree)
    synced.run_sql("INSERT INTO People (full) VALUES ('cy')")
    assert synced.rows("SELECT what FROM Log ORDER BY id") == [("begun",), ("cy",)]
    assert (
        synced.rows("SELECT * FROM Everyone") == synced.rows("SELECT * FROM by_hand") == [("ann",), ("bob",), ("cy",)]
    )
    assert synced.rows("PRAGMA foreign_key_list(Children)")[0][2] == "People"


def test_a_rename_that_sqlite_refuses_under_views_is_made_all_the_same(synced):
    """SQLite does not rename a column that a view reads through another view over all columns."""
    synced.write({**V1, "_views": {"A": "SELECT * FROM Users", "B": "SELECT name FROM A"}})
    synced.done()
    synced.run_sql("CREATE VIEW by_hand AS SELECT what FROM Log")
    with closing(sqlite3.connect(synced.link)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("ALTER TABLE Users RENAME COLUMN name TO full")
    users = {"id": USERS["id"], "full": {"type": "TEXT NOT NULL", "was": ["name"]}, "fax": "TEXT"}
    altered(synced, {"Users": users, "Log": LOG, "_views": {"A": "SELECT * FROM Users", "B": "SELECT full FROM A"}})
    assert synced.rows("SELECT full FROM B ORDER BY 1") == [("ann",), ("bob",)]
    assert synced.rows("SELECT what FROM by_hand") == [("begun",)]


def test_a_column_with_a_name_of_the_row_id_is_added_where_sqlite_does_that(synced):
    """SQLite since 3.54 refuses to add, drop or rename such a column; a new file works with every version."""
    tree = {**V1, "Log": {**LOG, "oid": "TEXT"}}
    if sqlite3.sqlite_version_info < (3, 54):
        assert altered(synced, tree)["tables"]["Log"]["action"] == "alter"
        return
    assert "cannot add rowid alias: oid" in refused(synced, tree)["message"]
    assert json.loads(synced.done("--json").out)["strategy"] == "clone"
    is_current(synced)


def test_two_tables_exchange_their_names(synced):
    synced.write({"Users": {**LOG, "_was": ["Log"]}, "Log": {**USERS, "_was": ["Users"]}})
    assert json.loads(synced.done("--in-place", "--json").out)["strategy"] == "in-place"
    assert synced.rows("SELECT name FROM Log ORDER BY id") == [("ann",), ("bob",)]
    assert synced.rows("SELECT what FROM Users") == [("begun",)]
    assert "nothing to do" in synced.done().out


def test_a_new_column_has_its_foreign_key_and_its_check(synced):
    tree = {
        **V1,
        "Users": {**USERS, "boss": "INTEGER REFERENCES Users ON DELETE SET NULL", "age": "INTEGER CHECK (age >= 0)"},
    }
    altered(synced, tree)
    with closing(sqlite3.connect(synced.link)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        for wrong in ("boss = 77", "age = -1"):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(f"UPDATE Users SET {wrong}")


@pytest.mark.parametrize(
    "options", [{"_without_rowid": True}, {"_strict": True}, {"_strict": True, "_without_rowid": True}]
)
def test_tables_of_every_kind_get_columns_and_indexes(synced, options):
    table = {"id": "INTEGER PRIMARY KEY", "n": "TEXT", **options}
    synced.write({**V1, "T": table})
    synced.done()
    synced.run_sql("INSERT INTO T VALUES (1, 'a'), (2, 'b')")
    more = {
        **table,
        "m": "TEXT",
        "k": "INTEGER NOT NULL DEFAULT 5",
        "_indexes": [{"name": "by_m", "columns": ["m", "upper(n)"], "where": "k > 1"}],
    }
    altered(synced, {**V1, "T": more})
    assert synced.rows("SELECT id, n, m, k FROM T") == [(1, "a", None, 5), (2, "b", None, 5)]


def test_a_virtual_table_is_renamed_with_its_rows(synced):
    synced.write({**V1, "Texts": {"_virtual": "fts5(body)"}})
    synced.done()
    synced.run_sql("INSERT INTO Texts VALUES ('hello world')")
    altered(synced, {**V1, "Words": {"_virtual": "fts5(body)", "_was": ["Texts"]}})
    assert synced.rows("SELECT body FROM Words WHERE Words MATCH 'hello'") == [("hello world",)]


def test_objects_that_schema_json_does_not_name_stay(synced):
    synced.run_sql(
        "CREATE INDEX own ON Users (fax); CREATE TABLE extra (a, b); CREATE VIEW seen AS SELECT * FROM extra;"
        "CREATE TRIGGER t AFTER INSERT ON extra BEGIN DELETE FROM extra WHERE a = 0; END"
    )
    before = synced.rows("SELECT type, name, sql FROM sqlite_schema WHERE name IN ('own', 'extra', 'seen', 't')")
    altered(synced, {**PHONE, "Users": {**PHONE["Users"], "_indexes": [{"name": "by_name", "columns": ["name"]}]}})
    after = synced.rows("SELECT type, name, sql FROM sqlite_schema WHERE name IN ('own', 'extra', 'seen', 't')")
    assert after == before


def test_the_statements_are_shown_by_plan_and_kept_in_the_history(synced):
    synced.write({**PHONE, "Users": {**PHONE["Users"], "_indexes": [{"name": "by_name", "columns": ["name"]}]}})
    found = json.loads(synced.done("plan", "--in-place", "--sql", "--json").out)
    assert found["strategy"] == "in-place"
    assert found["sql"] == [
        'ALTER TABLE "Users" ADD COLUMN "phone" TEXT',
        'ALTER TABLE "Users" ADD COLUMN "age" INTEGER NOT NULL DEFAULT 7',
        'CREATE INDEX "by_name" ON "Users" ("name")',
    ]
    assert "runs in the live file" in synced.done("plan", "--in-place", "--sql").out
    synced.done("--in-place")
    (plan,) = synced.rows("SELECT plan FROM _schema_versions ORDER BY id DESC LIMIT 1")
    assert json.loads(plan[0])["sql"] == found["sql"]


# --- changes that do not ----------------------------------------------------------------------------------------------


def test_everything_that_does_not_qualify_is_named_at_once(synced):
    before = synced.rows("SELECT type, name, sql FROM sqlite_schema")
    tree = {
        "Users": {
            "id": "INTEGER PRIMARY KEY",
            "name": "VARCHAR(30) NOT NULL",
            "phone": "TEXT",
            "made": "TEXT DEFAULT CURRENT_TIMESTAMP",
            "filled": {"type": "TEXT", "fill": "upper(name)"},
            "_dropped": ["fax"],
        },
        "Log": {**LOG, "what": "TEXT UNIQUE"},
        "Rooms": {"id": "INTEGER PRIMARY KEY"},
    }
    error = refused(synced, tree)
    for what in ("fill of filled", "+made", "-fax", "type TEXT -> ", "+UNIQUE (what)", "Rooms: new table"):
        assert what in error["message"]
    assert "phone" not in error["message"]
    assert "may be NULL or have a constant default" in error["hint"]
    assert "manage.py schemasync" in error["hint"]
    assert synced.rows("SELECT type, name, sql FROM sqlite_schema") == before
    assert len(history(synced)) == 1
    assert json.loads(synced.call("plan", "--in-place", "--json").out)["errors"] == [error]
    assert synced.done("--noinput").code == 0, "the way that the message names"


def test_a_first_run_has_no_file_to_alter(project):
    project.write(V1)
    assert "there is no database yet" in refused(project, V1)["message"]
    assert not project.link.exists()


@pytest.mark.parametrize("option", ["--rebuild-all", "--postpone", "--verify=full", "--cutover-timeout=3"])
def test_options_of_a_new_file_are_refused(synced, option):
    ended = synced.call("--in-place", option)
    assert ended.code == 2
    assert "builds no new file" in ended.error


def test_duplicates_in_a_unique_index_are_found_before_and_nothing_changes(synced):
    synced.run_sql("INSERT INTO Users (name) VALUES ('ann')")
    tree = {**V1, "Users": {**USERS, "_indexes": [{"name": "one", "columns": ["name"], "unique": True}]}}
    synced.write(tree)
    ended = synced.call("--in-place", "--json")
    assert ended.code == 3
    assert json.loads(ended.out)["errors"][0]["code"] == "hazard"
    assert len(history(synced)) == 1


def test_a_current_database_stays_as_it_is(synced):
    assert "nothing to do" in synced.done("--in-place").out
    assert len(history(synced)) == 1


# --- the history ------------------------------------------------------------------------------------------------------


def test_the_history_says_what_the_name_of_the_file_does_not(synced):
    altered(synced, PHONE)
    first, second = history(synced)[::-1]
    assert (first["action"], second["action"]) == ("sync", "alter")
    assert first["generation"] == second["generation"]
    assert second["version"].partition(":")[2][:12] not in second["generation"]
    assert [change["text"] for change in second["changes"]] == ["Users: +phone", "Users: +age"]
    assert f"version {second['version'][2:14]}" in synced.done("history").out
    assert synced.call("inspect", synced.live()).out == synced.call("inspect", second["version"]).out
    assert '"phone"' in synced.call("inspect", synced.live()).out


def test_changes_by_hand_after_it_are_drift_and_before_it_are_refused(synced):
    altered(synced, PHONE)
    synced.run_sql("ALTER TABLE Users DROP COLUMN phone")
    assert json.loads(synced.call("check", "--json").out)["drift"] == ["Users"]
    synced.write(INDEXED)
    ended = synced.call("--in-place", "--json")
    assert [error["code"] for error in json.loads(ended.out)["errors"]] == ["drift"]


def test_an_earlier_version_is_refused_as_older_and_no_file_is_named_that_does_not_have_it(synced):
    altered(synced, PHONE)
    synced.write(V1)
    (error,) = json.loads(synced.call("--json").out)["errors"]
    assert error["code"] == "older-version"
    assert "rollback" not in error["hint"]
    ended = synced.call("rollback", json.loads(synced.done("hash", "--json").out)["version"], "--dry-run")
    assert "was altered in place" in ended.error


def test_the_next_sync_builds_on_it(synced):
    altered(synced, PHONE)
    synced.run_sql("UPDATE Users SET phone = '5' WHERE id = 1")
    synced.write({**PHONE, "Users": {**PHONE["Users"], "phone": "TEXT UNIQUE"}})
    synced.done()
    assert synced.rows("SELECT id, phone, age FROM Users") == [(1, "5", 7), (2, None, 7)]
    assert [row["action"] for row in history(synced)] == ["sync", "alter", "sync"]
    is_current(synced)


@pytest.mark.parametrize(("column", "value"), [("TEXT DEFAULT 'other'", "other"), ("TEXT", None)])
def test_rows_from_before_a_column_keep_its_default_when_the_next_sync_changes_that(synced, column, value):
    altered(synced, {**V1, "Users": {**USERS, "mail": "TEXT DEFAULT 'one'"}})
    synced.run_sql("INSERT INTO Users (name, mail) VALUES ('cy', 'own')")
    synced.write({**V1, "Users": {**USERS, "mail": column}})
    done = json.loads(synced.done("--json").out)
    assert (done["strategy"], done["tables"]["Users"]["action"]) == ("clone", "rewrite")
    synced.run_sql("INSERT INTO Users (name) VALUES ('di')")
    assert synced.rows("SELECT mail FROM Users ORDER BY id") == [("one",), ("one",), ("own",), (value,)]
    is_current(synced)


def test_a_rename_acts_once_and_the_name_can_be_used_again(synced):
    altered(synced, RENAMED)
    tree = {**RENAMED, "Users": {"id": "INTEGER PRIMARY KEY"}}
    synced.write(tree)
    synced.done()
    assert synced.rows("SELECT count(*) FROM People") == [(2,)]
    assert synced.rows("SELECT count(*) FROM Users") == [(0,)]


# --- the lock, the disk, the schema -----------------------------------------------------------------------------------


def run(project, tree, disk=None, **parts):
    found = document.read(json.dumps(tree).encode())
    at = replace(target(project.link), **parts) if disk is None else replace(target(project.link), disk=disk, **parts)
    return sync(at, found, SyncOptions(in_place=True))


def test_it_waits_for_a_writer_and_gives_up_with_nothing_changed(synced):
    with closing(sqlite3.connect(synced.link, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="a writer held"):
            run(synced, PHONE, wait=0.2)
    assert len(history(synced)) == 1


def test_a_schema_that_changed_since_the_plan_is_left_alone(synced):
    def interfere(when, step):
        if (when, step) == ("before", DiskStep.IN_PLACE_ALTER):
            synced.run_sql("CREATE TABLE by_hand (id)")

    with pytest.raises(Refused, match="changed the schema"):
        run(synced, PHONE, Disk(interfere))
    assert len(history(synced)) == 1


def test_a_structure_that_is_not_the_wanted_one_is_rolled_back(synced, monkeypatch):
    whole = in_place.alter

    def and_more(connection, plan, *, follows):
        whole(connection, plan, follows=follows)
        if main_file(connection):  # not in the dry run, which would detect it earlier
            connection.execute("ALTER TABLE Log ADD COLUMN wrong")

    monkeypatch.setattr(in_place, "alter", and_more)
    with pytest.raises(Failed, match="not built as it should be"):
        run(synced, PHONE)
    assert len(synced.rows("PRAGMA table_info(Log)")) == 2
    assert len(synced.rows("PRAGMA table_info(Users)")) == 3
    assert len(history(synced)) == 1


def test_open_connections_go_on_reading_and_writing(synced):
    with closing(sqlite3.connect(synced.link, isolation_level=None)) as connection:
        query = "SELECT * FROM Users WHERE id = ?"
        assert len(connection.execute(query, (1,)).fetchone()) == 3
        altered(synced, PHONE)
        assert len(connection.execute(query, (1,)).fetchone()) == 5
        connection.execute("INSERT INTO Users (name, phone) VALUES ('cy', '1')")
    assert synced.rows("SELECT name FROM Users WHERE phone = '1'") == [("cy",)]


def test_a_database_with_a_rollback_journal_is_altered_too(synced):
    with closing(sqlite3.connect(synced.link)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    altered(synced, PHONE)
    with closing(sqlite3.connect(synced.link)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


# --- the longest pause ------------------------------------------------------------------------------------------------


@pytest.fixture
def many(synced):
    """A project with a table of a hundred thousand rows, whose index takes some time to build."""
    synced.run_sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " INSERT INTO Log (what) SELECT hex(randomblob(30)) FROM n"
    )
    return synced


BY_WHAT = {**V1, "Log": {**LOG, "_indexes": [{"name": "by_what", "columns": ["what"]}]}}


def test_an_index_that_takes_too_long_is_rolled_back_and_the_message_says_what_to_type(many):
    many.write(BY_WHAT)
    ended = many.call("--in-place", "--max-pause", "5", "--json")
    assert ended.code == 4
    (error,) = json.loads(ended.out)["errors"]
    assert error["code"] == "pause-exceeded"
    for command in ("schemasync\n", "--in-place --max-pause MS", "--in-place --block-writers"):
        assert command in error["hint"] + "\n"
    assert many.rows("SELECT count(*) FROM sqlite_schema WHERE type = 'index'") == [(0,)]
    assert len(history(many)) == 1
    many.run_sql("INSERT INTO Log (what) VALUES ('after')")
    done = json.loads(many.done("--in-place", "--block-writers", "--json").out)
    assert done["strategy"] == "in-place"
    assert done["pause_ms"] > 5


def test_an_index_that_takes_too_long_to_remove_is_left_alone(many):
    altered(many, BY_WHAT, "--block-writers")
    many.write(V1)
    ended = many.call("--in-place", "--allow-older", "--max-pause", "1", "--json")
    assert ended.code == 4
    (error,) = json.loads(ended.out)["errors"]
    assert error["code"] == "pause-exceeded"
    assert "which cannot be interrupted" in error["message"]
    assert len(history(many)) == 2
    altered(many, V1, "--allow-older", "--max-pause", "5000")


def test_a_longer_pause_lets_it_through(many):
    many.write(BY_WHAT)
    assert json.loads(many.done("--in-place", "--max-pause", "60000", "--json").out)["strategy"] == "in-place"


def test_plan_estimates_how_long_writers_would_wait(many):
    many.write(BY_WHAT)
    found = json.loads(many.done("plan", "--in-place", "--json").out)
    assert 0.01 < found["in_place"]["seconds"] < 30
    assert found["disk"]["needed"] > 0
    text = many.done("plan", "--in-place", "--max-pause", "1").out
    assert "in place: writers would wait about" in text
    assert "--max-pause allows 1 ms" in text
    assert "--in-place --max-pause" in text
    assert "rolled back" not in many.done("plan", "--in-place", "--block-writers").out


def test_plan_offers_it_for_a_large_file_if_all_changes_qualify(many, monkeypatch):
    many.write(PHONE)
    assert json.loads(many.done("plan", "--json").out)["in_place"] is None, "a small file is copied in a moment"
    monkeypatch.setattr(preview, "LARGE", 1_000_000)
    found = json.loads(many.done("plan", "--json").out)
    assert (found["strategy"], found["in_place"]) == ("clone", {"seconds": 0.0})
    assert "possible without a copy; writers would wait about 1 ms: manage.py schemasync --in-place" in (
        many.done("plan").out
    )
    many.write(BY_WHAT)
    assert re.search(r"--in-place --max-pause \d000$", many.done("plan", "--max-pause", "1").out, re.MULTILINE)
    many.write({**PHONE, "Rooms": {"id": "INTEGER PRIMARY KEY"}})
    assert "--in-place" not in many.done("plan").out


# --- concurrent writers, signals --------------------------------------------------------------------------------------


def _write(link, noted, until):
    """Insert rows until the event is set, and note each one that was acknowledged."""
    with closing(sqlite3.connect(link, isolation_level=None, timeout=30)) as connection, noted.open("a") as file:
        number = 0
        while not until.is_set():
            number += 1
            connection.execute("INSERT INTO Users (name) VALUES (?)", (f"row {number}",))
            print(f"row {number}", file=file, flush=True)


def test_no_write_beside_it_is_lost_and_none_fails(many):
    noted, until = many.folder / "noted", FORK.Event()
    many.write({**PHONE, "Log": BY_WHAT["Log"]})
    writer = FORK.Process(target=_write, args=(many.link, noted, until))
    writer.start()
    try:
        wait_for(lambda: noted.exists() and len(noted.read_text().splitlines()) > 20)
        done = json.loads(many.done("--in-place", "--max-pause", "60000", "--json").out)
        before = len(noted.read_text().splitlines())
        wait_for(lambda: len(noted.read_text().splitlines()) > before + 20)
    finally:
        until.set()
        writer.join(30)
    assert writer.exitcode == 0
    assert done["strategy"] == "in-place"
    names = {name for (name,) in many.rows("SELECT name FROM Users WHERE age = 7")}
    assert set(noted.read_text().splitlines()) <= names
    assert many.rows("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize(
    ("moment", "step", "is_done"),
    [
        ("before", DiskStep.IN_PLACE_ALTER, False),
        ("after", DiskStep.IN_PLACE_ALTER, False),
        ("before", DiskStep.HISTORY_VERSION, False),
        ("after", DiskStep.HISTORY_VERSION, True),
    ],
)
def test_a_signal_says_what_is_true(synced, moment, step, is_done):
    def stop(when, label):
        if (when, label) == (moment, step):
            os.kill(os.getpid(), signal.SIGTERM)

    trouble = child(lambda: run(synced, PHONE, Disk(stop))).refusal()
    assert trouble.codes == ("interrupted",)
    assert ("has the new version" in trouble.text) == is_done
    assert ("the live file is unchanged" in trouble.text) != is_done
    assert (len(synced.rows("PRAGMA table_info(Users)")) == 5) == is_done
    assert len(history(synced)) == 1 + is_done


def test_a_signal_ends_an_index_at_once(many):
    def stop(when, label):
        if (when, label) == ("before", DiskStep.IN_PLACE_ALTER):
            signal.setitimer(signal.ITIMER_REAL, 0.02)

    def work():
        signal.signal(signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))
        found, options = document.read(json.dumps(BY_WHAT).encode()), SyncOptions(in_place=True, block_writers=True)
        return sync(replace(target(many.link), disk=Disk(stop)), found, options)

    assert child(work).refusal().codes == ("interrupted",)
    assert len(history(many)) == 1


# --- through a rollback -----------------------------------------------------------------------------------------------


def differences(project, *wanted):
    """Return, for each table, the counts of rows added, changed and removed since."""
    found = json.loads(project.done("rollback", *wanted, "--dry-run", "--json").out)["differences"]
    assert found["complete"], found
    return {name: (one["added"], one["changed"], one["removed"]) for name, one in found["tables"].items()}


@pytest.fixture
def twice(synced):
    """A project synced from A to B, then altered in place: a column, an index, other names. Rows were written after
    each."""
    synced.write({**V1, "Users": {**USERS, "mail": "TEXT DEFAULT 'none'"}})
    synced.done()
    synced.run_sql("INSERT INTO Users (name, mail) VALUES ('cy', 'c@x')")
    tree = {**RENAMED, "People": {**RENAMED["People"], "mail": "TEXT DEFAULT 'none'", "age": "INTEGER DEFAULT 3"}}
    tree["People"]["_indexes"] = ["mail"]
    altered(synced, tree)
    synced.run_sql(
        "UPDATE People SET age = 4 WHERE id = 1; INSERT INTO People (full) VALUES ('di'); DELETE FROM Log WHERE id = 1"
    )
    return synced


def test_a_rollback_over_it_counts_exactly_what_was_written(twice):
    assert differences(twice, "1") == {"People": (2, 1, 0), "Log": (0, 0, 1)}
    twice.done("rollback", "1", "--noinput")
    assert twice.rows("SELECT name FROM Users ORDER BY id") == [("ann",), ("bob",)]


def test_forward_again_every_row_is_there_and_counted(twice):
    twice.done("rollback", "1", "--noinput")
    twice.run_sql("INSERT INTO Users (name) VALUES ('eve')")
    assert differences(twice, "2") == {"People": (0, 2, 1), "Log": (1, 0, 0)}
    done = json.loads(twice.done("rollback", "2", "--noinput", "--json").out)
    version = document.read((twice.folder / "schema.json").read_bytes()).version
    assert done["version"] == version
    assert twice.rows("SELECT full, mail, age FROM People ORDER BY id") == [
        ("ann", "none", 4),
        ("bob", "none", 3),
        ("cy", "c@x", 3),
        ("di", "none", 3),
    ]
    is_current(twice)


def test_a_generation_that_was_altered_after_a_rollback_is_compared_with_the_other_branch(twice):
    twice.done("rollback", "1", "--noinput")
    altered(twice, {**V1, "Users": {**USERS, "zip": "TEXT"}}, "--allow-older")
    twice.run_sql("INSERT INTO Users (name, zip) VALUES ('eve', '1')")
    assert differences_of_common(twice, "2") == {"People": (0, 2, 1), "Log": (1, 0, 0)}
    twice.done("rollback", "2", "--noinput")
    assert differences_of_common(twice, "1") == {"People": (1, 2, 0), "Log": (0, 0, 1)}


def differences_of_common(project, wanted):
    found = json.loads(project.done("rollback", wanted, "--dry-run", "--json").out)["differences"]["tables"]
    return {name: (one["added"], one["changed"], one["removed"]) for name, one in found.items()}


def test_a_table_made_by_hand_and_taken_in_is_still_not_comparable_after_it(synced):
    synced.run_sql("CREATE TABLE W (a INT)")
    tree = {**V1, "W": {"a": "INT"}}
    synced.write(tree)
    synced.done()
    altered(synced, {**PHONE, "Wide": {"a": "INT", "_was": ["W"]}})
    found = json.loads(synced.done("rollback", "1", "--dry-run", "--json").out)["differences"]["tables"]
    assert found["Wide"]["comparable"] is False


def test_a_rollback_without_a_destination_never_leads_to_the_older_file_in_silence(twice):
    ended = twice.call("rollback", "--noinput")
    assert ended.code == 3
    assert "was altered in place" in ended.error
    assert "rollback 0001-" in ended.error
    assert twice.live().startswith("0002-")


def test_an_archive_whose_rows_live_on_in_an_altered_file_can_be_pruned(twice):
    twice.write({**json.loads((twice.folder / "schema.json").read_text()), "More": {"id": "INTEGER PRIMARY KEY"}})
    twice.done()
    found = json.loads(twice.done("prune", "--keep", "1", "--dry-run", "--json").out)
    assert [one["generation"][:4] for one in found["removed"] + found["too_recent"]] == ["0001"]
    assert found["set_aside"] == found["not_in_history"] == []


def test_a_backup_from_before_it_goes_back_into_the_history(synced):
    backup = synced.folder / "backup.sqlite3"
    synced.done("snapshot", backup)
    altered(synced, RENAMED)
    live = synced.live()
    backup.rename(synced.link)
    synced.write(V1)
    synced.done("adopt")
    is_current(synced)
    assert [row["action"] for row in history(synced)] == ["adopt", "alter", "sync"]
    synced.run_sql("INSERT INTO Users (name) VALUES ('new')")
    assert differences_of_common(synced, live) == {"Users": (1, 0, 0)}
    synced.done("rollback", live, "--noinput")
    assert synced.rows("SELECT full FROM People ORDER BY id") == [("ann",), ("bob",)]


def test_a_backup_restored_in_place_over_it_is_read_as_what_it_is(synced):
    backup = synced.folder / "backup.sqlite3"
    synced.done("snapshot", backup)
    altered(synced, RENAMED)
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(synced.link)) as live:
        source.backup(live)
    synced.write(V1)
    is_current(synced)
    assert [row["action"] for row in history(synced)] == ["sync"]


def test_eject_and_adopt_again_find_it_current(synced):
    altered(synced, PHONE)
    synced.done("eject")
    synced.done("adopt")
    is_current(synced)


def test_a_switch_to_the_version_from_before_it_takes_todays_rows(synced):
    altered(synced, RENAMED)
    synced.run_sql("INSERT INTO People (full) VALUES ('cy')")
    synced.write(V1)
    done = json.loads(synced.done("switch", "--json").out)
    assert done["result"] != "current"
    assert synced.rows("SELECT name FROM Users ORDER BY id") == [("ann",), ("bob",), ("cy",)]
    synced.write(RENAMED)
    synced.done("switch")
    assert synced.rows("SELECT full FROM People ORDER BY id") == [("ann",), ("bob",), ("cy",)]
    is_current(synced)


def test_a_rollback_over_an_alteration_and_its_undoing_counts_exactly(twice):
    twice.write({**V1, "Users": {**USERS, "mail": "TEXT DEFAULT 'none'"}})
    twice.run_sql("UPDATE People SET age = 3 WHERE id = 1")
    twice.done("rollback", "--in-place", "--noinput")
    assert twice.rows("SELECT name, mail FROM Users WHERE id = 3") == [("cy", "c@x")]
    assert differences(twice, "1") == {"Users": (2, 0, 0), "Log": (0, 0, 1)}
    twice.run_sql("UPDATE Users SET mail = 'm' WHERE id = 1")
    assert differences(twice, "1") == {"Users": (2, 1, 0), "Log": (0, 0, 1)}
    is_current(twice)


# --- undone by the reverse statements ---------------------------------------------------------------------------------


def undo(project, *options):
    return json.loads(project.done("rollback", "--in-place", "--noinput", "--json", *options).out)


def test_what_was_altered_is_undone_in_the_file_with_all_rows_and_done_again(synced):
    first = json.loads(synced.done("status", "--json").out)["version"]
    tree = {**RENAMED, "People": {**RENAMED["People"], "age": "INTEGER NOT NULL DEFAULT 3", "_indexes": ["full"]}}
    done = altered(synced, tree)
    synced.run_sql("INSERT INTO People (full) VALUES ('cy')")
    found = json.loads(synced.done("rollback", "--in-place", "--dry-run", "--json").out)
    assert found["sql"][:3] == [
        'ALTER TABLE "People" RENAME TO "Users"',
        'ALTER TABLE "Users" RENAME COLUMN "full" TO "name"',
        found["sql"][2],
    ]
    assert found["sql"][2].startswith("DROP INDEX ")
    assert found["sql"][3] == 'ALTER TABLE "Users" DROP COLUMN "age"'
    assert [row["action"] for row in history(synced)] == ["alter", "sync"], "a dry run changes nothing"

    undone = undo(synced)
    assert (undone["result"], undone["version"], undone["previous"]) == ("rolled_back", first, done["version"])
    assert synced.rows("SELECT * FROM Users ORDER BY id") == [(1, "ann", "1"), (2, "bob", None), (3, "cy", None)]
    assert len(synced.generations()) == 1
    (error,) = json.loads(synced.call("--json").out)["errors"]
    assert error["code"] == "older-version"
    assert "was undone" in error["message"]
    synced.done("--in-place", "--allow-older")
    assert synced.rows("SELECT full, age FROM People ORDER BY id") == [("ann", 3), ("bob", 3), ("cy", 3)]
    is_current(synced)
    undo(synced)
    undo(synced)
    assert "nothing to do" in synced.done().out, "the undoing was undone"


def test_back_at_the_schema_of_before_it_is_current(synced):
    altered(synced, INDEXED)
    undo(synced)
    synced.write(V1)
    is_current(synced)
    assert [row["action"] for row in history(synced)] == ["alter", "alter", "sync"]


def test_a_removed_index_is_made_again(synced):
    synced.write({**V1, "Users": {**USERS, "_indexes": [{"name": "by_name", "columns": ["name", "upper(fax)"]}]}})
    synced.done()
    sql = synced.rows("SELECT sql FROM sqlite_schema WHERE name = 'by_name'")
    altered(synced, V1, "--allow-older")
    undo(synced)
    assert [row[0].replace(" ", "") for row in synced.rows("SELECT sql FROM sqlite_schema WHERE name = 'by_name'")] == [
        sql[0][0].replace(" ", "")
    ]


@pytest.mark.parametrize(
    ("column", "value", "is_lost"),
    [
        ("TEXT", "NULL", False),
        ("TEXT", "''", True),
        ("INTEGER NOT NULL DEFAULT 7", "7", False),
        ("INTEGER NOT NULL DEFAULT 7", "8", True),
        ("DEFAULT 7", "7.0", True),
        ("TEXT COLLATE NOCASE DEFAULT 'a'", "'A'", True),
        ("TEXT DEFAULT 7", "'7'", False),
        ("INTEGER DEFAULT '7'", "7", False),
    ],
)
def test_a_column_goes_only_if_no_row_has_a_value_of_its_own(synced, column, value, is_lost):
    altered(synced, {**V1, "Users": {**USERS, "more": column}})
    synced.run_sql(f"UPDATE Users SET more = {value} WHERE id = 1")
    ended = synced.call("rollback", "--in-place", "--noinput")
    if is_lost:
        assert ended.code == 3
        assert "Users.more has 1 value of its own" in ended.error
        assert "--allow-older" in ended.error
    else:
        assert ended.code == 0, ended
    assert (len(synced.rows("PRAGMA table_info(Users)")) == 4) == is_lost


def test_a_value_that_is_written_in_the_last_moment_stops_it(synced):
    altered(synced, {**V1, "Users": {**USERS, "more": "TEXT"}})

    def write(when, step):
        if (when, step) == ("before", DiskStep.IN_PLACE_ALTER):
            synced.run_sql("UPDATE Users SET more = 'x' WHERE id = 2")

    with pytest.raises(Failed, match=r"written in the last moment: Users\.more has 1 value of its own"):
        rollback_in_place(replace(target(synced.link), disk=Disk(write)), lambda found: True, None)
    assert synced.rows("SELECT more FROM Users ORDER BY id") == [(None,), ("x",)]


def test_a_rollback_without_a_destination_names_the_statements(synced):
    altered(synced, INDEXED)
    ended = synced.call("rollback", "--noinput")
    assert ended.code == 3
    assert "[altered-in-place]" in ended.error
    assert "manage.py schemasync rollback --in-place" in ended.error
    assert 'It runs: DROP INDEX "by_name"' in ended.error


def test_a_rollback_without_a_destination_says_why_the_statements_cannot_run_and_what_to_do_instead(synced):
    altered(synced, {**V1, "Users": {**USERS, "more": "TEXT"}})
    synced.run_sql("UPDATE Users SET more = 'x' WHERE id = 1")
    ended = synced.call("rollback", "--noinput", "--json")
    assert ended.code == 3
    (error,) = json.loads(ended.out)["errors"]
    assert error["code"] == "altered-in-place"
    why, instead = error["hint"].splitlines()
    assert why.startswith("It cannot be undone in the file: ")
    assert why.endswith("Users.more has 1 value of its own")
    assert "put the schema.json of before back, then: manage.py schemasync --allow-older" in instead


def test_it_does_so_also_if_only_the_order_of_columns_came_after_the_alteration(twice):
    tree = json.loads((twice.folder / "schema.json").read_text())
    twice.write({**tree, "Log": dict(reversed(LOG.items()))})
    twice.done()
    assert [row["action"] for row in history(twice)][:2] == ["sync", "alter"]
    ended = twice.call("rollback", "--noinput")
    assert ended.code == 3
    assert "[altered-in-place]" in ended.error
    assert twice.live().startswith("0002-")
    twice.done("rollback", "1", "--noinput")
    twice.done("rollback", "--noinput")
    assert twice.live().startswith("0002-"), "after a rollback a second one comes back"


def test_what_was_not_altered_cannot_be_undone(synced):
    ended = synced.call("rollback", "--in-place", "--noinput")
    assert ended.code == 3
    assert "was no alteration in place" in ended.error
    assert synced.call("rollback", "2", "--in-place").code == 2
    assert synced.call("rollback", "--max-pause", "3").code == 2
    assert synced.call("rollback", "--in-place").code == 3, "before the question about a terminal"
    altered(synced, INDEXED)
    ended = synced.call("rollback", "--in-place")
    assert ended.code == 2
    assert "rollback --in-place --noinput" in ended.error


def test_a_change_by_hand_is_not_undone_with_it(synced):
    altered(synced, INDEXED)
    synced.run_sql("ALTER TABLE Users ADD COLUMN own TEXT")
    ended = synced.call("rollback", "--in-place", "--noinput")
    assert ended.code == 3
    assert "changed by hand" in ended.error


def test_the_sync_and_its_undoing_say_how_to_undo_them(synced):
    synced.write(INDEXED)
    out = synced.done("--in-place").out
    assert "is altered in place: version" in out
    assert "To undo it: manage.py schemasync rollback --in-place" in out
    out = synced.done("rollback", "--in-place", "--noinput").out
    assert "with all rows" in out
    assert 'DROP INDEX "by_name"' in out


def test_an_undoing_that_takes_too_long_is_rolled_back(many):
    altered(many, {**V1, "Log": {**LOG, "more": "TEXT"}})
    many.done("rollback", "--in-place", "--dry-run")
    ended = many.call("rollback", "--in-place", "--noinput", "--max-pause", "1", "--json")
    assert ended.code == 4
    (error,) = json.loads(ended.out)["errors"]
    assert error["code"] == "pause-exceeded"
    assert "rollback --in-place --block-writers" in error["hint"]
    undo(many, "--block-writers")
    assert len(many.rows("PRAGMA table_info(Log)")) == 2


def test_rows_of_schema_json_are_not_written_in_place(synced):
    room = {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL", "floor": "INTEGER"}
    synced.write({**V1, "Rooms": {**room, "_rows": [{"id": 1, "name": "hall"}]}})
    before = synced.live()
    ended = synced.call(in_place=True)
    assert ended.code == 3
    assert "rows of Rooms are written" in ended.err
    assert synced.live() == before
    synced.done()
    assert synced.rows("SELECT * FROM Rooms") == [(1, "hall", None)]


def test_a_column_is_added_beside_mixins_whose_triggers_and_view_name_it_and_goes_again(synced):
    mixed = {"Users": {**USERS, "_use": ["timestamps", "soft_delete", "audit"]}}
    synced.write({**V1, **mixed})
    synced.done()
    before = synced.live()
    altered(synced, {**V1, "Users": {**mixed["Users"], "nick": "TEXT"}})
    assert synced.live() == before
    synced.run_sql("UPDATE Users SET nick = 'x' WHERE id = 1; UPDATE Users SET nick = NULL WHERE id = 1")
    assert synced.rows("SELECT new_values FROM audit_log ORDER BY id") == [('{"nick":"x"}',), ('{"nick":null}',)]
    assert synced.rows("SELECT id, nick FROM Users_active WHERE id = 1") == [(1, None)]
    synced.done("rollback", in_place=True, noinput=True)
    assert "nick" not in synced.rows("SELECT sql FROM sqlite_schema WHERE name = 'Users_audit_update'")[0][0]
    assert synced.rows("SELECT count(*) FROM Users WHERE updated_at IS NOT NULL") == [(1,)]


def test_an_older_release_after_an_alteration_is_not_called_undone(synced):
    older = synced.schema.read_text()
    altered(synced, RENAMED)
    synced.schema.write_text(older)
    (error,) = json.loads(synced.call("--json").out)["errors"]
    assert error["code"] == "older-version"
    assert "was undone" not in error["message"]
    assert "which this database had earlier" in error["message"]
