"""Each function of schemasync.api does what its action does, and returns what the command prints with --json."""

import json
import sqlite3
import threading
from contextlib import closing
from inspect import Parameter, signature

import pytest

from schemasync import api
from schemasync.errors import Busy, Code, Refused, SchemaInvalid, SchemasyncError, UsageError
from schemasync.files import mounts
from schemasync.files.layout import Layout
from schemasync.files.lock import run_lock
from schemasync.management.commands.schemasync import Command
from schemasync.management.options import ACTIONS
from tests.support import json_outputs
from tests.support.project import REWRITTEN, V1, V2

FUNCTIONS = {name: function for name in api.__all__ if callable(function := getattr(api, name)) and name.islower()}
# `tenant`: a function is called inside the block of a tenant instead
OF_THE_COMMAND_LINE = {"all", "json", "noinput", "verbosity", "no_color", "force_color", "traceback", "settings"} | {
    "pythonpath", "help", "version", "skip_checks", "action", "output", "print_schedule", "tenant",
}  # fmt: skip


# --- results ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["plan", "check", "status", "health", "history", "inspect", "metrics", "advise", "backups"]
)
def test_a_function_returns_the_object_that_the_command_prints(synced, name):
    synced.write(V2)
    words = [synced.link] if name == "inspect" else []
    printed = synced.call(name, *words, json=True).json
    returned = FUNCTIONS[name](*words)
    for one in (printed, returned):
        one.pop("disk_free", None)  # other processes write to the disk, too
    assert json.loads(json.dumps(returned)) == printed


def test_a_sync_and_the_way_back_return_what_the_command_prints(synced):
    synced.write(REWRITTEN)
    as_printed("sync", done := api.sync())
    assert (done["result"], done["generation"]) == ("synced", synced.live())
    assert done["tables"]["Users"] == {"action": "rewrite", "rows": 2}
    assert api.sync()["result"] == "current"

    as_printed("rollback", ahead := api.rollback(dry_run=True))
    assert ahead["result"] == "planned"
    assert synced.live() == done["generation"], "a dry run changes nothing"

    as_printed("rollback", back := api.rollback())
    assert (back["result"], back["generation"]) == ("rolled_back", synced.live())
    assert synced.rows("SELECT name FROM Users ORDER BY id") == [("ann",), ("bob",)]
    as_printed("rollback", forward := api.rollback(done["generation"]))
    assert forward["generation"] == done["generation"] == synced.live()


def test_an_alteration_in_place_and_its_way_back(synced):
    live = synced.live()
    synced.write({**V1, "Log": {**V1["Log"], "at": "TEXT"}})
    as_printed("sync", done := api.sync(in_place=True, cutover_timeout=600))
    assert (done["strategy"], done["generation"]) == ("in-place", live)
    as_printed("rollback", ahead := api.rollback(in_place=True, dry_run=True))
    assert ahead["sql"]
    as_printed("rollback", api.rollback(in_place=True, max_pause=1000))
    assert [name for _, name, *_ in synced.rows("PRAGMA table_info(Log)")] == ["id", "what"]


def test_a_plain_file_is_adopted_and_its_schema_is_written(project):
    project.run_sql("CREATE TABLE t (x)", project.folder / "other.sqlite3")
    as_printed("adopt", done := api.adopt(database="other", schema=project.folder / "other.json"))
    assert done["schema_written"] == str(project.folder / "other.json")
    assert api.status(database="other", schema=str(project.folder / "other.json"))["version"] == done["version"]


def test_archives_and_hints_are_pruned(synced):
    first = f"{synced.live()}.sqlite3"
    for tree in (V2, REWRITTEN):
        synced.write(tree)
        api.sync()
    as_printed("prune", planned := api.prune(older_than=0, dry_run=True))
    assert first in synced.generations()
    as_printed("prune", done := api.prune(older_than=0))
    assert (planned["result"], done["result"]) == ("planned", "pruned")
    assert planned["too_recent"] == done["too_recent"]
    assert {one["generation"] for one in planned["removed"]} == {one["generation"] for one in done["removed"]}
    as_printed("prune", hints := api.prune(hints=True))
    assert hints["hints"]
    assert "was" not in synced.schema.read_text()


