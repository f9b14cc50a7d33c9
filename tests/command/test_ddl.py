"""manage.py schemasync ddl, and the same DDL executed by psql."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

from schemasync.engines.sqlite.inspect import inspect
from schemasync.schema.document import read
from tests.support.postgres import Database, binaries

SCHEMA: dict[str, Any] = {
    "Users": {
        "id": "INTEGER PRIMARY KEY",
        "email": "TEXT NOT NULL UNIQUE COLLATE NOCASE",
        "born": "DATE",
        "_checks": ["email LIKE '%@%'"],
        "_indexes": [["lower(email)"]],
    },
    "Orders": {"id": "INTEGER PRIMARY KEY", "user": "INTEGER REFERENCES Users (id) ON DELETE CASCADE"},
}


def test_psql_runs_it_as_it_stands_in_an_empty_schema(project: Any, postgres_database: Database) -> None:
    folder = binaries()
    if folder is None or not (folder / "psql").exists():
        pytest.skip("there is no psql here")
    project.write(SCHEMA)
    out = project.folder / "out.sql"
    ended = project.done("ddl", output=out)
    assert '"Users"."born" becomes text' in ended.error
    assert '\n-- "Users"."born" becomes text: it is declared DATE' in out.read_text()
    command = [folder / "psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", out, postgres_database.dsn]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    with postgres_database.connect() as pg:
        pg.execute("INSERT INTO \"Users\" (email) VALUES ('a@b')")
        assert pg.execute("SELECT id FROM \"Users\" WHERE email = 'A@B'").fetchall() == [(1,)]
    assert project.call("ddl", output=out).code == 3, "it replaces no file unasked"


def test_the_ddl_for_sqlite_builds_the_schema(project: Any) -> None:
    project.write(SCHEMA)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(project.done("ddl", engine="sqlite").out)
        assert inspect(connection).schema == read(project.schema.read_bytes()).schema


def test_what_cannot_be_translated_is_refused_and_nothing_is_written(project: Any) -> None:
    project.write({"t": {"a": "TEXT", "_checks": ["julianday(a) > 1", "quote(a) > ''"]}})
    out = project.folder / "out.sql"
    ended = project.call("ddl", output=out, json=True)
    assert ended.code == 3
    assert [one["code"] for one in ended.json["errors"]] == ["not-translated", "not-translated"]
    assert not out.exists()


def test_json_has_the_statements_by_phase_and_why_each_column_has_its_type(project: Any) -> None:
    project.write(SCHEMA)
    found = project.done("ddl", json=True).json
    assert [one["phase"] for one in found["statements"]] == [
        "extension", "table", "table", "key", "key", "key", "index", "check", "foreign key",
    ]  # fmt: skip
    assert {"table": "Users", "column": "email", "type": "citext", "why": "COLLATE NOCASE"} in found["columns"]


def test_without_sqlglot_it_says_what_to_install(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(SCHEMA)
    monkeypatch.setattr("schemasync.engines.postgres.translator.find_spec", lambda name: None)
    ended = project.call("ddl", json=True)
    assert ended.json["errors"][0]["hint"] == 'pip install "django-schemasync[postgres]"'


@pytest.mark.slow
def test_other_commands_do_not_import_what_it_needs() -> None:
    code = "import schemasync.management.actions, sys; print({'sqlglot', 'psycopg'} & set(sys.modules))"
    setup = "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'; django.setup(); "
    done = subprocess.run([sys.executable, "-c", setup + code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
