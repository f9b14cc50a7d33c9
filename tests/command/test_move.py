"""manage.py schemasync move: the plan, the move, and the way back, as users type them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from schemasync import api
from tests.orm.test_postgres_migrations import install, written
from tests.support.postgres import Database

SCHEMA: dict[str, Any] = {
    "Users": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "email": "TEXT NOT NULL UNIQUE COLLATE NOCASE",
        "born": "DATE",
    },
    "Orders": {"id": "INTEGER PRIMARY KEY", "user": "INTEGER REFERENCES Users (id) ON DELETE CASCADE", "n": "INTEGER"},
}


@pytest.fixture
def pg(project: Any, postgres_database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    entry = {**connections["default"].settings_dict, **postgres_database.params}
    monkeypatch.setitem(connections.settings, "pg", entry)
    project.write(SCHEMA)
    project.done()
    rows = "INSERT INTO Users (email, born) VALUES ('a@b', '2000-01-02'), ('c@d', NULL); INSERT INTO Orders VALUES (1, 2, 3)"
    with closing(sqlite3.connect(project.link)) as connection:
        connection.executescript(rows)
    yield postgres_database
    with suppress(AttributeError):  # no connection was opened
        del connections["pg"]


def test_plan_move_and_back(
    project: Any, pg: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    install(tmp_path, monkeypatch, settings, {"vendor": written("vendor")})
    planned = project.done("move", to="pg", plan=True, json=True).json
    assert {(one["table"], one["rows"]) for one in planned["tables"]} == {("Users", 2), ("Orders", 1)}
    assert {"table": "Users", "column": "born", "type": "date", "why": "the form of its values"} in planned["columns"]
    assert "manage.py schemasync move --to pg" in project.done("move", to="pg", plan=True).out

    moved = project.done("move", to="pg", json=True).json
    assert (moved["result"], moved["rows"]) == ("moved", {"Users": 2, "Orders": 1})
    for notes in (planned["notes"], moved["notes"]):
        assert [one for one in notes if one.startswith("migration schemasync.vendor has code that may act on")]
    with pg.connect() as connection:
        assert connection.execute("SELECT id FROM \"Users\" WHERE email = 'C@D'").fetchall() == [(2,)]
    assert "nothing to do" in project.done("move", to="pg").out
    refused = project.call(json=True)
    assert [one["code"] for one in refused.json["errors"]] == ["moved"]

    assert "is live again" in project.done("move", undo=True).out
    assert project.done(json=True).json["result"] == "current"


def test_the_functions_return_what_the_command_prints(project: Any, pg: Database) -> None:
    printed = [project.done("ddl", json=True).json, project.done("move", to="pg", plan=True, json=True).json]
    returned: list[Any] = [api.ddl(), api.move(to="pg", plan=True)]
    for one in (printed[1], returned[1]):
        assert one.pop("estimate")["rows"] == 3
    assert json.loads(json.dumps(returned)) == printed
    moved = api.move(to="pg")
    assert (moved["result"], moved["rows"]) == ("moved", {"Users": 2, "Orders": 1})
    assert api.move(undo=True)["result"] == "undone"


WRONG = {("email", "nul-byte", 1), ("n", "not-a-number", 1)}


def facts(problem: dict[str, Any]) -> dict[str, Any]:
    return {**problem, **problem["facts"]}


def test_what_does_not_fit_is_refused_all_at_once_and_a_policy_helps(project: Any, pg: Database) -> None:
    with closing(sqlite3.connect(project.link)) as connection, connection:
        connection.execute("INSERT INTO Users (email) VALUES (?)", ("A\x00B",))
        connection.execute("INSERT INTO Orders VALUES (7, NULL, 'many')")
    refused = project.call("move", to="pg", plan=True, json=True).json
    assert [one["code"] for one in refused["errors"]] == ["postgres-values"] * 2
    assert {(one["columns"][0], one["fault"], one["count"]) for one in map(facts, refused["errors"])} == WRONG
    changed = {**SCHEMA, "Orders": {**SCHEMA["Orders"], "n": {"type": "INTEGER", "on_move": "null"}}}
    changed["Users"] = {**SCHEMA["Users"], "email": {"type": SCHEMA["Users"]["email"], "on_move": "clean"}}
    project.write(changed)
    moved = project.done("move", to="pg", json=True).json
    assert {(one["column"], one["fault"], one["count"]) for one in moved["changed"]} == WRONG


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "bad-option"),
        ({"to": "nowhere"}, "bad-option"),
        ({"to": "other"}, "wrong-engine"),
        ({"undo": True}, "not-moved"),
    ],
)
def test_a_move_that_leads_nowhere_is_refused(project: Any, pg: Database, options: dict[str, Any], code: str) -> None:
    assert [one["code"] for one in project.call("move", json=True, **options).json["errors"]] == [code]


def test_an_expression_that_has_another_result_there_ends_the_move(project: Any, pg: Database, settings: Any) -> None:
    """The application's upper() covers all letters; the translation does not know that."""

    def connect(connection: sqlite3.Connection) -> None:
        connection.create_function("upper", 1, str.upper, deterministic=True)

    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "CONNECT": connect}
    with closing(sqlite3.connect(project.link)) as connection, connection:
        connect(connection)
        connection.execute("INSERT INTO Users (email) VALUES ('é@x')")
    project.write({**SCHEMA, "Users": {**SCHEMA["Users"], "_indexes": [{"name": "up", "columns": ["upper(email)"]}]}})
    project.done()
    failed = project.call("move", to="pg", json=True).json
    assert [(one["code"], one["facts"]["rows"]) for one in failed["errors"]] == [("translation-differs", 1)]
    with pg.connect() as there:
        assert there.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchall() == [(0,)]
    assert project.done(json=True).json["result"] == "current"