def test_a_snapshot_is_a_plain_file_with_the_same_rows(synced, tmp_path):
    as_printed("snapshot", done := api.snapshot(tmp_path / "copy.sqlite3"))
    with closing(sqlite3.connect(done["output"])) as connection:
        assert connection.execute("SELECT name FROM Users ORDER BY id").fetchall() == [("ann",), ("bob",)]


def test_a_backup_is_made_listed_tried_and_restored(synced, tmp_path):
    as_printed("backup", made := api.backup(to=str(tmp_path / "backups"), prune=True))
    where = made["storage"]
    as_printed("backups", listed := api.backups(to=where))
    assert [one["name"] for one in listed["backups"]] == [made["backup"]["name"]]
    as_printed("drill", drilled := api.drill(from_=where))
    as_printed("drill", last := api.drill(check=True))
    assert drilled["result"] == "passed" and last["drill"] == drilled["drill"]

    synced.run_sql("DELETE FROM Users")
    as_printed("restore", ahead := api.restore(from_=where, dry_run=True))
    assert synced.rows("SELECT count(*) FROM Users") == [(0,)]
    as_printed("restore", written := api.restore(made["backup"]["name"], from_=where, into=tmp_path / "look.sqlite3"))
    with closing(sqlite3.connect(written["output"])) as connection:
        assert connection.execute("SELECT count(*) FROM Users").fetchone() == (2,)
    as_printed("restore", done := api.restore(from_=where))
    assert done["generation"] == ahead["generation"] == synced.live()
    assert synced.rows("SELECT count(*) FROM Users") == [(2,)]


def test_indexes_are_proposed_for_the_statements_of_a_file_or_of_the_backend(synced):
    log = synced.folder / "queries.sql"
    log.write_text("SELECT name FROM Users WHERE name = 'ann'; COMMIT;")
    as_printed("advise", found := api.advise(indexes=log))
    assert (found["source"], found["statements"]["planned"], found["statements"]["other"]) == (str(log), 1, 1)
    as_printed("advise", found := api.advise(indexes=True))
    assert found["source"] is None


def test_a_postponed_sync_goes_live_when_it_is_called(synced):
    synced.write(V2)
    before, found = synced.live(), []
    thread = threading.Thread(target=lambda: found.append(api.sync(postpone=True)))
    thread.start()
    for _ in range(600):
        if (synced.archive / "waiting").exists():
            break
        thread.join(0.05)
    assert synced.live() == before
    as_printed("cutover", api.cutover())
    thread.join(30)
    (done,) = found
    assert done["generation"] == synced.live() != before


def as_printed(action, found):
    """Fail if the schema that the package ships for `--json` rejects the object, or a round trip through JSON changes
    it."""
    assert json.loads(json.dumps(found)) == found
    json_outputs.check(found, action)


def test_nothing_is_printed(synced, capfd):
    synced.write(V2)
    api.plan(sql=True)
    api.check()
    api.sync()
    api.status()
    api.history()
    api.rollback()
    api.prune(keep=1, dry_run=True)
    with pytest.raises(SchemasyncError):
        api.sync()
    assert capfd.readouterr() == ("", "")


# --- arguments ----------------------------------------------------------------------------------------------------


