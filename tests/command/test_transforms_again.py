"""Transforms combined with the other ways to another schema: each acts once on the rows of a database."""

import shutil
import sys

import pytest

OLD = {"Users": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT"}}
NAMES = {"user_id": "INTEGER PRIMARY KEY REFERENCES Users (id)", "first": "TEXT", "last": "TEXT"}
NEW = {"Users": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "_dropped": ["name"]}, "Names": NAMES}
SPLIT = """
from schemasync.transforms import ONE_TO_ONE, transform


@transform("Users", into=["Users", "Names"], kind=ONE_TO_ONE, name="split-names")
def split_names(user):
    first, _, last = (user["name"] or "").partition(" ")
    yield "Users", {"id": user["id"]}
    yield "Names", {"user_id": user["id"], "first": first, "last": last}
"""
ADA, BEN, CYD = (1, "Ada", "Lovelace"), (2, "Ben", "Nevis"), (3, "Cyd", "Charisse")


@pytest.fixture
def old(project, settings, monkeypatch):
    """A project with full names in its database, and a transform that splits them."""
    monkeypatch.syspath_prepend(str(project.folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    project.write(OLD)
    project.done()
    project.run_sql("INSERT INTO Users (name) VALUES ('Ada Lovelace'), ('Ben Nevis')")
    declare(project, SPLIT)
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "TRANSFORMS": "transforms_again"}
    yield project
    sys.modules.pop("transforms_again", None)


def declare(project, text):
    (project.folder / "transforms_again.py").write_text(text)
    sys.modules.pop("transforms_again", None)


def names(project):
    return project.rows("SELECT * FROM Names ORDER BY user_id")


def pending(project):
    return project.done("status", json=True).json["pending_transforms"]


def test_a_rehearsal_calls_it_and_records_nothing(old):
    old.write(NEW)
    assert "Names: filled by the transform split-names" in old.done("rehearse").out
    assert pending(old) == ["split-names"]
    old.done()
    assert names(old) == [ADA, BEN]


def test_after_a_rollback_it_acts_on_the_rows_of_then(old):
    old.write(NEW)
    old.done()
    old.done("rollback", "--noinput")
    assert pending(old) == ["split-names"]
    old.run_sql("INSERT INTO Users (name) VALUES ('Cyd Charisse')")
    old.done("--allow-older")
    assert names(old) == [ADA, BEN, CYD]


def test_it_acts_again_when_the_table_that_it_made_was_dropped_meanwhile(old):
    old.write(NEW)
    old.done()
    old.write({**OLD, "_dropped": ["Names"]})
    old.done("--allow-older")
    old.run_sql("UPDATE Users SET name = 'Ada Lovelace' WHERE id = 1; INSERT INTO Users (name) VALUES ('Cyd Charisse')")
    old.write(NEW)
    assert "Names: filled by the transform split-names" in old.done("plan", "--allow-older").out
    old.done("--allow-older")
    assert names(old) == [ADA, (2, "", ""), CYD]
    assert pending(old) == []


def test_a_switch_brings_back_what_it_made_and_does_not_call_it_again(old):
    old.write(NEW)
    old.done()
    old.run_sql("UPDATE Names SET first = 'Augusta' WHERE user_id = 1")
    old.write(OLD)
    old.done("switch")
    old.run_sql("INSERT INTO Users (name) VALUES ('Cyd Charisse')")
    declare(old, SPLIT.replace("yield", "raise ValueError\n    yield"))
    old.write(NEW)
    done = old.done("switch", json=True).json
    assert done["brought_back"] == {"Names": 2}
    assert names(old) == [(1, "Augusta", "Lovelace"), BEN]
    assert done["kept"] == ["Users.name"]
    assert pending(old) == []


def test_a_switch_calls_one_that_has_not_acted(old):
    old.write(NEW)
    assert old.done("switch", json=True).json["kept"] == ["Users.name"]
    assert names(old) == [ADA, BEN]


def test_a_table_that_the_same_run_creates_has_no_rows_for_it(old):
    """The database skips the release that created the table."""
    renamed = SPLIT.replace('"Users"', '"People"')
    declare(old, renamed)
    old.write({**OLD, "People": {"id": "INTEGER PRIMARY KEY"}, "Names": {**NAMES, "user_id": "INTEGER PRIMARY KEY"}})
    old.done()
    assert pending(old) == []
    old.run_sql("INSERT INTO People VALUES (7)")
    assert old.done(json=True).json["result"] == "current"
    assert old.rows("SELECT count(*) FROM Names") == [(0,)]


def test_it_is_refused_if_it_reads_what_another_one_makes_in_the_same_run(old):
    second = """

@transform("Names", into="Initials", kind=ONE_TO_ONE, name="initials")
def initials(name):
    yield "Initials", {"user_id": name["user_id"], "initials": name["first"][:1] + name["last"][:1]}
"""
    declare(old, SPLIT + second)
    old.write({**NEW, "Initials": {"user_id": "INTEGER PRIMARY KEY", "initials": "TEXT"}})
    ended = old.call()
    assert ended.code == 3
    assert 'the transform "initials" reads "Names", which the database does not have' in ended.err
    assert "bring the database to the schema.json of that release first" in ended.err
    old.write(NEW)
    declare(old, SPLIT)
    old.done()
    declare(old, SPLIT + second)
    old.write({**NEW, "Initials": {"user_id": "INTEGER PRIMARY KEY", "initials": "TEXT"}})
    old.done()
    assert old.rows("SELECT initials FROM Initials") == [("AL",), ("BN",)]


def test_the_recorded_names_come_along_with_a_snapshot(old, tmp_path):
    old.write(NEW)
    old.done()
    old.done("snapshot", tmp_path / "copy.sqlite3")
    old.archive.rename(tmp_path / "lost")
    old.link.unlink()
    shutil.copy(tmp_path / "copy.sqlite3", old.link)
    old.done("adopt")
    assert pending(old) == []
    assert old.done(json=True).json["result"] == "current"


def test_one_of_before_is_pending_after_it_was_restored(old, tmp_path):
    old.done("snapshot", tmp_path / "copy.sqlite3")
    old.write(NEW)
    old.done()
    old.archive.rename(tmp_path / "lost")
    old.link.unlink()
    shutil.copy(tmp_path / "copy.sqlite3", old.link)
    old.done("adopt")
    assert pending(old) == ["split-names"]
    old.done()
    assert names(old) == [ADA, BEN]
