"""A rehearsal: everything that a sync does, on the real file and beside its writers, and nothing remains of it."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.query_plans import query_plans, statements
from schemasync.errors import Failed
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rehearsal import rehearse
from schemasync.sync.run.target import target
from tests.live.oracle import QUICK, content, made, read
from tests.live.test_recorded import WRITER
from tests.live.test_runs import CASE, STRICTER, assert_as_before, at, write
from tests.support.project import REWRITTEN, V1, V2


def rehearsed(project, **options):
    before, live = project.generations(), project.live()
    found = project.done("rehearse", json=True, **options).json
    assert (project.generations(), project.live()) == (before, live)
    assert not project.rows("SELECT name FROM sqlite_master WHERE name GLOB '_schemasync*'")
    return found


def test_it_does_all_but_the_swap_and_removes_the_new_file(synced):
    synced.write(REWRITTEN)
    found = rehearsed(synced)
    assert found["result"] == "rehearsed"
    assert found["generation"] == synced.live()
    assert found["tables"]["Users"] == {"action": "rewrite", "rows": 2}
    assert {"decide", "capture", "copy", "rows", "verification", "catch up", "comparison"} <= {
        one["phase"] for one in found["run"]["phases"]
    }
    assert found["expected"]["seconds"] > 0
    assert found["expected"]["pause_ms"] >= 0
    size = (synced.archive / synced.generations()[0]).stat().st_size
    assert size / 2 < found["expected"]["disk_bytes"] < 20 * size
    assert len(synced.done("history", json=True).json["generations"]) == 1, "the history says nothing of it"
    synced.done()
    assert synced.live().startswith("0002")


def test_it_says_what_the_run_would_do_in_words(synced):
    synced.write(REWRITTEN)
    out = synced.done("rehearse").out
    for text in ("the new file is removed", "time:", "disk:", "writes:", "back:", "To do it: manage.py schemasync"):
        assert text in out


def test_a_current_database_has_nothing_to_rehearse(synced):
    assert rehearsed(synced)["result"] == "current"
    assert "nothing to do" in synced.done("rehearse").out


def test_without_a_database_there_is_nothing_to_rehearse_on(project):
    ended = project.call("rehearse", json=True)
    assert (ended.code, ended.json["errors"][0]["code"]) == (3, "no-database")
    assert not project.link.exists()


@pytest.mark.parametrize("option", ["in_place", "block_writers", "postpone"])
def test_what_is_no_build_beside_writers_is_refused(synced, option):
    ended = synced.call("rehearse", **{option: True})
    assert ended.code == 2
    assert "Leave out" in ended.error


def test_rows_that_do_not_fit_are_found_as_in_a_sync(synced):
    synced.write({**V1, "Users": {**V1["Users"], "fax": "TEXT NOT NULL"}})
    ended = synced.call("rehearse", json=True)
    assert ended.code == 3
    assert ended.json["errors"][0]["facts"]["rows"] == 1


def test_the_way_back_counts_the_values_that_would_not_return(synced):
    synced.write({**V1, "Users": {**V1["Users"], "born": {"type": "TEXT NOT NULL", "fill": "'2000'"}}})
    back = rehearsed(synced)["back"]
    assert back["values"] == [{"table": "Users", "column": "born", "values": 2}]
    assert back["tables"] == []
    assert back["written_meanwhile"] == 0
    assert "Users.born: 2 values would not return" in synced.done("rehearse").out


def test_the_way_back_counts_the_rows_that_only_the_new_file_has(synced):
    synced.write({**V1, "Roles": {"role": "TEXT PRIMARY KEY", "_rows": [{"role": "admin"}, {"role": "guest"}]}})
    (table,) = rehearsed(synced)["back"]["tables"]
    assert (table["table"], table["set_aside"]) == ("Roles", 2)


# --- query plans --------------------------------------------------------------------------------------------------


@pytest.fixture
def indexed(synced):
    synced.write({**V1, "Users": {**V1["Users"], "_indexes": ["name"]}})
    synced.done()
    synced.write({**V1, "Log": {"id": "INTEGER PRIMARY KEY", "what": "TEXT CHECK (what <> '')"}})
    return synced


def test_statements_that_would_run_worse_are_shown_with_both_plans(indexed):
    path = indexed.folder / "queries.sql"
    path.write_text(
        "-- the page of a user; and its log\n"
        "SELECT * FROM Users WHERE name = ?;\n"
        "SELECT id FROM Users ORDER BY name;\n"
        "SELECT what FROM Log WHERE id = :id AND what <> ';'\n"
    )
    found = rehearsed(indexed, queries=str(path))["queries"]
    assert [one["worse"] for one in found] == [True, True, False]
    assert "SEARCH" in found[0]["before"][0]
    assert "SCAN" in found[0]["after"][0]
    assert any("TEMP B-TREE" in line for line in found[1]["after"])
    out = indexed.done("rehearse", queries=path).out
    assert "2 of 3 statements would run worse" in out
    assert "before: SEARCH" in out


def test_a_statement_of_a_column_that_goes_is_worse_and_one_of_a_new_column_is_not(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for path, sql in ((old, "CREATE TABLE t (a, b)"), (new, "CREATE TABLE t (a, c)")):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(sql)
    gone, come, wrong = query_plans(Opener(), old, new, "SELECT b FROM t; SELECT c FROM t; SELEC")
    assert (gone.is_worse, gone.after, gone.error) == (True, None, "no such column: b")
    assert (come.is_worse, come.before) == (False, None)
    assert (wrong.is_worse, wrong.before, wrong.after) == (False, None, None)
    assert "syntax error" in wrong.error


def test_no_statement_is_run(indexed):
    path = indexed.folder / "queries.sql"
    path.write_text("DELETE FROM Users; UPDATE Log SET what = 'x' WHERE id = ?; PRAGMA user_version = 7; VACUUM")
    before = indexed.rows("SELECT count(*) FROM Users"), indexed.rows("SELECT * FROM Log")
    rehearsed(indexed, queries=str(path))
    assert (indexed.rows("SELECT count(*) FROM Users"), indexed.rows("SELECT * FROM Log")) == before
    assert indexed.rows("PRAGMA user_version") == [(0,)]


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("", []),
        ("-- only a comment; and another\n", []),
        ("SELECT ';' ; /* ; */ SELECT 2", ["SELECT ';'", "/* ; */ SELECT 2"]),
        ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END; SELECT 3;", None),
    ],
)
def test_sqlite_divides_the_statements(script, found):
    if found is None:
        found = [script.partition(" SELECT 3")[0].rstrip(";"), "SELECT 3"]
    assert list(statements(script)) == found


def test_a_file_of_queries_that_is_not_there_is_named(synced):
    ended = synced.call("rehearse", queries="nowhere.sql")
    assert ended.code == 2
    assert "nowhere.sql" in ended.error


# --- beside writers -----------------------------------------------------------------------------------------------


@pytest.fixture
def link(tmp_path):
    return made(tmp_path / "w", CASE)


def run(link, observer=lambda when, label: None, schema=STRICTER):
    return rehearse(target(link, disk=Disk(observer), wait=5.0), read({"t": schema}), QUICK)


def test_it_leaves_every_row_and_nothing_else(link):
    before = content(link)
    found = run(link)
    assert found.expected is not None
    assert_as_before(link, before)


def test_writers_go_on_and_their_rate_is_measured(link):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(link)], stdout=subprocess.PIPE, text=True)
    acknowledged = [int(writer.stdout.readline())]

    def observer(when, label):
        if (when, label) == ("before", DiskStep.BUILD_VERIFY):
            time.sleep(0.5)
            write(link, "INSERT INTO t VALUES (50, 'meanwhile', 1)")  # SQLite may let it sleep for a second

    try:
        found = run(link, observer)
    finally:
        writer.kill()
        acknowledged += map(int, writer.stdout.read().split())
        writer.wait()
        writer.stdout.close()
    assert found.writes.rows > 0
    assert found.writes.per_second > 0
    assert found.expected.pause < 5
    with closing(sqlite3.connect(link)) as connection:
        there = {number for (number,) in connection.execute("SELECT id FROM t")}
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name GLOB '_schemasync*'").fetchall()
    assert set(acknowledged) <= there


@pytest.mark.slow
def test_a_row_that_is_written_meanwhile_and_does_not_fit_ends_it_and_is_named(link):
    write_bad = at(DiskStep.BUILD_RENAME, lambda: write(link, "INSERT INTO t VALUES (50, NULL, 1)"))
    with pytest.raises(Failed) as caught:
        run(link, write_bad)
    assert "50" in str(caught.value)
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT count(*) FROM t WHERE id = 50").fetchone() == (1,)
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name GLOB '_schemasync*'").fetchall()
    assert len(list(link.with_name(link.name + ".generations").glob("*.sqlite3*"))) == 1


def test_the_application_s_work_is_done_on_the_new_file_alone(link):
    seen = []

    def work(new):
        with closing(sqlite3.connect(new.path, isolation_level=None)) as connection:
            connection.execute("UPDATE t SET a = 'worked'")
        seen.append(new.path.name)
        time.sleep(0.2)
        return True

    before = content(link)
    found = rehearse(target(link, wait=5.0), read({"t": STRICTER}), SyncOptions(), before_swap=work)
    assert len(seen) == 1
    assert found.expected.pause >= 0.2, "writers would wait for it"
    assert found.back.tables[0].changed > 0
    assert_as_before(link, before)


def test_the_real_run_takes_about_what_was_expected(link):
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.executemany("INSERT INTO t VALUES (?, ?, 1)", ((n, "x" * 200) for n in range(10_000, 60_000)))
    from schemasync.sync.runner import sync

    expected = run(link).expected
    done = sync(target(link, wait=5.0), read({"t": STRICTER}), QUICK)
    assert done.result == "synced"
    assert expected.seconds / 4 < done.duration_ms / 1000 < expected.seconds * 4, (
        "python -m tests.long rehearse is exact"
    )
    size = link.resolve().stat().st_size
    assert 0.7 * size < expected.disk_bytes < 1.3 * size


def test_json_of_a_refusal_is_short(synced):
    synced.write("{")
    ended = synced.call("rehearse", json=True)
    assert set(ended.json) == {"result", "errors"}
    assert json.dumps(ended.json)


def test_a_table_that_cannot_be_altered_is_rewritten_as_in_a_sync(synced):
    synced.write(V2)
    assert rehearsed(synced)["result"] == "rehearsed"


# --- on a copy of another file ------------------------------------------------------------------------------------


def rehearsed_at(project, file, **options):
    """Rehearse on a copy of a file, and return the JSON output; neither file changes, and no file is left behind."""
    names, digest = sorted(path.name for path in project.folder.iterdir()), file.read_bytes()
    generations = project.generations()
    found = project.done("rehearse", at=str(file), json=True, **options).json
    assert sorted(path.name for path in project.folder.iterdir()) == names
    assert file.read_bytes() == digest
    assert project.generations() == generations
    return found


@pytest.mark.parametrize("kind", ["snapshot", "generation", "plain"])
def test_any_file_can_be_rehearsed_on(synced, tmp_path, kind):
    synced.write(REWRITTEN)
    match kind:
        case "snapshot":
            file = tmp_path / "copy.sqlite3"
            synced.done("snapshot", file)
        case "generation":
            synced.write(V2)
            synced.done()
            synced.write(REWRITTEN)
            (file,) = synced.archive.glob("0001-*.sqlite3")
        case "plain":
            file = tmp_path / "plain.sqlite3"
            with closing(sqlite3.connect(file)) as connection:
                connection.executescript(
                    "CREATE TABLE Users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, fax TEXT);"
                    "CREATE TABLE Log (id INTEGER PRIMARY KEY, what TEXT);"
                    "INSERT INTO Users VALUES (1, 'ann', '1'), (2, 'bob', NULL), (3, 'cy', NULL)"
                )
    found = rehearsed_at(synced, file)
    assert found["result"] == "rehearsed"
    assert found["tables"]["Users"] == {"action": "rewrite", "rows": 3 if kind == "plain" else 2}


def test_rows_of_the_other_file_that_do_not_fit_are_found(synced, tmp_path):
    file = tmp_path / "copy.sqlite3"
    synced.run_sql("UPDATE Users SET name = 'bob' WHERE id = 1")
    synced.done("snapshot", file)
    synced.run_sql("UPDATE Users SET name = 'ann' WHERE id = 1")
    synced.write(REWRITTEN)
    rehearsed(synced)
    ended = synced.call("rehearse", at=str(file), json=True)
    assert ended.code == 3
    assert "unique" in ended.json["errors"][0]["message"].lower() or "duplicate" in ended.json["errors"][0]["message"]
    assert not list(synced.folder.glob(".db.sqlite3.rehearsal-*"))


def test_a_file_that_is_no_database_is_named(synced):
    ended = synced.call("rehearse", at=str(synced.folder / "schema.json"), json=True)
    assert ended.json["errors"][0]["code"] == "not-a-database"
    assert synced.call("rehearse", at="nowhere.sqlite3").code == 2
    assert not list(synced.folder.glob(".db.sqlite3.rehearsal-*"))


def test_what_a_killed_rehearsal_left_is_removed_by_the_next_one_unless_it_is_in_use(synced, tmp_path):
    file = tmp_path / "copy.sqlite3"
    synced.done("snapshot", file)
    synced.write(REWRITTEN)
    dead, alive = synced.folder / ".db.sqlite3.rehearsal-dead", synced.folder / ".db.sqlite3.rehearsal-alive"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "db.sqlite3").write_bytes(b"x")
    code = "import fcntl, os, sys; f = os.open(sys.argv[1], os.O_RDONLY); fcntl.flock(f, fcntl.LOCK_EX); print('there', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(alive)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "there\n"
        synced.done("rehearse", at=str(file))
        assert (dead.exists(), alive.exists()) == (False, True)
    finally:
        other.stdin.close()
        other.stdout.close()
        other.wait(30)


def test_on_a_copy_nothing_is_required(synced, settings, tmp_path):
    file = tmp_path / "copy.sqlite3"
    synced.done("snapshot", file)
    synced.write(REWRITTEN)
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "REQUIRE": {"DISK_LEFT": 10**18}}
    assert synced.call("rehearse").code == 3
    assert rehearsed_at(synced, file)["result"] == "rehearsed"
