"""The setting SCHEMASYNC: its keys, and the errors for invalid ones."""

import os

import pytest
from django.core import checks

from tests.support.project import V1, V2


def errors():
    return [item for item in checks.run_checks() if item.id.startswith("schemasync.E")]


def test_schema_may_be_a_path_as_text_or_as_a_path(project, settings):
    for value in (project.schema, str(project.schema)):
        settings.SCHEMASYNC = {"SCHEMA": value}
        assert project.done("hash").out
        assert errors() == []


def test_schema_may_be_a_path_for_each_database(project, settings):
    second = project.write(V2, "second.json")
    settings.SCHEMASYNC = {"SCHEMA": {"default": project.schema, "other": str(second)}}
    project.done()
    project.done(database="other")
    assert project.rows("SELECT count(*) FROM Rooms", project.folder / "other.sqlite3") == [(0,)]
    assert errors() == []


def test_the_error_for_a_database_without_a_schema_of_its_own_lists_what_there_is(project, settings):
    settings.SCHEMASYNC = {"SCHEMA": {"default": project.schema}}
    ended = project.call(database="other")
    assert ended.code == 2
    assert '"other"' in ended.error
    assert "It has: default" in ended.error
    project.done(database="other", schema=project.schema)


def test_without_a_setting_it_is_schema_json_in_the_folder_of_the_project(project, settings):
    del settings.SCHEMASYNC
    settings.BASE_DIR = project.folder
    project.done()


@pytest.mark.parametrize(
    ("key", "near"), [("SCHMEA", "SCHEMA"), ("schema", "SCHEMA"), ("KEPP", "KEEP"), ("ENGINE", "")]
)
def test_an_unknown_key_is_an_error_with_the_nearest_known_one(project, settings, key, near):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, key: 1}
    ended = project.call(json=True)
    assert ended.code == 2
    error = ended.json["errors"][0]
    assert error["code"] == "unknown-setting"
    assert f'"{key}"' in error["message"]
    assert error["hint"] == (
        f'Did you mean "{near}"?'
        if near
        else "Known are: SCHEMA, KEEP, ON_STARTUP, SERVING_COMMANDS, ENABLED, MIGRATED_APPS, DATA_MIGRATIONS, SEED, TRANSFORMS, "
        "WRITE_MIGRATIONS, ADOPT, RUN_FROM_ADMIN, STATUS_TOKEN, CONNECT, EXTENSIONS, "
        "TESTS, TEST_CACHE, TEST_SEED, REQUIRE, HEALTH, BACKUPS, LITESTREAM, METRICS, NEEDS, TENANTS."
    )
    found = errors()
    assert [item.id for item in found] == ["schemasync.E002"]
    assert found[0].hint == error["hint"]


@pytest.mark.parametrize("value", [0, -1, "3", None, 1.5, True])
def test_a_number_of_archives_that_is_none_is_an_error(project, settings, value):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "KEEP": value}
    ended = project.call()
    assert ended.code == 2
    assert '"KEEP"' in ended.error
    assert [item.id for item in errors()] == ["schemasync.E003"]


@pytest.mark.parametrize("value", ["", "Sync", None, True])
def test_a_word_for_the_start_that_is_none_is_an_error(project, settings, value):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "ON_STARTUP": value}
    ended = project.call()
    assert ended.code == 2
    assert "ignore, warn, refuse, sync" in ended.error
    assert [item.id for item in errors()] == ["schemasync.E003"]


@pytest.mark.parametrize("value", [3, "", ["schema.json"], {"default": None}])
def test_a_schema_that_is_no_path_is_an_error(project, settings, value):
    settings.SCHEMASYNC = {"SCHEMA": value}
    ended = project.call()
    assert ended.code == 2
    assert '"SCHEMA"' in ended.error
    assert [item.id for item in errors()] == ["schemasync.E003"]


@pytest.mark.parametrize("value", [None, "schema.json", []])
def test_a_setting_that_is_no_dict_is_an_error(project, settings, value):
    settings.SCHEMASYNC = value
    ended = project.call()
    assert ended.code == 2
    assert "not a dict" in ended.error
    assert [item.id for item in errors()] == ["schemasync.E001"]


def test_all_faults_are_reported_at_once(project, settings):
    settings.SCHEMASYNC = {"SCHMEA": 1, "KEEP": 0, "SCHEMA": 7}
    assert len(project.call(json=True).json["errors"]) == 3
    assert len(errors()) == 3


def test_two_databases_are_kept_apart(project):
    project.done()
    project.done(database="other")
    project.run_sql("INSERT INTO Log VALUES (1, 'here')")
    project.write({**V1, "More": {"id": "INTEGER PRIMARY KEY"}})
    project.done(database="other")
    assert project.done("history", database="other", json=True).json["generations"][0]["generation"].startswith("0002-")
    assert project.live().startswith("0001-")
    assert project.call("check").code == 1
    assert project.done("check", database="other")


def test_the_error_for_a_database_that_does_not_exist_lists_those_that_do(project):
    ended = project.call(database="othr", json=True)
    assert ended.code == 2
    assert ended.json["errors"][0]["code"] == "bad-option"
    assert "default, other" in ended.json["errors"][0]["hint"]


def test_commands_in_hints_name_the_database_and_the_schema_that_are_meant(project):
    """A pasted command must not act on another database."""
    project.done(database="other")
    second = project.write(V2, "my schema.json")
    project.done(database="other", schema=second)
    project.run_sql("ALTER TABLE Rooms ADD COLUMN extra", project.folder / "other.sqlite3")
    ended = project.call(database="other", schema=second)
    assert f"manage.py schemasync --database other --schema '{second}' --repair" in ended.error
    found = project.call(database="other", schema=second, json=True).json
    assert f"--database other --schema '{second}' --repair" in found["errors"][0]["hint"]
    ended = project.call("rollback", database="other")
    assert "manage.py schemasync rollback --database other --noinput" in ended.error


@pytest.mark.parametrize("make", [lambda folder: folder, lambda folder: folder / "schema"])
def test_a_schema_that_is_a_folder_is_called_one(synced, make):
    path = make(synced.folder)
    path.mkdir(exist_ok=True)
    ended = synced.call(schema=path)
    assert ended.code == 3
    assert f"{path} is a folder\n  Name the file itself, for example {path / 'schema.json'}" in ended.error


def test_a_schema_that_is_a_pipe_keeps_no_command_waiting(synced):
    path = synced.folder / "pipe.json"
    os.mkfifo(path)
    ended = synced.call(schema=path)
    assert ended.code == 3
    expected = (
        "[schema-unreadable] pipe.json: it is a pipe, a device or a socket, and not a file\n  Write it into a file"
    )
    assert expected in ended.error.replace(f"{synced.folder}/", "")


def test_a_database_that_is_a_folder_is_called_one(project):
    project.link.mkdir()
    ended = project.call()
    assert ended.code == 3
    assert f"[foreign-link] {project.link} is a folder\n" in ended.error


@pytest.mark.parametrize("value", ["consume", [1], None])
def test_names_of_commands_that_are_none_are_an_error(settings, value):
    settings.SCHEMASYNC = {"SERVING_COMMANDS": value}
    assert [item.id for item in errors()] == ["schemasync.E003"]
