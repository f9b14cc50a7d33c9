"""manage.py schemasync, the main job: its effects, output and exit codes."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from django.db import connections, transaction

from schemasync.files import mounts
from schemasync.history.rows import moment
from tests.support.processes import environment
from tests.support.project import REWRITTEN, V1, V2

KEYS = {
    "result",
    "version",
    "previous",
    "generation",
    "strategy",
    "tables",
    "rows",
    "duration_ms",
    "pause_ms",
    "hazards",
    "foreign",
    "changes",
    "notes",
    "replay",
    "errors",
}


def test_a_first_run_makes_the_database(project):
    ended = project.done()
    assert project.rows("SELECT count(*) FROM Users") == [(0,)]
    assert project.link.is_symlink()
    assert f"{project.live()} is live: a new database" in ended.out


def test_a_second_run_says_that_it_is_current_and_changes_nothing(synced):
    live = synced.live()
    ended = synced.done()
    assert f"{live} is current" in ended.out
    assert "nothing to do" in ended.out
    assert (synced.live(), synced.generations()) == (live, [f"{live}.sqlite3"])


def test_an_evolution_keeps_the_rows_and_the_old_file(synced):
    synced.write(V2)
    ended = synced.done()
    assert synced.rows("SELECT id, full_name FROM Users") == [(1, "ann"), (2, "bob")]
    old = synced.archive / synced.generations()[0]
    assert synced.rows("SELECT name, fax FROM Users", old) == [("ann", "1"), ("bob", None)]
    assert "Users: name -> full_name" in ended.out
    assert "To undo it: manage.py schemasync rollback" in ended.out


def test_json_of_a_first_run_has_every_key(project):
    found = project.done(json=True).json
    assert set(found) == KEYS
    assert found["result"] == "synced"
    assert found["previous"] is None
    assert found["generation"] == project.live()
    assert found["strategy"] == "fresh"
    assert found["tables"] == {"Log": {"action": "create", "rows": 0}, "Users": {"action": "create", "rows": 0}}
    assert [change["change"] for change in found["changes"]] == ["CreateTable", "CreateTable"]
    assert found["errors"] == []


def test_json_of_an_evolution_tells_what_was_written(synced):
    before = synced.done(json=True).json
    synced.write(REWRITTEN)
    found = synced.done(json=True).json
    assert set(found) == KEYS
    assert found["result"] == "synced"
    assert found["previous"] == before["version"] != found["version"]
    assert found["strategy"] == "clone"
    assert found["tables"]["Users"] == {"action": "rewrite", "rows": 2}
    assert found["tables"]["Log"]["action"] == "keep"
    assert found["rows"] == 2
    assert found["duration_ms"] >= found["pause_ms"] > 0
    assert [hazard["code"] for hazard in found["hazards"]] == ["rows-dropped"]
    texts = [change["text"] for change in found["changes"]]
    assert "Users: +CHECK (full_name <> '')" in texts


def test_json_of_a_current_database_names_its_version_and_generation(synced):
    found = synced.done(json=True).json
    assert set(found) == KEYS
    assert found["result"] == "current"
    assert found["version"] == found["previous"]
    assert found["generation"] == synced.live()


def test_json_of_a_refusal_has_every_key_and_each_problem(synced):
    synced.write(
        {
            "Users": {**V1["Users"], "age": "INTEGER NOT NULL"},
            "Log": {"id": "INTEGER PRIMARY KEY", "what": "TEXT NOT NULL CHECK (what <> 'begun')"},
        }
    )
    ended = synced.call(json=True)
    found = ended.json
    assert ended.code == 3
    assert set(found) == KEYS
    assert found["result"] == "refused"
    assert found["version"].startswith("1:")
    assert [hazard["code"] for hazard in found["hazards"]] == ["check-fails", "nulls"]
    for error in found["errors"]:
        assert error["code"] == "hazard"
        assert error["message"]
        assert error["hint"]


def test_what_a_run_says_in_json_it_says_in_its_error_too(synced):
    synced.write({"Users": V1["Users"]})
    ended = synced.call(json=True)
    assert ended.json["errors"][0]["code"] == "lost-table"
    assert "[lost-table]" in ended.error
    assert "--allow-drop Log" in ended.error


def test_json_stands_alone_on_stdout_although_there_is_progress(synced):
    synced.write(V2)
    assert synced.done("--json", verbosity=3).json["result"] == "synced"


def test_a_log_has_one_plain_line_a_phase(synced):
    synced.write(REWRITTEN)
    lines = synced.done().out.splitlines()
    phases = [line.partition(":")[0] for line in lines if " in 0." in line and ":" in line and "live" not in line]
    assert phases == ["copy", "rows", "verification"]
    assert "rows: 2 rows in " in "\n".join(lines)
    assert "verification: 1 table in " in "\n".join(lines)


def test_verbosity_0_says_nothing(synced):
    synced.write(V2)
    assert synced.done(verbosity=0).out == ""


def test_verbosity_2_tells_every_change_and_what_was_carried_along(synced):
    synced.run_sql("CREATE TABLE Mine (x)")
    synced.write(V2)
    out = synced.done(verbosity=2).out
    assert "  Rooms: new table\n" in out
    assert "  Users: -fax, with its values\n" in out
    assert "table Mine" in out


def test_allow_drop_lets_a_table_and_a_column_go(synced):
    synced.write({"Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL"}})
    assert synced.call().code == 3
    synced.done(allow_drop=["Users.fax", "Log"])
    assert synced.rows("SELECT name FROM pragma_table_info('Users')") == [("id",), ("name",)]


def test_allow_drop_may_be_one_name_as_text(synced):
    synced.write({"Users": V1["Users"]})
    synced.done(allow_drop="Log")


def test_fresh_writes_every_table_anew_though_the_schema_is_the_same(synced):
    found = synced.done(rebuild_all=True, json=True).json
    assert found["result"] == "synced"
    assert found["strategy"] == "fresh"
    assert found["rows"] == 3
    assert synced.rows("SELECT name FROM Users ORDER BY id") == [("ann",), ("bob",)]


def test_verify_full_passes_on_a_healthy_database(synced):
    synced.write(V2)
    assert synced.done(verify="full", json=True).json["result"] == "synced"


def test_an_older_schema_is_refused_and_back_goes_there_with_the_rows_of_today(evolved):
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    evolved.write(
        {**V1, "Users": {**V1["Users"], "name": {"type": "TEXT NOT NULL", "was": ["full_name"]}}, "_dropped": ["Rooms"]}
    )
    ended = evolved.call()
    assert ended.code == 3
    assert "[older-version]" in ended.error
    assert "manage.py schemasync --allow-older" in ended.error
    assert "manage.py schemasync switch" in ended.error
    evolved.done(allow_older=True)
    assert evolved.rows("SELECT name FROM Users ORDER BY id") == [("ann",), ("bob",), ("eve",)]


def test_a_change_by_hand_is_refused_and_repair_undoes_it(synced):
    synced.run_sql("DROP TABLE Log; CREATE TABLE Log (id INTEGER PRIMARY KEY, what TEXT, CHECK (id < 100))")
    ended = synced.call()
    assert ended.code == 3
    assert "[drift]" in ended.error
    assert "manage.py schemasync --repair" in ended.error
    synced.done(repair=True)
    assert "CHECK" not in synced.rows("SELECT sql FROM sqlite_schema WHERE name = 'Log'")[0][0]
    synced.done("check")


def test_a_writer_that_does_not_end_makes_it_busy_after_the_wait(synced):
    synced.write(V2)
    with closing(sqlite3.connect(synced.link, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        ended = synced.call(json=True, wait=0.1)
        writer.execute("ROLLBACK")
    assert ended.code == 5
    assert ended.json["result"] == "busy"
    assert ended.json["errors"][0]["code"] == "database-locked"
    synced.done()


def test_after_the_swap_django_reads_the_new_file(synced, django_db_blocker):
    with django_db_blocker.unblock(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT name FROM Users")
        synced.write(V2)
        synced.done()
    with django_db_blocker.unblock(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT full_name FROM Users ORDER BY id")
        assert cursor.fetchall() == [("ann",), ("bob",)]


def test_inside_a_transaction_of_the_same_process_it_is_refused_at_once(synced, django_db_blocker):
    synced.write(V2)
    with django_db_blocker.unblock(), transaction.atomic():
        ended = synced.call()
        assert synced.call("plan").code == 0, "looking is no swap"
    assert ended.code == 5
    assert "transaction.atomic()" in ended.error
    synced.done()


def test_a_plain_database_is_refused_with_the_command_that_takes_it_over(project):
    project.run_sql("CREATE TABLE Users (id INTEGER PRIMARY KEY)")
    before = project.link.read_bytes()
    ended = project.call()
    assert ended.code == 3
    assert "[not-adopted]" in ended.error
    assert "manage.py schemasync adopt" in ended.error
    assert project.link.read_bytes() == before
    assert not project.archive.exists()


def test_a_copy_of_a_kept_database_is_refused_as_its_old_rows_would_have_no_file(synced):
    """The link would be renamed over the only file that has them."""
    copy = synced.folder / "other.sqlite3"
    synced.done("snapshot", copy)
    synced.write({"Users": V1["Users"], "_dropped": ["Log"]})
    ended = synced.call(database="other")
    assert ended.code == 3
    assert "[not-adopted]" in ended.error
    assert "manage.py schemasync adopt --database other" in ended.error
    assert not copy.is_symlink()
    assert synced.rows("SELECT what FROM Log", copy) == [("begun",)]


def test_an_empty_file_is_as_good_as_none(project):
    project.link.touch()
    project.done()
    assert project.link.is_symlink()


def test_a_missing_schema_says_where_it_could_come_from(synced):
    synced.schema.unlink()
    ended = synced.call()
    assert ended.code == 3
    assert "[schema-unreadable]" in ended.error
    assert f"manage.py schemasync inspect {synced.live()} -o {synced.schema}" in ended.error
    assert "Take it from your version control." in ended.error


def test_a_missing_schema_beside_a_plain_database_says_adopt(project):
    project.schema.unlink()
    project.run_sql("CREATE TABLE t (x)")
    assert "manage.py schemasync adopt" in project.call().error


def test_a_missing_folder_is_said_with_the_command_that_makes_it(project, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "NAME", project.folder / "var" / "db.sqlite3")
    ended = project.call(json=True)
    assert ended.code == 3
    assert ended.json["errors"][0]["code"] == "no-database"
    assert ended.json["errors"][0]["hint"] == f"mkdir -p {project.folder / 'var'}"


@pytest.mark.parametrize("name", [":memory:", "file:memory?mode=memory&cache=shared"])
def test_a_database_in_memory_is_refused_as_it_has_no_file(project, monkeypatch, name):
    monkeypatch.setitem(connections["default"].settings_dict, "NAME", name)
    ended = project.call()
    assert ended.code == 2
    assert "[wrong-engine]" in ended.error


def test_a_path_to_one_generation_is_refused_with_the_link_that_is_meant(synced, monkeypatch):
    """Such a path comes from a settings module that resolves its paths."""
    monkeypatch.setitem(connections["default"].settings_dict, "NAME", synced.link.resolve())
    ended = synced.call()
    assert ended.code == 2
    assert str(synced.link) in ended.error
    assert not synced.link.resolve().is_symlink()


def test_the_hint_that_undoes_a_column_added_by_hand_is_the_whole_command(synced):
    synced.run_sql("ALTER TABLE Log ADD COLUMN ByHand TEXT; UPDATE Log SET ByHand = 'x'")
    command = "manage.py schemasync --repair --allow-drop Log.ByHand"
    assert f"(Log.ByHand is dropped with all values): {command}\n" in synced.call().error
    assert f"{command}\n" in synced.call("check").error
    assert "or once: --repair --allow-drop Log.ByHand" in synced.call(repair=True).error
    synced.done(*command.split()[2:])
    assert synced.rows("SELECT * FROM Log") == [(1, "begun")]


def test_times_in_errors_are_those_of_the_history(synced):
    synced.run_sql("CREATE INDEX by_hand ON Log (what); ALTER TABLE Log ADD COLUMN extra")
    [row] = synced.done("history", json=True).json["generations"]
    assert f"since {moment(row['applied_at'])}: Log" in synced.call().error


def test_times_in_errors_are_in_the_time_zone_that_django_gives_the_process(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert moment("2026-05-04T11:12:13.456Z") == "2026-05-04 16:42 IST"
        assert moment("edited by hand") == "edited by hand"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_loss_that_was_allowed_is_noted(synced):
    synced.run_sql("UPDATE Users SET fax = '007' WHERE id = 1")
    synced.write({**V1, "Users": {**V1["Users"], "fax": "INTEGER"}})
    assert "If they may be lost: --allow-drop Users.fax" in synced.call().error
    ended = synced.done(allow_drop=["Users.fax"])
    assert "note [rows-dropped] Users.fax: 1 row: stored as INTEGER these values lose something" in ended.out


def test_what_may_go_and_is_not_there_is_noted(synced):
    synced.write(V2)
    ended = synced.done(allow_drop=["Users.telefax"])
    assert "note [allow-drop-unused] --allow-drop Users.telefax names no table or column" in ended.out


def test_a_table_made_by_hand_becomes_the_one_that_names_it(synced):
    """`_was` also acts on a table that schema.json never named."""
    synced.run_sql(
        "CREATE TABLE Drafts (id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX drafts_text ON Drafts (text);"
        "INSERT INTO Drafts VALUES (1, 'one'), (7, 'seven')"
    )
    synced.write(
        {**V1, "Notes": {"_was": ["Drafts"], "id": "INTEGER PRIMARY KEY", "body": {"type": "TEXT", "was": ["text"]}}}
    )
    assert synced.call("check", json=True).json["foreign"] == []
    synced.done()
    assert synced.rows("SELECT * FROM Notes") == [(1, "one"), (7, "seven")]
    assert not synced.rows("SELECT 1 FROM sqlite_schema WHERE name IN ('Drafts', 'drafts_text')")
    tables = synced.done("rollback", dry_run=True, json=True).json["differences"]["tables"]
    assert tables["Notes"]["note"]
    synced.done("rollback", noinput=True)
    assert synced.rows("SELECT * FROM Drafts") == [(1, "one"), (7, "seven")]


def test_a_table_that_is_made_by_hand_under_a_name_of_the_past_is_carried_along(synced):
    tree = {**V1, "Notes": {"_was": ["Drafts"], "id": "INTEGER PRIMARY KEY"}}
    synced.write(tree)
    synced.done()
    synced.run_sql("CREATE TABLE Drafts (id INTEGER PRIMARY KEY); INSERT INTO Drafts VALUES (5)")
    synced.write({**tree, "More": {"id": "INTEGER PRIMARY KEY"}})
    synced.done()
    assert synced.rows("SELECT * FROM Drafts") == [(5,)]
    assert synced.rows("SELECT * FROM Notes") == []


def test_a_rename_that_acts_again_after_going_back_is_not_called_spent(synced):
    renamed = {**V1, "Users": {**V1["Users"], "name": None, "title": {"type": "TEXT NOT NULL", "was": ["name"]}}}
    del renamed["Users"]["name"]
    synced.write(renamed)
    synced.done()
    synced.write({**V1, "Users": {**V1["Users"], "name": {"type": "TEXT NOT NULL", "was": ["title"]}}})
    synced.done(allow_older=True)
    synced.write(renamed)
    ended = synced.done("--allow-older", json=True).json
    assert not [hazard for hazard in ended["hazards"] if hazard["code"] == "hint-already-applied"]
    assert synced.rows("SELECT title FROM Users ORDER BY id") == [("ann",), ("bob",)]


def test_what_is_lost_or_may_be_renamed_says_where_schema_json_has_it(synced):
    users = {"id": "INTEGER PRIMARY KEY", "full_name": "TEXT NOT NULL", "fax": "TEXT"}
    for tree, place, code in [
        ({**V1, "Users": users}, "4:5", "rename-or-drop"),
        ({**V1, "Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL"}}, "2:3", "lost-column"),
        ({"Users": {**users, "more": "TEXT", "_dropped": ["fax"]}, "Log": V1["Log"]}, None, "name-clash"),
        ({"Users": {"a": "TEXT", "b": "TEXT"}, "Log": V1["Log"]}, "2:3", "rename-or-drop"),
        ({"Users": V1["Users"], "Journal": V1["Log"]}, "7:3", "rename-or-drop"),
        ({"Users": V1["Users"]}, "", "lost-table"),
    ]:
        synced.write(tree)
        (error,) = synced.call(json=True).json["errors"]
        assert error["code"] == code
        if place is not None:
            where = f"{synced.schema}:{place}" if place else f"{synced.schema}"
            assert error["message"].startswith(f"{where}: ")
            assert (error["facts"].get("line"), error["facts"]["file"]) == (
                place.partition(":")[0] or None,
                str(synced.schema),
            )


def test_an_error_of_syntax_is_printed_with_its_line_and_a_caret(project):
    project.write('{\n  "Users": {"id": "INTEGER PRIMARY KEY" "name": "TEXT"}\n}')
    ended = project.manage()
    assert ended.code == 3
    assert ended.err.splitlines() == [
        "CommandError: [schema-syntax] schema.json:2:41: a comma is missing",
        '  2 |   "Users": {"id": "INTEGER PRIMARY KEY" "name": "TEXT"}',
        "    |                                         ^",
    ]


def test_a_key_that_others_refer_to_becomes_another_column_in_two_releases(project):
    """The steps of docs/howto/change-key.md."""
    customer = {"id": "INTEGER PRIMARY KEY", "code": "TEXT UNIQUE", "name": "TEXT"}
    order = {"id": "INTEGER PRIMARY KEY", "customer_id": "INTEGER REFERENCES customer (id)", "customer_code": "TEXT"}
    project.write({"customer": customer, "order": order})
    project.done()
    project.run_sql("INSERT INTO customer VALUES (1, 'A', 'Ann'), (2, 'B', 'Bob')")
    project.run_sql("INSERT INTO \"order\" VALUES (7, 2, 'B'), (8, 1, 'A')")
    reference = {"type": "TEXT NOT NULL REFERENCES customer (code)", "was": ["customer_code"]}
    project.write(
        {
            "customer": {"code": "TEXT PRIMARY KEY NOT NULL", "name": "TEXT", "_dropped": ["id"]},
            "order": {"id": "INTEGER PRIMARY KEY", "customer": reference, "_dropped": ["customer_id"]},
        }
    )
    project.done()
    rows = 'SELECT o.id, c.name FROM "order" AS o JOIN customer AS c ON c.code = o.customer ORDER BY o.id'
    assert project.rows(rows) == [(7, "Bob"), (8, "Ann")]


def test_a_run_on_a_network_file_system_begins_with_a_warning(synced, monkeypatch, tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(f"23 22 0:40 / {synced.folder} rw - nfs4 server:/export rw\n")
    monkeypatch.setattr(mounts, "MOUNTS", table)
    synced.write(V2)
    warning = f"{synced.link} is on a network file system (nfs4): neither schemasync's lock nor SQLite's own locks are"
    assert synced.done().err.startswith(warning)
    assert synced.done("rollback", noinput=True).err.count(warning) == 1
    assert "network" not in synced.done("status").err


def test_a_system_without_fcntl_is_named_in_the_first_words(tmp_path):
    """As Python on Windows."""
    code = "import sys; sys.modules['fcntl'] = None; import schemasync"
    ended = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    *_, last = ended.stderr.strip().splitlines()
    assert last.startswith("ImportError: schemasync runs on Linux and macOS, and not on Windows")


# --- _dropped of a table that schema.json never named -------------------------------------------------------------


def dropping(project, *tables):
    project.write({**V2, "_dropped": list(tables)})


def tables(project):
    return {name for (name,) in project.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_a_table_that_schema_json_never_named_goes_by_its_name_in_dropped(evolved):
    evolved.run_sql('CREATE TABLE "Extra" (a); INSERT INTO "Extra" VALUES (1); CREATE TABLE other (a)')
    dropping(evolved, "extra", "never_there")
    assert "Extra" in evolved.done("plan").out
    assert evolved.call("check").code == 1
    assert "_dropped of extra" not in evolved.done("prune", hints=True, dry_run=True).out
    evolved.done()
    assert {"Extra", "other"} & tables(evolved) == {"other"}
    assert "is current" in evolved.done().out
    evolved.done("rollback", interactive=False)
    assert evolved.rows('SELECT * FROM "Extra"') == [(1,)]


def test_a_name_in_dropped_acts_once(evolved):
    """A table that somebody creates later under that name is not dropped."""
    dropping(evolved, "extra")
    evolved.write({**V2, "_dropped": ["extra"], "More": {"id": "key"}})
    evolved.done()
    evolved.run_sql("CREATE TABLE extra (a); INSERT INTO extra VALUES (1)")
    assert "is current" in evolved.done().out
    evolved.write({**V2, "_dropped": ["extra"], "More": {"id": "key"}, "Most": {"id": "key"}})
    evolved.done()
    assert evolved.rows("SELECT * FROM extra") == [(1,)]


def test_an_installation_that_still_has_a_table_loses_it_too(project):
    """It is adopted with the schema.json of a release that dropped the table long ago."""
    project.run_sql("CREATE TABLE Log (id INTEGER PRIMARY KEY, what TEXT); CREATE TABLE schema_migrations (version)")
    project.write({"Log": {"id": "INTEGER PRIMARY KEY", "what": "TEXT"}, "_dropped": ["schema_migrations"]})
    project.done("adopt")
    assert "schema_migrations" in tables(project)
    project.done()
    assert "schema_migrations" not in tables(project)
    assert "is current" in project.done().out


def test_our_own_history_cannot_be_dropped(evolved):
    dropping(evolved, "_schema_versions", "sqlite_sequence")
    evolved.call()
    assert "_schema_versions" in tables(evolved)
    assert evolved.done("history").code == 0


def test_a_name_without_a_table_is_recorded_so_that_a_later_table_stays(evolved):
    dropping(evolved, "extra")
    assert "is current" in evolved.done().out
    evolved.run_sql("CREATE TABLE extra (a); INSERT INTO extra VALUES (1)")
    assert "is current" in evolved.done().out
    evolved.write({**V2, "_dropped": ["extra"], "More": {"id": "key"}})
    evolved.done()
    assert evolved.rows("SELECT * FROM extra") == [(1,)]


def test_what_something_else_makes_is_not_dropped_by_a_hint(evolved):
    evolved.run_sql("CREATE TABLE extra (a); INSERT INTO extra VALUES (1)")
    evolved.write({**V2, "_dropped": ["extra"], "_elsewhere": ["extra"]})
    error = evolved.call().error
    assert "[name-clash]" in error
    assert "manage.py schemasync --allow-drop extra" in error
    evolved.done(allow_drop=["extra"])
    assert "extra" not in tables(evolved)