def options_of(action):
    """Return the names of the options that are particular to the action; without an action of its own, those of a
    sync."""
    main = Command().create_parser("manage.py", "schemasync")
    (actions,) = [one for one in main._actions if type(one).__name__ == "_SubParsersAction"]
    parser = actions.choices.get(action, main)
    shown = [one for one in parser._actions if one.help != "==SUPPRESS=="]
    return {one.dest for one in shown} - OF_THE_COMMAND_LINE


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_arguments_of_a_function_are_the_options_of_its_action(name):
    known = {name.rstrip("_") for name in signature(FUNCTIONS[name]).parameters} - {"progress"}
    beyond = {"schema"} if name == "status" else set()  # status also reads schema.json
    assert known - beyond == options_of(name)
    assert name in {"sync", *ACTIONS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_options_have_the_defaults_of_the_command_and_are_given_by_name(name):
    for parameter in signature(FUNCTIONS[name]).parameters.values():
        if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD:
            assert parameter.name in ("target", "source", "copy", "backup")
        else:
            defaults = {"database": "default", "wait": 30, "max_pause": 250, "cutover_timeout": 600}
            assert parameter.default in (defaults.get(parameter.name), False, None, ())


@pytest.mark.parametrize(
    ("call", "option"),
    [
        (lambda: api.sync(wait=-1), "--wait -1"),
        (lambda: api.sync(max_pause=float("nan")), "--max-pause nan"),
        (lambda: api.plan(cutover_timeout=-1), "--cutover-timeout -1"),
        (lambda: api.prune(keep=0), "--keep 0"),
        (lambda: api.prune(hints=True, keep=1), "--keep"),
        (lambda: api.sync(in_place=True, postpone=True), "--postpone"),
        (lambda: api.plan(in_place=True, cutover_timeout=5), "--cutover-timeout"),
        (lambda: api.rollback(max_pause=5), "--max-pause"),
        (lambda: api.rollback("0001", in_place=True), "0001"),
        (lambda: api.status(database="none"), '"none"'),
        (lambda: api.move(plan=True), "move needs the database to move to"),
        (lambda: api.move(to="none"), '"none"'),
    ],
)
def test_an_option_that_the_command_refuses_is_a_usage_error(synced, call, option):
    with pytest.raises(UsageError, match=option) as caught:
        call()
    assert caught.value.code is Code.BAD_OPTION


def test_a_single_table_may_be_allowed_to_be_dropped_by_name(synced):
    synced.write({"Log": V1["Log"]})
    with pytest.raises(Refused) as caught:
        api.sync()
    assert caught.value.code is Code.LOST_TABLE
    assert api.sync(allow_drop="Users")["result"] == "synced"


# --- errors -------------------------------------------------------------------------------------------------------


def test_an_error_is_typed_and_has_what_json_has(synced):
    synced.write('{"Users": 3}')
    printed = synced.call(json=True).json["errors"]
    with pytest.raises(SchemaInvalid) as caught:
        api.sync()
    assert [one.as_json() for one in caught.value.problems] == printed
    assert caught.value.code == printed[0]["code"]
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda folder: api.rollback(), Code.NO_HISTORY),
        (lambda folder: api.rollback("0099"), Code.UNKNOWN_GENERATION),
        (lambda folder: api.rollback(in_place=True), Code.NOT_IN_PLACE),
        (lambda folder: api.adopt(), Code.ALREADY_ADOPTED),
        (lambda folder: api.inspect(folder / "none.sqlite3"), Code.NO_DATABASE),
        (lambda folder: api.inspect(folder / "schema.json"), Code.NOT_A_DATABASE),
        (lambda folder: api.snapshot(folder / "schema.json"), Code.OUTPUT_EXISTS),
        (lambda folder: api.cutover(), Code.NO_PENDING_CUTOVER),
        (lambda folder: api.history(database="other"), Code.NO_HISTORY),
        (lambda folder: api.prune(database="other"), Code.NO_HISTORY),
    ],
)
def test_what_is_refused_has_the_code_of_the_command_and_changes_nothing(synced, call, code):
    before = synced.live(), synced.generations()
    with pytest.raises(Refused) as caught:
        call(synced.folder)
    assert caught.value.code is code
    assert (synced.live(), synced.generations()) == before


def test_a_hint_names_the_database_and_the_schema_that_were_given(project):
    project.run_sql("CREATE TABLE t (x)", project.folder / "other.sqlite3")
    schema = project.write({"t": {"x": ""}}, "my other.json")
    with pytest.raises(Refused) as caught:
        api.sync(database="other", schema=schema)
    assert caught.value.code is Code.NOT_ADOPTED
    assert f"manage.py schemasync adopt --database other --schema '{schema}'" in str(caught.value)
    assert caught.value.__cause__.code is Code.NOT_ADOPTED


