"""A column order that differs from schema.json: no reason to rewrite a table, and no difference for any command."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.errors import Refused
from schemasync.files.disk import Disk, DiskStep
from schemasync.schema import document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.support.project import V1

LOG = {"what": "TEXT", "id": "INTEGER PRIMARY KEY"}
TURNED = {**V1, "Log": LOG}
NOTE = "the columns of Log have another order than in schema.json"
BY_HAND = """
CREATE TABLE Log (id INTEGER PRIMARY KEY, what TEXT);
CREATE TABLE Users (id INTEGER PRIMARY KEY, fax TEXT, name TEXT NOT NULL);
INSERT INTO Users VALUES (1, '1', 'ann');
"""


def columns(project, table):
    return [row[1] for row in project.rows(f"PRAGMA table_info({table})")]


def version(project):
    return document.read((project.folder / "schema.json").read_bytes()).version


def is_current(project):
    """Assert that each command reports nothing to do."""
    assert "nothing to do" in project.done().out
    assert json.loads(project.done("plan", "--json").out)["result"] == "current"
    assert project.done("check").code == 0
    status = json.loads(project.done("status", "--json").out)
    assert status["version"] == status["schema_version"] == version(project)
    assert project.done("--verify", "full").code == 0


@pytest.fixture
def turned(synced):
    """A project whose schema.json has the columns of one table in another order."""
    synced.write(TURNED)
    return synced


def test_a_sync_records_the_version_and_writes_no_file(turned):
    live, page = turned.live(), (turned.archive / f"{turned.live()}.sqlite3").stat().st_ino
    ahead = json.loads(turned.done("plan", "--json").out)
    assert (ahead["strategy"], ahead["changes"], ahead["disk"]["needed"]) == ("in-place", [], 0)
    assert turned.call("check").code == 1, "the version is another one"
    done = json.loads(turned.done("--json").out)
    assert (done["result"], done["strategy"], done["generation"]) == ("synced", "in-place", live)
    assert (turned.live(), turned.generations()) == (live, [f"{live}.sqlite3"])
    assert turned.link.stat().st_ino == page
    assert columns(turned, "Log") == ["id", "what"]
    is_current(turned)
    rows = json.loads(turned.done("history", "--json").out)["generations"]
    assert [(row["generation"], row["version"]) for row in rows] == [(live, done["version"]), (live, done["previous"])]


def test_plan_and_status_have_one_line_about_it(turned):
    turned.done()
    for words in ("plan", "status"):
        assert turned.done(words).out.count(NOTE) == 1
    assert NOTE not in turned.done().out
    assert json.loads(turned.done("plan", "--json").out)["hazards"][0]["code"] == "column-order"


def test_the_next_rewrite_brings_the_order(turned):
    turned.done()
    turned.write({**TURNED, "Log": {**LOG, "what": "TEXT UNIQUE"}})
    turned.done()
    assert columns(turned, "Log") == ["what", "id"]
    assert turned.rows("SELECT id, what FROM Log") == [(1, "begun")]
    assert NOTE not in turned.done("status").out


def test_a_rewrite_of_another_table_does_not(turned):
    turned.write({**TURNED, "Users": {**V1["Users"], "phone": "TEXT UNIQUE"}})
    done = json.loads(turned.done("--json").out)
    assert [table for table, step in done["tables"].items() if step["action"] == "rewrite"] == ["Users"]
    assert columns(turned, "Log") == ["id", "what"]
    assert NOTE in turned.done("status").out
    is_current(turned)


def test_rebuild_all_brings_it_at_once(turned):
    turned.done()
    turned.done("--rebuild-all")
    assert columns(turned, "Log") == ["what", "id"]
    assert NOTE not in turned.done("plan").out
    is_current(turned)


def test_back_in_the_first_order_the_note_is_gone(turned):
    turned.done()
    turned.write(V1)
    turned.done("--allow-older")
    assert NOTE not in turned.done("status").out
    assert len(turned.generations()) == 1
    is_current(turned)


def test_a_rollback_leads_over_it_and_compares_every_row(turned):
    turned.done()
    turned.write({**TURNED, "Users": {**V1["Users"], "phone": "TEXT"}})
    turned.done()
    turned.run_sql("INSERT INTO Log (what) VALUES ('since')")
    found = json.loads(turned.done("rollback", "--dry-run", "--json").out)["differences"]
    assert found["tables"] == {"Log": found["tables"]["Log"]}
    assert found["tables"]["Log"]["added"] == 1
    turned.done("rollback", "--noinput")
    assert turned.rows("SELECT id, what FROM Log") == [(1, "begun")]
    assert NOTE in turned.done("status").out, "the older file has that order, too"
    turned.done("rollback", "--noinput")
    assert turned.rows("SELECT count(*) FROM Log") == [(2,)]
    is_current(turned)


def test_the_first_generation_has_nothing_before_it_after_a_new_version(turned):
    turned.done()
    error = turned.call("rollback", "--dry-run").error
    assert "is the first generation" in error


def test_a_database_with_appended_columns_is_adopted_as_current(project):
    with closing(sqlite3.connect(project.link)) as connection:
        connection.executescript(BY_HAND)
    adopted = json.loads(project.done("adopt", "--json").out)
    assert adopted["version"] == version(project)
    assert adopted["differs"] == []
    assert "the columns of Users have another order" in project.done("status").out
    is_current(project)
    assert columns(project, "Users") == ["id", "fax", "name"]


def test_an_index_by_hand_does_not_make_the_order_a_change_by_hand(turned):
    turned.done()
    turned.run_sql("CREATE INDEX by_hand ON Log (what)")
    assert "nothing to do" in turned.done().out
    assert json.loads(turned.done("check", "--json").out)["drift"] == []
    assert json.loads(turned.done("status", "--json").out)["result"] == "ok"


def test_a_table_that_somebody_wrote_again_in_another_order_is_no_drift(synced):
    synced.run_sql(
        "CREATE TABLE n (what TEXT, id INTEGER PRIMARY KEY); INSERT INTO n SELECT what, id FROM Log;"
        "DROP TABLE Log; ALTER TABLE n RENAME TO Log"
    )
    assert json.loads(synced.done("check", "--json").out)["drift"] == []
    assert "nothing to do" in synced.done().out
    assert columns(synced, "Log") == ["what", "id"]


def test_inspect_writes_the_schema_json_of_the_version(turned):
    turned.done()
    out = turned.folder / "again.json"
    turned.done("inspect", turned.live(), "-o", out)
    assert document.read(out.read_bytes()).version == version(turned)


def test_eject_and_adopt_again_find_it_current(turned):
    turned.done()
    turned.done("eject")
    turned.done("adopt")
    is_current(turned)


def test_a_plain_snapshot_taken_before_the_new_version_can_go_back_into_the_history(turned):
    backup = turned.folder / "backup.sqlite3"
    turned.done("snapshot", backup)
    turned.done()
    live = turned.live()
    backup.rename(turned.link)
    turned.done("adopt")
    is_current(turned)
    history = json.loads(turned.done("history", "--json").out)["generations"]
    assert [row["action"] for row in history] == ["adopt", "sync", "sync"]
    assert history[1]["generation"] == live
    turned.done("rollback", live, "--noinput")
    is_current(turned)


def test_a_view_that_selects_all_columns_gets_the_order(turned):
    turned.write({**TURNED, "_views": {"Everything": "SELECT * FROM Log"}})
    turned.done()
    assert columns(turned, "Everything") == columns(turned, "Log") == ["what", "id"]


def test_writes_during_a_run_reach_a_kept_table_in_its_own_order(turned):
    turned.write({**TURNED, "Users": {**V1["Users"], "phone": "TEXT"}})

    def write(when, step):
        if (when, step) == ("after", DiskStep.BUILD_REFILL):
            turned.run_sql("INSERT INTO Log (what) VALUES ('meanwhile'); UPDATE Log SET what = 'first' WHERE id = 1")

    found = document.read((turned.folder / "schema.json").read_bytes())
    sync(replace(target(turned.link), disk=Disk(write)), found, SyncOptions(verify_full=True))
    assert turned.rows("SELECT id, what FROM Log") == [(1, "first"), (2, "meanwhile")]
    assert columns(turned, "Log") == ["id", "what"]


def test_a_schema_that_changed_since_the_plan_gets_no_version(turned):
    def interfere(when, step):
        if (when, step) == ("before", DiskStep.IN_PLACE_ALTER):
            turned.run_sql("CREATE TABLE by_hand (id)")

    found = document.read((turned.folder / "schema.json").read_bytes())
    with pytest.raises(Refused, match="changed the schema"):
        sync(replace(target(turned.link), disk=Disk(interfere)), found)
    assert len(json.loads(turned.done("history", "--json").out)["generations"]) == 1
    turned.done()
    is_current(turned)
