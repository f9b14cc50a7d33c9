"""The command line: exit codes of real processes, options before and after the action, one object of JSON."""

import argparse
import resource
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest
from django.core.management import CommandError, call_command

from schemasync.management.commands.schemasync import Command
from tests.support.processes import ROOT, environment, run
from tests.support.project import V1, V2
from tests.support.sqlite_builds import of_the_system

from .test_plan import KEYS as PLAN_KEYS
from .test_sync import KEYS as SYNC_KEYS


def test_0_done_and_nothing_to_do(synced):
    again = synced.manage("--json")
    assert (again.code, again.json["result"], again.err) == (0, "current", "")


def test_1_differs(synced):
    synced.write(V2)
    ended = synced.manage("check", "--json")
    assert (ended.code, ended.json["result"]) == (1, "differs")
    assert ended.err.startswith("CommandError: schema.json and the database differ\n")


def test_2_usage(evolved):
    ended = evolved.manage("rollback")
    assert ended.code == 2
    assert ended.err.startswith("CommandError: [prompt-needed] ")
    assert ended.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ["prune", "--keep", "x"],
        pytest.param(["--nope"], marks=pytest.mark.slow),
        pytest.param(["frobnicate"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_2_a_command_line_that_is_not_understood_is_reported_in_json_too(project, words):
    ended = project.manage(*words, "--json")
    assert ended.code == 2
    assert ended.json["result"] == "refused"
    assert ended.json["errors"][0]["code"] == "bad-option"
    assert words[-1] in ended.json["errors"][0]["message"]
    assert "usage: manage.py schemasync" in ended.err


def test_3_refused(synced):
    synced.write({"Users": V1["Users"]})
    ended = synced.manage("--json")
    assert (ended.code, ended.json["result"]) == (3, "refused")
    assert "--allow-drop Log" in ended.err


def test_4_failed_and_the_live_file_is_untouched(synced):
    """A limit on the size of files stands for a full disk."""
    synced.run_sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO Log (what) SELECT hex(randomblob(2000)) FROM n"
    )
    synced.write(V2)
    live, rows = synced.live(), synced.rows("SELECT * FROM Log")
    ended = synced.manage("--json", limits={resource.RLIMIT_FSIZE: 300_000})
    assert (ended.code, ended.json["result"]) == (4, "failed")
    assert synced.live() == live
    assert synced.rows("SELECT * FROM Log") == rows
    assert len(synced.generations()) == 1
    synced.done()


def test_5_busy(synced):
    synced.write(V2)
    with closing(sqlite3.connect(synced.link, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        ended = synced.manage("--json", "--wait", "0.1")
    assert (ended.code, ended.json["result"]) == (5, "busy")
    assert "--wait SECONDS" in ended.err


def test_6_a_person_must_look(synced):
    synced.link.resolve().unlink()
    ended = synced.manage("--json")
    assert (ended.code, ended.json["result"]) == (6, "needs_person")
    assert ended.json["errors"][0]["code"] == "generation-missing"
    assert "Restore the file from your backup." in ended.err
    assert "adopt" not in ended.err, "there is no other"


def pasted(command):
    subprocess.run(command, shell=True, check=True, cwd="/", env=of_the_system())


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the hint uses the sqlite3 program")
def test_6_a_lost_file_leaves_a_way_back_that_can_be_pasted(evolved):
    evolved.link.resolve().unlink()
    ended = evolved.call()
    assert ended.code == 6
    *lines, adopt = [line.strip() for line in ended.error.splitlines()[2:]]
    pasted(" && ".join(lines))
    assert adopt == "manage.py schemasync adopt"
    assert evolved.done("adopt")
    assert evolved.rows("SELECT id, name, fax FROM Users") == [(1, "ann", "1"), (2, "bob", None)]
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve', NULL)")
    evolved.done(allow_older=True)
    assert evolved.rows("SELECT full_name FROM Users") == [("ann",), ("bob",), ("eve",)]
    assert evolved.call("history").code == 0


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the hint uses the sqlite3 program")
def test_6_an_archive_that_was_copied_into_the_live_file_leaves_a_way_on_that_can_be_pasted(evolved):
    first, live = evolved.generations()
    shutil.copy(evolved.archive / first, evolved.link)  # writes through the link
    assert "[state-unknown]" in evolved.done("status").out
    ended = evolved.call("plan")
    assert ended.code == evolved.call().code == 6
    assert "[state-unknown]" in ended.error
    assert f"restore {live} from your backup" in ended.error
    *lines, adopt = [line.strip() for line in ended.error.splitlines()[2:]]
    pasted(" && ".join(lines))
    assert adopt == "manage.py schemasync adopt"
    assert evolved.done("adopt")
    assert evolved.rows("SELECT id, name, fax FROM Users") == [(1, "ann", "1"), (2, "bob", None)]
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve', NULL)")


@pytest.mark.parametrize("how", ["copy", "link"])
def test_6_an_archive_that_was_put_in_the_place_of_the_link_leaves_a_way_back_that_can_be_pasted(evolved, how):
    evolved.write({**V2, "Halls": {"id": "INTEGER PRIMARY KEY"}})
    evolved.done()
    first, live = evolved.generations()[0], evolved.live()
    evolved.link.unlink()
    if how == "copy":
        shutil.copy(evolved.archive / first, evolved.link)
    else:
        evolved.link.symlink_to(f"{evolved.archive.name}/{first}")
    assert "[state-unknown]" in evolved.done("status").out
    for words in (("plan",), ("history",), ()):
        ended = evolved.call(*words)
        assert ended.code == 6, words
        assert "[state-unknown]" in ended.error
    line = next(line.strip() for line in ended.error.splitlines() if "ln -s " in line)
    subprocess.run(line, shell=True, check=True, cwd="/")
    assert evolved.live() == live
    assert "is live" in evolved.done("status").out
    evolved.done("rollback", "1", noinput=True)
    assert f"{evolved.live()}.sqlite3" == first


def test_6_a_fault_of_our_own_is_not_taken_for_a_difference(synced):
    """Python exits with 1 for an uncaught exception; here the history contains an invalid value."""
    synced.run_sql("UPDATE _schema_versions SET duration_ms = 'long'")
    ended = synced.manage("history", "-v", "2", "--json")
    assert ended.code == 6
    assert ended.json["errors"][0]["code"] == "unexpected"
    assert "Traceback" in ended.err


@pytest.mark.parametrize("words", [("--database", "other", "plan"), ("plan", "--database", "other")])
def test_options_stand_before_or_after_the_action(project, words):
    project.done()
    assert "no database yet" in project.done(*words).out


@pytest.mark.parametrize(
    "words",
    [
        ("--json", "check"),
        ("check", "--json"),
        ("-v", "2", "--json", "check"),
        ("check", "-v", "2", "--json", "--no-color"),
        ("--schema", "{schema}", "check", "--json"),
        ("check", "--json", "--schema", "{schema}"),
        ("check", "--json", "--wait", "1", "--noinput", "--traceback", "--force-color"),
    ],
    ids=" ".join,
)
def test_common_options_are_taken_by_every_action_on_either_side(synced, words):
    assert synced.done(*(word.format(schema=synced.schema) for word in words)).json["result"] == "agrees"


def test_verbosity_is_taken_on_either_side(evolved):
    detailed = evolved.done("history", "-v", "2").out
    assert detailed == evolved.done("-v", "2", "history").out == evolved.done("history", verbosity=2).out
    assert detailed != evolved.done("history").out
    assert evolved.done("history", "-v", "0").out == ""


@pytest.mark.parametrize("action", ["check", "history", "rollback", "prune", "hash", "adopt"])
def test_options_of_a_sync_are_refused_where_they_would_be_passed_over(synced, action):
    ended = synced.call("--allow-older", action, json=True)
    assert ended.code == 2
    assert "--allow-older" in ended.json["errors"][0]["message"]
    assert synced.call(action, allow_drop=["Log"]).code == 2


ACTIONS = [
    [],
    ["plan"],
    ["plan", "--sql"],
    ["check"],
    ["history"],
    ["rollback"],
    ["rollback", "--noinput"],
    ["rollback", "--dry-run"],
    ["inspect", "{link}"],
    ["adopt"],
    ["prune"],
    ["snapshot", "{folder}/copy"],
    ["hash"],
]


@pytest.mark.parametrize("action", ["sync", "plan", "check", "status", "prune"])
def test_what_is_wrong_before_any_database_is_looked_at_is_one_object_too(project, settings, action):
    words = ["--all", "--json"] if action == "sync" else [action, "--all", "--json"]
    ended = project.call(*words, database="other")
    assert (ended.code, ended.json["errors"][0]["code"]) == (2, "bad-option")
    settings.SCHEMASYNC = {"NOPE": 1}
    ended = project.call(*words)
    assert (ended.code, ended.json["errors"][0]["code"]) == (2, "unknown-setting")
    assert "bug in schemasync" not in ended.error


@pytest.mark.parametrize("words", ACTIONS, ids=lambda words: " ".join(words) or "sync")
@pytest.mark.parametrize("state", ["nothing", "plain", "kept"])
def test_every_action_prints_one_object_with_a_result_and_errors_whatever_it_finds(project, words, state):
    if state == "plain":
        project.run_sql("CREATE TABLE t (x)")
    elif state == "kept":
        project.done()
    words = [word.format(link=project.link, folder=project.folder) for word in words]
    ended = project.call(*words, "--json")
    found = ended.json
    assert found["result"]
    for error in found["errors"]:
        assert set(error) - {"facts"} == {"code", "message", "hint"}
        assert error["message"] in ended.error
    if ended.code > 1:
        assert found["errors"]
    if ended.code == 0:
        assert found["errors"] == []


def test_no_option_of_one_call_command_is_left_for_the_next(project):
    """A process makes the parser only once."""
    project.write(V1)
    assert (
        project.done("--json", "--allow-drop", "a", "--allow-drop", "b", "--max-pause", "100").json["result"]
        == "synced"
    )
    project.write(V2)
    assert project.call("--max-pause", "-1").code == 2
    assert project.done("plan", "--json").json["changes"]
    assert project.call("no-such-action").code == 2
    assert project.done("--json").json["result"] == "synced"
    assert not project.done().out.startswith("{")


def test_call_command_raises_command_error_with_the_exit_code(synced):
    synced.write(V2)
    with pytest.raises(CommandError) as caught:
        call_command("schemasync", "check", verbosity=0)
    assert caught.value.returncode == 1
    with pytest.raises(CommandError) as caught:
        call_command("schemasync", "rollback", interactive=False, verbosity=0)
    assert caught.value.returncode == 3
    with pytest.raises(TypeError, match="nope"):
        call_command("schemasync", nope=True)


def test_help_names_the_exit_codes_and_lists_the_options_that_an_action_uses_before_those_it_only_takes(project):
    text, _, taken = project.manage("prune", "--help").out.partition("Also accepted:")
    assert "4 failed, the live file is" in text
    assert "--keep N" in text
    for option in ("--noinput", "--no-color", "--traceback"):
        assert option not in text
        assert option in taken
    assert "--rebuild-all" not in text + taken


def test_the_demo_can_be_asked_from_any_folder(tmp_path):
    """Its schema.json is in the project's folder, and an environment variable names its database."""
    variables = {"DEMO_DATABASE": str(tmp_path / "demo.sqlite3")}
    ended = run([ROOT / "manage.py", "schemasync", "plan", "--json"], tmp_path, environment() | variables)
    assert ended.code == 0, ended.err
    assert "TimeEntries" in ended.json["tables"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_demo_goes_there_and_back(tmp_path):
    variables = {"DEMO_DATABASE": str(tmp_path / "demo.sqlite3")}
    second = str(ROOT / "demo_project" / "schema_v2.json")

    def manage(*words, code=0):
        ended = run([ROOT / "manage.py", *words], tmp_path, environment() | variables)
        assert ended.code == code, ended
        return ended

    manage("schemasync")
    manage("filldemo", "--scale", "small")
    manage("schemasync", "check", "--schema", second, code=1)
    assert manage("schemasync", "--schema", second, "--json").json["tables"]["TimeEntries"]["rows"] == 5000
    manage("schemasync", "check", "--schema", second, "--strict")
    manage("schemasync", "rollback", "--noinput")
    manage("schemasync", "check", "--strict")
    assert len(manage("schemasync", "history", "--json").json["generations"]) == 3


def test_with_a_traceback_a_refusal_is_still_a_refusal(synced):
    ended = synced.manage("rollback", "99", "--noinput", "--traceback", "--json")
    assert (ended.code, ended.json["result"]) == (3, "refused")
    assert ended.json["errors"][0]["code"] == "unknown-generation"
    assert "Traceback" in ended.err
    assert "bug in schemasync" not in ended.err


def test_with_a_traceback_a_difference_is_still_a_difference(synced):
    synced.write(V2)
    ended = synced.manage("check", "--traceback", "--json")
    assert (ended.code, ended.json["result"]) == (1, "differs")


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        pytest.param(["--wait", "abc"], SYNC_KEYS, id="sync"),
        pytest.param(["plan", "--allow-drop"], PLAN_KEYS, id="plan"),
        pytest.param(["check", "--nope"], {"result", "errors"}, id="check"),
    ],
    ids=str,
)
def test_usage_errors_in_json_have_every_key_of_their_action(project, words, keys):
    ended = project.manage(*words, "--json")
    assert ended.code == 2
    assert set(ended.json) == keys


@pytest.mark.parametrize("action", [[], ["plan"]], ids=str)
def test_a_refused_sync_and_a_refused_plan_say_in_json_what_is_live(synced, action):
    live = synced.done(json=True).json
    synced.write({"Users": V1["Users"]})
    found = synced.call(*action, json=True).json
    assert set(found) == (PLAN_KEYS if action else SYNC_KEYS)
    assert found["result"] == "refused"
    assert (found["previous"], found["generation"]) == (live["version"], synced.live())
    assert found["version"] not in (None, found["previous"])


def test_a_plan_that_is_refused_has_one_shape_whatever_the_reason(synced):
    synced.write({**V1, "Users": {**V1["Users"], "email": "TEXT NOT NULL"}})
    by_hazard = synced.call("plan", json=True, sql=True).json
    synced.write({"Users": V1["Users"]})
    by_loss = synced.call("plan", json=True, sql=True).json
    assert set(by_hazard) == set(by_loss) == PLAN_KEYS | {"sql"}


@pytest.mark.parametrize(
    "given",
    [
        {"wait": "a"},
        {"wait": -1},
        {"wait": "nan"},
        {"verify": "half"},
    ],
    ids=str,
)
def test_values_that_make_no_sense_are_usage_errors_from_python_too(synced, given):
    ended = synced.call(**given)
    assert ended.code == 2
    assert "[bad-option]" in ended.error
    assert str(next(iter(given.values()))) in ended.error


@pytest.mark.parametrize("words", [("nope",), ("prune", "--keep", "x"), ("snapshot",)], ids=" ".join)
def test_words_that_are_not_understood_end_with_2_from_python_too(synced, words):
    with pytest.raises(CommandError) as caught:
        call_command("schemasync", *words)
    assert caught.value.returncode == 2


def test_wait_may_be_for_ever(synced):
    synced.write(V2)
    synced.done(wait="inf")


def test_who_waited_already_gets_the_hint_to_wait_longer(synced):
    synced.write(V2)
    with closing(sqlite3.connect(synced.link, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert "a longer --wait SECONDS" in synced.call(wait=0.1).error


def test_a_command_line_adds_the_options_of_its_own_action_alone():
    """Adding the options of all actions takes a fifth of the time of a command that finds nothing to do."""
    command = Command()
    command._called_from_command_line = True
    parser = command.create_parser("one-action.py", "schemasync")
    (actions,) = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    assert parser.parse_args(["rollback", "--dry-run"]).dry_run
    assert {name for name, one in actions.choices.items() if len(one._actions) > 1} == {"rollback"}
    assert "--dry-run" in actions.choices["rollback"].format_help()