def test_hints_in_a_result_and_in_its_json_name_the_database(project):
    """A pasted hint must not act on another database."""
    schema = project.write(V1, "other.json")
    project.done(database="other", schema=schema)
    project.run_sql("ALTER TABLE Log ADD COLUMN by_hand TEXT", project.folder / "other.sqlite3")
    given = {"database": "other", "schema": schema}
    options = f"--database other --schema {schema}"
    found = api.status(**given)
    assert found["errors"][0]["hint"] == f"To see how to keep or undo it: manage.py schemasync check {options}"
    assert project.done("status", json=True, **given).json["errors"] == found["errors"]
    found = api.check(**given)["refused"]
    assert found and all(options in one["hint"] for one in found if "manage.py" in one["hint"])
    assert project.call("check", json=True, **given).json["refused"] == found


def test_a_note_names_the_database(project):
    schema, notes = project.write(V1, "other.json"), []
    api.sync(database="other", schema=schema)
    project.write(V2, "other.json")

    def listen(event):
        if isinstance(event, api.Note) and "cutover" in event.text:
            notes.append(event.text)
            threading.Thread(target=api.cutover, kwargs={"database": "other"}).start()

    api.sync(database="other", schema=schema, postpone=True, progress=listen)
    assert notes[0].endswith("cut over with: manage.py schemasync cutover --database other")


def test_what_stops_a_sync_is_data_of_a_plan_and_an_error_of_a_sync(synced):
    synced.run_sql("INSERT INTO Users VALUES (3, 'ann', NULL)")
    synced.write({**V1, "Users": {**V1["Users"], "name": "TEXT NOT NULL UNIQUE"}})
    planned = api.plan()
    assert (planned["result"], [one["code"] for one in planned["errors"]]) == ("refused", ["hazard"])
    with pytest.raises(Refused) as caught:
        api.sync()
    assert [one.as_json() for one in caught.value.problems] == planned["errors"]


def test_that_a_check_finds_differences_is_no_error(synced):
    assert api.check()["result"] == "agrees"
    synced.write(V2)
    assert api.check()["result"] == "differs"


def test_another_run_is_busy(synced):
    synced.write(V2)
    with run_lock(Layout(synced.link).lock, 0, lambda: None), pytest.raises(Busy) as caught:
        api.sync(wait=0)
    assert caught.value.code is Code.RUN_IN_PROGRESS


# --- progress -----------------------------------------------------------------------------------------------------


def test_a_listener_learns_each_phase_and_how_far_it_is(synced):
    synced.write(REWRITTEN)
    events = []
    api.sync(progress=events.append)
    found = [one for one in events if isinstance(one, api.Progress)]
    assert {("copy", "pages"), ("rows", "rows"), ("verification", "tables")} <= {(one.phase, one.unit) for one in found}
    assert all(0 <= one.done <= one.total for one in found)
    assert any(one.phase == "rows" and one.done == one.total > 0 for one in found)


def test_warnings_of_the_command_are_notes(synced, monkeypatch, tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(f"23 22 0:40 / {synced.folder} rw - nfs4 server:/export rw\n")
    monkeypatch.setattr(mounts, "MOUNTS", table)
    events = []
    api.sync(progress=events.append)
    (note,) = [one for one in events if isinstance(one, api.Note)]
    assert note.is_warning
    assert "is on a network file system (nfs4)" in note.text


def test_a_listener_that_fails_ends_the_run_and_the_live_file_is_whole(synced):
    """At whatever event it fails, the database is the old or the new one, with every row, and the next sync works."""
    synced.write(REWRITTEN)
    before, count = synced.live(), 0

    class Stop(Exception):
        pass

    while True:
        seen = 0

        def listener(event):
            nonlocal seen
            seen += 1
            if seen > count:  # noqa: B023  called within the loop
                raise Stop

        try:
            done = api.sync(progress=listener)
            break
        except Stop:
            count += 1
        assert synced.rows("SELECT id FROM Users ORDER BY id") == [(1,), (2,)]
        assert not list(synced.archive.glob("*.new*"))
        if synced.live() != before:
            done = api.sync()
            break
    assert count > 5
    assert done["generation"] == synced.live() != before
    assert synced.rows("SELECT full_name FROM Users ORDER BY id") == [("ann",), ("bob",)]
