"""manage.py schemasync snapshot OUT: a plain copy, for a colleague or a test."""

import resource
import sqlite3
import stat
from contextlib import closing

import pytest

from tests.support.project import V2

MANY = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"


def test_it_is_a_plain_database_with_all_rows_that_any_program_can_write(evolved):
    copy = evolved.folder / "copy.sqlite3"
    assert f"wrote {copy}" in evolved.done("snapshot", copy).out
    assert not copy.is_symlink()
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')", copy)
    assert evolved.rows("SELECT full_name FROM Users", copy) == [("ann",), ("bob",), ("eve",)]
    assert evolved.rows("PRAGMA integrity_check", copy) == [("ok",)]
    assert evolved.rows("SELECT count(*) FROM Users") == [(2,)]


def test_it_has_the_history_and_nothing_else_of_ours(evolved):
    """The history records the version, and the hints that must not act again on these rows."""
    copy = evolved.folder / "copy.sqlite3"
    evolved.done("snapshot", copy)
    names = {name for (name,) in evolved.rows("SELECT name FROM sqlite_schema", copy)}
    assert names == {"Users", "Log", "Rooms", "_schema_versions", "sqlite_sequence"} | {
        n for n in names if n.startswith("sqlite_stat")
    }


def test_of_an_archive_that_is_live_again_it_is_not_closed_to_writers(evolved):
    evolved.done("rollback", noinput=True)
    copy = evolved.folder / "copy.sqlite3"
    evolved.done("snapshot", copy)
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve', NULL)", copy)


def test_a_hint_that_has_acted_does_not_act_again_where_the_copy_is_adopted(synced):
    """This is why the copy has the history: a fill that is still in schema.json would act twice."""
    amount = {"type": "INTEGER", "fill": "amount * 100"}
    synced.write({"Pay": {"id": "INTEGER PRIMARY KEY", "amount": "TEXT"}, "_dropped": ["Users", "Log"]})
    synced.done()
    synced.run_sql("INSERT INTO Pay VALUES (1, 7)")
    synced.write({"Pay": {"id": "INTEGER PRIMARY KEY", "amount": amount}})
    synced.done()
    synced.done("snapshot", synced.folder / "other.sqlite3")
    synced.done("adopt", database="other", schema=synced.schema)
    synced.write({"Pay": {"id": "INTEGER PRIMARY KEY", "amount": {**amount, "type": "INTEGER NOT NULL"}}})
    synced.done(database="other", schema=synced.schema)
    assert synced.rows("SELECT amount FROM Pay", synced.folder / "other.sqlite3") == [(700,)]


def test_it_is_compact(synced):
    synced.run_sql(f"{MANY} INSERT INTO Log (what) SELECT zeroblob(4000) FROM n; DELETE FROM Log")
    copy = synced.folder / "copy.sqlite3"
    found = synced.done("snapshot", copy, json=True).json
    assert found == {
        "result": "written",
        "output": str(copy),
        "bytes": copy.stat().st_size,
        "masked": None,
        "errors": [],
    }
    assert found["bytes"] < 100_000 < synced.link.stat().st_size


def test_while_somebody_writes_it_holds_what_is_committed(synced):
    with closing(sqlite3.connect(synced.link, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO Log VALUES (2, 'not yet')")
        synced.done("snapshot", synced.folder / "copy.sqlite3")
        writer.execute("COMMIT")
    assert synced.rows("SELECT what FROM Log", synced.folder / "copy.sqlite3") == [("begun",)]


def test_it_is_as_private_as_the_database(synced):
    synced.link.resolve().chmod(0o640)
    copy = synced.folder / "copy.sqlite3"
    synced.done("snapshot", copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "make",
    [lambda path: path.write_text("mine"), lambda path: path.symlink_to("nowhere")],
    ids=["a file", "a link to nothing"],
)
def test_what_stands_there_is_never_replaced(synced, make):
    copy = synced.folder / "copy.sqlite3"
    make(copy)
    ended = synced.call("snapshot", copy, json=True)
    assert ended.code == 3
    assert ended.json["errors"][0]["code"] == "output-exists"
    assert copy.is_symlink() or copy.read_text() == "mine"
    assert not (synced.folder / "nowhere").exists()


def test_of_nothing_it_is_refused(project):
    ended = project.call("snapshot", project.folder / "copy.sqlite3")
    assert ended.code == 3
    assert "[no-database]" in ended.error
    assert list(project.folder.iterdir()) == [project.schema]


def test_into_a_folder_that_is_not_there_it_says_how_to_make_it(synced):
    ended = synced.call("snapshot", synced.folder / "backups" / "copy.sqlite3")
    assert ended.code == 3
    assert f"[no-folder] there is no folder {synced.folder / 'backups'}\n" in ended.error
    assert f"mkdir -p {synced.folder / 'backups'}" in ended.error


def test_one_that_fails_leaves_no_half_of_a_copy(synced):
    """A cron job that finds a file by its name must find a complete one."""
    synced.run_sql(f"{MANY} INSERT INTO Log (what) SELECT randomblob(4000) FROM n")
    ended = synced.manage("snapshot", "copy.sqlite3", limits={resource.RLIMIT_FSIZE: 200_000})
    assert ended.code == 4, ended
    assert not list(synced.folder.glob("copy*"))
    assert synced.rows("SELECT count(*) FROM Log") == [(501,)]


def test_a_test_can_start_from_it(evolved):
    """The copy is current for the schema.json of its time, without a run."""
    evolved.done("snapshot", evolved.folder / "other.sqlite3")
    evolved.done("check", database="other", schema=evolved.write(V2))


def test_where_the_database_is_damaged_that_is_the_file_that_is_named(synced):
    synced.run_sql(
        "PRAGMA journal_mode=DELETE; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO Log (what) SELECT hex(randomblob(500)) FROM n"
    )
    live = synced.link.resolve()
    data = bytearray(live.read_bytes())
    data[-40960:-4096] = b"\xff" * 36864
    live.write_bytes(data)
    ended = synced.call("snapshot", synced.folder / "c.db")
    assert f"[corrupt] {synced.link} is corrupt" in ended.error
    assert f"sqlite3 {synced.link} .recover" in ended.error
    assert not (synced.folder / "c.db").exists()
