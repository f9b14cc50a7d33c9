"""manage.py schemasync inspect FILE: the schema.json of any SQLite file."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from django.db import connections

from schemasync.engines.sqlite.connection import Opener
from schemasync.schema import document
from schemasync.sync.inspection import inspect_path
from tests.support.project import V1

KEYS = {
    "result",
    "version",
    "schema",
    "rows",
    "left_out",
    "not_created",
    "unknown_names",
    "problems",
    "output",
    "errors",
}
TABLES = "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT); CREATE INDEX i ON a (x); INSERT INTO a VALUES (1, 'one')"


@pytest.fixture
def file(project):
    path = project.folder / "any.db"
    project.run_sql(TABLES, path)
    return path


def test_it_prints_a_schema_json_and_nothing_else(project, file):
    out = project.done("inspect", file).out
    assert document.read(out.encode()).schema.table("a").indexes[0].name == "i"


def test_json_has_every_key(project, file):
    found = project.done("inspect", file, json=True).json
    assert set(found) == KEYS
    assert found["result"] == "inspected"
    assert list(found["schema"]) == ["a"]
    assert found["version"] == project.done("hash", project.write(found["schema"], "a.json")).out.strip()
    assert (found["rows"], found["left_out"], found["problems"], found["output"]) == ({}, [], [], None)


def test_it_writes_to_a_file_and_replaces_none_unasked(project, file):
    out = project.folder / "out.json"
    assert "wrote" in project.done("inspect", file, output=str(out)).out
    written = out.read_text()
    assert written == project.done("inspect", file).out
    ended = project.call("inspect", file, output=out, json=True)
    assert ended.code == 3
    assert ended.json["errors"][0]["code"] == "output-exists"
    assert project.done("inspect", file, "-o", out, noinput=True, json=True).json["output"] == str(out)
    assert out.read_text() == written
    assert sorted(path.name for path in project.folder.iterdir()) == ["any.db", "out.json", "schema.json"]


def test_what_is_printed_of_our_own_database_is_its_schema(evolved):
    """Neither the history nor the fence of an archive is part of the schema."""
    live = evolved.done("inspect", evolved.link).out
    assert document.read(live.encode()).version == evolved.done("hash").out.strip()
    archive = evolved.archive / evolved.generations()[0]
    found = evolved.done("inspect", archive, json=True).json
    assert sorted(found["schema"]) == ["Log", "Users"]
    assert found["version"] == evolved.done("hash", evolved.write(V1, "v1.json")).out.strip()


def test_rows_that_are_only_in_the_log_of_a_killed_program_are_part_of_it(project, file):
    """The table was created, but is not yet in the main file."""
    code = (
        "import os, sqlite3\n"
        f"c = sqlite3.connect({str(file)!r}, isolation_level=None)\n"
        "c.execute('PRAGMA journal_mode=WAL'); c.execute('CREATE TABLE late (x)'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    before = held(project.folder)
    assert "any.db-wal" in before
    assert "late" in project.done("inspect", file, json=True).json["schema"]
    assert {name: data for name, data in held(project.folder).items() if name != "any.db-shm"} == {
        name: data for name, data in before.items() if name != "any.db-shm"
    }


def test_while_somebody_writes_it_shows_what_is_committed(project, file):
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE later (x)")
        assert list(project.done("inspect", file, json=True).json["schema"]) == ["a"]
        writer.execute("COMMIT")
        assert list(project.done("inspect", file, json=True).json["schema"]) == ["a", "later"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_file_in_a_folder_that_may_only_be_read_is_read_and_left_as_it_is(project, file, mode):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
    for folder in (project.folder, project.folder.parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    before = held(project.folder)
    assert as_nobody(lambda: [table.name for table in inspect_path(Opener(), file).schema.tables]) == ["a"]
    assert held(project.folder) == before


def test_it_needs_no_database_in_the_settings(project, file, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "NAME", ":memory:")
    project.done("inspect", file)


def test_what_no_schema_json_can_say_is_printed_and_named(project):
    path = project.folder / "any.db"
    project.run_sql("CREATE TABLE c (a REFERENCES missing)", path)
    ended = project.done("inspect", path)
    assert "to be fixed before a sync: " in ended.err
    assert 'c.a refers to the table "missing"' in ended.err
    assert json.loads(ended.out) == {"c": {"a": "REFERENCES missing"}}
    assert len(project.done("inspect", path, json=True).json["problems"]) == 1


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, "no-database"),
        (lambda path: path.write_text("not a database, and longer than a header of SQLite" * 40), "not-a-database"),
        (lambda path: path.mkdir(), "no-database"),
    ],
    ids=["nothing", "a text", "an empty folder"],
)
def test_what_is_no_database_is_refused_by_name(project, make, code):
    path = project.folder / "thing"
    make(path)
    ended = project.call("inspect", path, json=True)
    assert ended.code == 3
    error = ended.json["errors"][0]
    assert error["code"] == code
    assert str(path) in error["message"]
    assert error["hint"]


def test_an_empty_file_has_an_empty_schema(project):
    (project.folder / "empty").touch()
    assert project.done("inspect", project.folder / "empty").out == "{}\n"


def test_a_folder_that_is_not_there_is_said_with_the_command_that_makes_it(project, file):
    ended = project.call("inspect", file, output=project.folder / "new" / "out.json")
    assert ended.code == 3
    assert "[no-folder]" in ended.error
    assert f"mkdir -p {project.folder / 'new'}" in ended.error


def test_a_folder_is_not_written_over_even_without_a_question(project, file):
    ended = project.call("inspect", file, output=project.folder, noinput=True)
    assert ended.code == 3
    assert f"[output-exists] {project.folder} is a folder" in ended.error


def as_nobody(ask):
    """Return the result of `ask` from a child process that is neither root nor the owner; an error as its repr."""
    ours, theirs = os.pipe()
    if child := os.fork():
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        return json.loads(answer)
    try:
        os.setgid(65534)
        os.setuid(65534)
        os.write(theirs, json.dumps(ask()).encode())
    except BaseException as error:  # noqa: BLE001  the child has no other way to tell
        os.write(theirs, json.dumps(repr(error)).encode())
    finally:
        os._exit(0)


def held(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_generation_is_printed_as_its_version_says_and_not_as_the_file_is_now(evolved):
    """A sync to the version needs this: no table that schema.json does not name, and SQL as its author wrote it."""
    first, second = (name.removesuffix(".sqlite3") for name in evolved.generations())
    evolved.run_sql("CREATE TABLE not_ours (a)")
    for wanted in (
        "1",
        "0001",
        first,
        json.loads(evolved.done("history", json=True).out)["generations"][1]["version"][2:12],
    ):
        evolved.schema.write_text(evolved.done("inspect", wanted).out)
        assert "not_ours" not in evolved.schema.read_text()
        assert evolved.done("hash").out.strip() == evolved.done("history", json=True).json["generations"][1]["version"]
    assert "CHECK (full_name <> '')" in evolved.done("inspect", second).out
    assert "[unknown-generation]" in evolved.call("inspect", "77").error
    assert "Name a SQLite file, a folder of .sql files, or a generation" in evolved.call("inspect", "nothing.db").error


def test_the_hint_after_a_rollback_stays_there(evolved):
    evolved.done("rollback", interactive=False)
    error = evolved.call().error
    (command,) = (line for line in error.splitlines() if "or write it: manage.py" in line)
    evolved.done(*command.partition("manage.py schemasync ")[2].split())
    assert "is current" in evolved.done().out
    evolved.done("check")


def test_a_generation_whose_file_is_gone_has_arguments_that_fts4_accepts(project):
    tree = {
        "words": {"_virtual": 'fts4(body, notindexed=body, tokenize=unicode61 "remove_diacritics=0", prefix="2,4")'}
    }
    project.write(tree)
    project.done()
    first = project.live()
    project.write({**tree, "t": {"id": "INTEGER PRIMARY KEY"}})
    project.done()
    (project.archive / f"{first}.sqlite3").unlink()
    project.write(project.done("inspect", first).out)
    project.done("--allow-older", "--allow-drop", "t")
    assert project.call("check", "--strict").code == 0
