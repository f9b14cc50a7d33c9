"""manage.py schemasync rollback --keep-writes: its preview, questions, refusals and output."""

import pytest

from tests.support.project import V1

WITHOUT = {"Users": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT"}}
WITH = {"Users": {**WITHOUT["Users"], "phone": "TEXT"}}


@pytest.fixture
def shrunk(project):
    """A project whose database lost a column, and has one row written since."""
    project.write(WITH)
    project.done()
    project.run_sql("INSERT INTO Users (name, phone) VALUES ('ann', '1'), ('bob', '2')")
    project.write({"Users": {**WITHOUT["Users"], "_dropped": ["phone"]}})
    project.done()
    project.run_sql("INSERT INTO Users (name) VALUES ('cyd')")
    return project


def test_dry_run_says_what_comes_from_the_archive_and_changes_nothing(shrunk):
    live = shrunk.live()
    out = shrunk.done("rollback", keep_writes=True, dry_run=True).out
    assert "Users.phone: for 2 rows, by primary key; 1 row has no value there" in out
    found = shrunk.done("rollback", keep_writes=True, dry_run=True, json=True).json
    assert found["result"] == "planned"
    assert found["keep_writes"]["columns"] == [{"column": "Users.phone", "rows": 2, "new": 1}]
    assert found["keep_writes"]["replay"] is None
    assert shrunk.live() == live


def test_it_goes_back_and_says_how_to_undo_it(shrunk):
    live = shrunk.live()
    out = shrunk.done("rollback", keep_writes=True, noinput=True, fill=["Users.phone='?'"]).out
    assert f"To undo it, with all rows: manage.py schemasync rollback --keep-writes {live}" in out
    assert shrunk.rows("SELECT name, phone FROM Users") == [("ann", "1"), ("bob", "2"), ("cyd", "?")]
    entry = shrunk.done("history", json=True).json["generations"][0]
    assert entry["action"] == "keep-writes"
    assert "with its rows, to the schema of 0001-" in shrunk.done("history").out
    found = shrunk.done("rollback", live, keep_writes=True, noinput=True, json=True).json
    assert (found["result"], found["generation"]) == ("rolled_back", shrunk.live())
    assert found["keep_writes"]["archive"] == live
    assert found["keep_writes"]["replay"]["keys"] == 0


def test_without_a_terminal_it_wants_noinput_and_names_the_option(shrunk):
    ended = shrunk.call("rollback", keep_writes=True)
    assert ended.code == 2
    assert "manage.py schemasync rollback --keep-writes --noinput" in ended.error


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_has_no_place_is_refused_with_its_keys(shrunk, dry_run):
    shrunk.write({"Users": {**WITHOUT["Users"], "name": "TEXT"}})
    shrunk.write({"Users": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "BLOB"}})
    shrunk.done()
    shrunk.run_sql("INSERT INTO Users (name) VALUES (1.25)")
    shrunk.write({"Users": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT NOT NULL", "email": "TEXT"}})
    shrunk.done()
    shrunk.write({"Users": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT", "email": "TEXT"}})
    shrunk.done()
    shrunk.run_sql("INSERT INTO Users (name) VALUES (NULL)")
    live = shrunk.live()
    ended = shrunk.call("rollback", keep_writes=True, dry_run=dry_run, noinput=True, json=True)
    assert ended.code == 3
    assert (ended.json["result"], ended.json["errors"][0]["code"]) == ("refused", "hazard")
    assert ended.json["errors"][0]["facts"]["keys"] == ["5"]
    assert "--fill" in ended.json["errors"][0]["hint"]
    assert shrunk.live() == live


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"fill": ["Users.phone=1"]}, "--fill is of use only with --keep-writes"),
        ({"keep_writes": True, "fill": ["Users.phone"]}, "--fill Users.phone is invalid"),
        ({"keep_writes": True, "in_place": True}, "--in-place"),
        ({"keep_writes": True, "rebuild_all": True}, "rollback has no use for --rebuild-all"),
        ({"allow_drop": ["Users"]}, "rollback has no use for --allow-drop"),
    ],
)
def test_options_that_do_not_go_together_are_refused(shrunk, options, text):
    ended = shrunk.call("rollback", noinput=True, **options)
    assert ended.code == 2
    assert text in ended.error


def test_a_schema_that_is_live_is_nothing_to_go_back_to(project):
    project.write(V1)
    project.done()
    project.done(rebuild_all=True)
    ended = project.call("rollback", keep_writes=True, noinput=True)
    assert ended.code == 3
    assert "[cannot-keep-writes]" in ended.error
