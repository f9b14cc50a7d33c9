"""A healthy file whose schema this SQLite cannot parse: no error reports damage, and commands do what they can."""

import json
import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite import history_table
from schemasync.errors import Code, Refused
from schemasync.schema import document
from schemasync.sync import check, history, inspection, preview, prune
from schemasync.sync import rollback as back
from schemasync.sync.adopt import adopt
from schemasync.sync.eject import eject
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target as target_of
from schemasync.sync.runner import sync
from schemasync.sync.status import status

OLD = {"t": {"id": "INTEGER PRIMARY KEY", "a": "INT CHECK (a < 1000)"}, "u": {"b": "TEXT"}}
NEW = {**OLD, "u": {"b": "TEXT", "c": "TEXT"}}
ROWS = "INSERT INTO t VALUES (1, 7); INSERT INTO u VALUES ('x');"


def read(tree):
    return document.read(json.dumps(tree).encode())


def make_too_new(path):
    """Put an unknown token into the schema, as a later SQLite might. The file is whole otherwise."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, '1000', '1000 ~~! 0') WHERE name = 't';"
        )


@pytest.fixture
def target(tmp_path):
    """A target with two generations. This SQLite cannot parse the schema of the live one."""
    made = target_of(tmp_path / "db.sqlite3", wait=1.0)
    sync(made, read(OLD))
    with closing(sqlite3.connect(made.layout.link)) as connection:
        connection.executescript(ROWS)
    sync(made, read(NEW))
    make_too_new(made.layout.live().path)
    return made


def content(target):
    return {path: path.read_bytes() for path in target.layout.link.parent.rglob("*") if path.is_file()}


ACTIONS = {
    "sync": lambda target: sync(target, read(NEW), SyncOptions(rebuild_all=True)),
    "pause": lambda target: sync(target, read(OLD), SyncOptions(block_writers=True, allow_older=True)),
    "plan": lambda target: preview.outlook(target, read(NEW), SyncOptions()),
    "check": lambda target: check.check(target, read(NEW)),
    "rollback": lambda target: rollback(target, None, lambda ahead: True),
    "what a rollback would do": lambda target: back.preview(target, None),
    "eject": lambda target: eject(target, None, lambda connection: None),
    "inspect": lambda target: inspection.inspect_path(target.opener, target.layout.link),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_a_schema_that_needs_a_newer_sqlite_is_not_called_damage(target, name):
    before = content(target)
    with pytest.raises(Refused) as caught:
        ACTIONS[name](target)
    (problem,) = caught.value.problems
    assert problem.code == Code.SCHEMA_TOO_NEW
    assert f"SQLite {sqlite3.sqlite_version} cannot parse" in str(problem)
    assert f"SQLite {sqlite3.sqlite_version} wrote last" in str(problem)
    assert '"t"' in str(problem)
    assert "recover" not in str(problem)
    assert content(target) == before


def test_a_plain_file_that_needs_a_newer_sqlite_is_not_adopted(tmp_path):
    made = target_of(tmp_path / "db.sqlite3")
    with closing(sqlite3.connect(made.layout.link)) as connection:
        connection.executescript(f"CREATE TABLE t (id, a CHECK (a < 1000)); CREATE TABLE u (b); {ROWS}")
    make_too_new(made.layout.link)
    with pytest.raises(Refused) as caught:
        adopt(made, None)
    assert [problem.code for problem in caught.value.problems] == [Code.SCHEMA_TOO_NEW]


def test_a_file_that_a_newer_sqlite_wrote_says_which(target):
    live = target.layout.live().path
    with live.open("r+b") as file:  # no connection has it open
        file.seek(96)
        file.write((9_054_001).to_bytes(4, "big"))
    with pytest.raises(Refused, match=r"SQLite 9\.54\.1 or later"):
        preview.outlook(target, read(NEW), SyncOptions())


def test_the_history_of_a_file_that_needs_a_newer_sqlite_is_reported(target):
    before = content(target)
    entries = history.history(target)
    assert [entry.is_live for entry in entries] == [True, False]
    assert {entry.row.sqlite_version for entry in entries} == {sqlite3.sqlite_version}
    now = status(target)
    assert now.live == entries[0].row
    assert [problem.code for problem in now.problems] == [Code.SCHEMA_TOO_NEW]
    assert content(target) == before


def test_an_archive_that_needs_a_newer_sqlite_stops_no_run_but_its_own_way_back(target):
    """A newer SQLite rolled back to the old generation, and the site goes on from there with the older SQLite."""
    live = target.layout.live()
    with closing(sqlite3.connect(live.path)) as connection:
        connection.executescript(
            "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, '1000 ~~! 0', '1000') WHERE name = 't';"
        )
    rollback(target, None, lambda ahead: True)
    swap = versions_fence(live.path)
    make_too_new(live.path)
    assert sync(target, read({**OLD, "u": {"b": "TEXT", "d": "TEXT"}})).result == "synced"
    first = next(g for g in target.layout.generations() if g.number == 1)
    assert versions_fence(first.path) > swap, "the fence of the archive was not counted"
    with pytest.raises(Refused) as caught:
        rollback(target, "2", lambda ahead: True)
    assert [problem.code for problem in caught.value.problems] == [Code.SCHEMA_TOO_NEW]
    assert {archive.generation.number for archive in prune.archives(target)} == {1, 2}


def versions_fence(path):
    """Return the swap number of a closed file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        return connection.execute("SELECT max(swap) FROM _schemasync_fence").fetchone()[0]


def without_sqlite_version(path):
    """Change the history to that of an earlier release, which did not record the version of SQLite."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("ALTER TABLE _schema_versions DROP COLUMN sqlite_version")


def test_a_history_without_the_version_of_sqlite_is_read_and_carried_on(tmp_path):
    made = target_of(tmp_path / "db.sqlite3")
    sync(made, read(OLD))
    without_sqlite_version(made.layout.live().path)
    assert [entry.row.sqlite_version for entry in history.history(made)] == [""]
    for options in (SyncOptions(), SyncOptions(rebuild_all=True)):
        sync(made, read(NEW), options)
        found = [entry.row.sqlite_version for entry in history.history(made)]
        assert found == [sqlite3.sqlite_version] * (len(found) - 1) + [""]


def test_a_swap_back_to_a_file_without_the_version_of_sqlite_keeps_what_is_known(tmp_path):
    made = target_of(tmp_path / "db.sqlite3")
    sync(made, read(OLD))
    first = made.layout.live().path
    without_sqlite_version(first)
    sync(made, read(NEW))
    rollback(made, None, lambda ahead: True)
    with closing(made.opener.read(first)) as connection:
        assert [row.sqlite_version for row in history_table.read(connection)] == ["", sqlite3.sqlite_version, ""]
