"""The setting TRANSFORMS: the commands know which transforms have not yet acted, and each acts once."""

import sys

import pytest
from django.core import checks

MODULE = """
from schemasync.transforms import ONE_TO_ONE, transform


@transform("Users", into="Users", kind=ONE_TO_ONE, name="shout")
def shout(user):
    yield "Users", {**user, "name": user["name"].upper()}
"""
SECOND = """

@transform("Users", into="Users", kind=ONE_TO_ONE, name="whisper")
def whisper(user):
    yield "Users", {**user, "name": user["name"].lower()}
"""


@pytest.fixture
def module(synced, settings, monkeypatch):
    """Return a function that writes the module, which the next run imports again."""
    monkeypatch.syspath_prepend(str(synced.folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "TRANSFORMS": "transforms_of_test"}

    def write(text):
        (synced.folder / "transforms_of_test.py").write_text(text)
        sys.modules.pop("transforms_of_test", None)

    yield write
    sys.modules.pop("transforms_of_test", None)


def names(project):
    return [name for (name,) in project.rows("SELECT name FROM Users ORDER BY id")]


def test_a_transform_of_an_unchanged_schema_is_pending_until_a_run_and_acts_once(synced, module):
    before = names(synced)
    module(MODULE)
    assert synced.done("status", json=True).json["pending_transforms"] == ["shout"]
    assert "the transform shout has not acted on it" in synced.done("status").out
    ended = synced.call("check")
    assert ended.code == 1
    assert "the transform shout has not acted on this database" in ended.out
    assert synced.call("check", json=True).json["pending_transforms"] == ["shout"]
    planned = synced.done("plan", json=True).json
    assert planned["version"] == planned["previous"]
    assert [change["text"] for change in planned["changes"]] == ["Users: filled by the transform shout"]
    found = planned["tables"]["Users"]
    assert (found["action"], found["transforms"]["names"], found["transforms"]["rows"]) == (
        "transform", ["shout"], len(before),
    )  # fmt: skip
    assert "the transform shout reads Users" in synced.done("plan").out
    assert "-- Users: the transform shout" in synced.done("plan", sql=True).out

    report = synced.done(json=True).json
    assert report["result"] == "synced"
    assert names(synced) == [name.upper() for name in before]
    status = synced.done("status", json=True).json
    assert status["pending_transforms"] == []
    assert status["data_version"].startswith("1:")
    assert synced.done("check").code == 0
    assert synced.done(json=True).json["result"] == "current"
    assert "nothing to do" in synced.done().out
    row = synced.done("history", json=True).json["generations"][0]
    assert [change["text"] for change in row["changes"]] == ["Users: filled by the transform shout"]


def test_a_transform_that_is_added_later_acts_on_the_rows_of_then(synced, module):
    before = names(synced)
    module(MODULE)
    synced.done()
    module(MODULE + SECOND)
    assert synced.call("check", json=True).json["pending_transforms"] == ["whisper"]
    synced.done()
    assert names(synced) == [name.lower() for name in before]


def test_a_new_database_runs_no_transform(project, settings, monkeypatch):
    monkeypatch.syspath_prepend(str(project.folder))
    (project.folder / "transforms_of_new.py").write_text(MODULE)
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "TRANSFORMS": {"default": "transforms_of_new"}}
    project.done()
    assert project.done("status", json=True).json["pending_transforms"] == []
    project.run_sql("INSERT INTO Users (id, name) VALUES (1, 'Ann')")
    assert project.done(json=True).json["result"] == "current"
    assert names(project) == ["Ann"]


def test_a_rollback_says_that_rows_of_a_transform_cannot_be_counted_and_goes_back(synced, module):
    before = names(synced)
    module(MODULE)
    synced.done()
    found = synced.done("rollback", json=True, no_input=True).json
    assert "filled by the transform shout" in str(found)
    assert names(synced) == before
    assert synced.done("status", json=True).json["pending_transforms"] == ["shout"]


FAULTS = {
    "a module that cannot be imported": ("import nothing_of_that_name\n", "cannot be imported: ModuleNotFoundError"),
    "a module that fails": ("1 / 0\n", "cannot be imported: ZeroDivisionError"),
    "two transforms of one name": (
        MODULE + MODULE.replace("def shout", "def twice"),
        "several transforms with the name shout",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_module_is_reported_by_the_command_and_by_the_system_check(synced, module, name):
    text, said = FAULTS[name]
    module(text)
    ended = synced.call(json=True)
    assert ended.code == 2
    assert said in ended.json["errors"][0]["message"]
    module(text)
    assert said in synced.call("status", json=True).json["errors"][0]["message"]
    module(text)
    assert said in next(error.msg for error in checks.run_checks() if error.id == "schemasync.E006")
    module(MODULE)
    assert not [error for error in checks.run_checks() if error.id == "schemasync.E006"]


def test_a_value_that_names_no_module_is_refused(synced, settings):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "TRANSFORMS": ["shop.transforms"]}
    assert 'SCHEMASYNC["TRANSFORMS"] is' in synced.call(json=True).json["errors"][0]["message"]


def test_one_that_exits_fails_as_with_any_error(synced, module):
    module(MODULE.replace("    yield", "    raise SystemExit(0)\n    yield"))
    ended = synced.call()
    assert ended.code in (3, 4), "0 would say that it has acted"
    assert "SystemExit: 0" in ended.err


def test_an_error_names_the_row_and_leaves_the_file_as_it_was(synced, module):
    before = names(synced)
    module(MODULE.replace('user["name"].upper()', 'user["nick"]'))
    ended = synced.call(json=True)
    assert (ended.code, ended.json["errors"][0]["code"]) == (3, "transform-failed")
    assert "KeyError: 'nick'" in ended.json["errors"][0]["message"]
    assert names(synced) == before
