"""manage.py schemasync hash: the version of a schema.json, for builds, CI logs and audits."""

import re

from tests.support.project import V2


def test_it_prints_the_version_and_nothing_else(synced):
    assert re.fullmatch(r"1:[0-9a-f]{64}\n", synced.done("hash").out)


def test_it_is_the_version_that_the_database_has(synced):
    assert synced.done("hash").out.strip() == synced.done("history", json=True).json["generations"][0]["version"]


def test_json_has_the_short_one_that_file_names_bear(synced):
    found = synced.done("hash", json=True).json
    assert set(found) == {"result", "version", "short", "errors"}
    assert found["short"] in synced.live()


def test_any_file_may_be_named(project):
    path = project.write(V2, "next.json")
    by_argument = project.done("hash", path).out
    assert by_argument != project.done("hash").out
    assert by_argument == project.done("hash", schema=path).out == project.done("hash", file=str(path)).out


def test_spelling_comments_and_hints_do_not_move_it(project):
    before = project.done("hash").out
    project.write(
        """{
        // people
        "Log": {"id": "integer  primary key", "what": {"type": "text", "comment": "why"}},
        "Users": {"id": "INTEGER PRIMARY KEY", "name": {"type": "text not null", "was": ["title"]}, "fax": "text", "_dropped": ["old"],},
    }"""
    )
    assert project.done("hash").out == before


def test_it_needs_no_database(project, monkeypatch):
    from django.db import connections

    monkeypatch.setitem(connections["default"].settings_dict, "NAME", ":memory:")
    project.done("hash")
