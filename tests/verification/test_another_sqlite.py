"""A database that another SQLite built and filled: values that it computed differently are found, reported and rebuilt.

Since 3.53 a REAL becomes text with 17 digits. An older SQLite gets a file of a later one, and the other way round.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from schemasync.diff.hazards import HazardCode
from schemasync.engines.sqlite import history_table
from schemasync.errors import Failed, Refused
from schemasync.schema import document
from schemasync.sync.adopt import adopt
from schemasync.sync.check import check
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.preview import outlook
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.support.columns import WRITTEN
from tests.support.sqlite_builds import REAL_HAS_17_DIGITS, another

from .damaged import LIMITS, execute

IS_OLD = sqlite3.sqlite_version_info < REAL_HAS_17_DIGITS
ROOT = Path(__file__).parents[2]

STORED = "TEXT GENERATED ALWAYS AS (v || '') STORED"
OLD = {
    "t": {
        "id": "INTEGER PRIMARY KEY",
        "v": "REAL",
        "g": "TEXT GENERATED ALWAYS AS (v || '') VIRTUAL",
        "s": STORED,
        "n": "INTEGER",
        "_indexes": [
            {"name": "over", "columns": ["CAST(v AS TEXT)"]},
            {"name": "of_g", "columns": ["g"]},
            {"name": "of_s", "columns": ["s"]},
            {"name": "part", "columns": ["id"], "where": "CAST(v AS TEXT) = '0.3'"},
            {"name": "plain", "columns": ["v"]},
        ],
    },
    "o": {"id": "INTEGER PRIMARY KEY"},
}
ROWS = "INSERT INTO t (v) VALUES (0.1 + 0.2), (0.5), (1.0 / 3)"
NUL = "INSERT INTO t (n) VALUES ('12' || char(0) || 'abc')"
OTHER_TABLE = {**OLD, "o": {**OLD["o"], "more": "TEXT"}}
SAME_TABLE = {**OLD, "t": {**OLD["t"], "more": WRITTEN}}

MAKE = """
import json, sqlite3, sys
from pathlib import Path
from schemasync.schema import document
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
sync(target(Path(sys.argv[1])), document.read(sys.argv[2].encode()))
connection = sqlite3.connect(sys.argv[1])
connection.executescript(sys.argv[3])
connection.close()
print(sqlite3.sqlite_version)
"""


def read(tree):
    return document.read(json.dumps(tree).encode())


def by_another(link, tree, rows):
    """Make a database with another SQLite, and return its version."""
    environment = another()
    if environment is None:
        pytest.skip("no npm or no gcc")
    command = [sys.executable, "-c", MAKE, str(link), json.dumps(tree), rows]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    version = ended.stdout.strip()
    assert (tuple(map(int, version.split("."))) < REAL_HAS_17_DIGITS) is not IS_OLD
    return version


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("by-another")
    return folder, by_another(folder / "db.sqlite3", OLD, f"{ROWS}; {NUL}")


@pytest.fixture
def link(made, tmp_path):
    shutil.copytree(made[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path / "db.sqlite3"


def ask(link, sql):
    with closing(sqlite3.connect(link)) as connection:
        return connection.execute(sql).fetchall()


def stale(link):
    lines = [line for (line,) in ask(link, "PRAGMA integrity_check")]
    return {name for line in lines for name in ("over", "of_g", "of_s", "part", "plain") if line.endswith(f" {name}")}


BY_INDEX = "SELECT id FROM t INDEXED BY over WHERE CAST(v AS TEXT) = CAST(0.1 + 0.2 AS TEXT)"
REPORTED = {"over", "of_g", "part"}
MISSED = REPORTED if IS_OLD else REPORTED - {"part"}
"""The indexes that integrity_check reports. In a file of an earlier SQLite, `part` has a row too many: no message."""


def test_what_sqlite_does_with_an_index_that_another_one_filled(link):
    assert stale(link) == MISSED
    assert ask(link, BY_INDEX) == []
    part = "SELECT id FROM t {} WHERE CAST(v AS TEXT) = '0.3'"
    by_index, right = ([], [(1,)]) if IS_OLD else ([(1,)], [])
    assert (ask(link, part.format("INDEXED BY part")), ask(link, part.format("NOT INDEXED"))) == (by_index, right)
    if IS_OLD:  # a later one also searches for the value of an earlier one
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            execute(link, "DELETE FROM t WHERE id = 1")
    execute(link, "UPDATE t SET n = 5 WHERE id = 1")
    assert stale(link) == MISSED | {"of_s"}, "the update computed the stored value again, and not its index"
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        execute(link, "DELETE FROM t WHERE id = 1")


@pytest.mark.parametrize(
    "options", [SyncOptions(limits=LIMITS), SyncOptions(block_writers=True)], ids=["live", "pause"]
)
def test_a_run_builds_indexes_again_that_another_sqlite_built(link, made, options):
    report = sync(target(link), read(OTHER_TABLE), options)
    assert report.strategy == "clone"
    (note,) = [hazard for hazard in report.hazards if hazard.code is HazardCode.STALE_INDEX]
    assert f"SQLite {made[1]} built the live file" in note.message
    assert "4 indexes" in note.message
    assert "(of_g, of_s, over, part)" in note.message
    assert stale(link) == set()
    assert ask(link, BY_INDEX) == [(1,)]
    execute(link, "DELETE FROM t WHERE id = 1")
    with closing(sqlite3.connect(link)) as connection:
        assert history_table.newest(connection).sqlite_version == sqlite3.sqlite_version
    again = sync(
        target(link), read(OLD), SyncOptions(limits=LIMITS, allow_drop=frozenset({"o.more"}), allow_older=True)
    )
    assert HazardCode.STALE_INDEX not in {hazard.code for hazard in again.hazards}


def test_check_says_what_another_sqlite_computed_differently(link):
    found = check(target(link), read(OLD))
    assert not found.differs(strict=True)
    assert {hazard.message.split('"')[1] for hazard in found.stale_indexes} == REPORTED
    assert all("REINDEX main." in hazard.hint for hazard in found.stale_indexes)
    (values,) = [hazard for hazard in found.outdated if hazard not in found.stale_indexes]
    assert (values.code, values.table, values.column) == (HazardCode.GENERATED_CHANGES, "t", "s")
    assert (values.rows, values.keys) == (2, ("1", "3"))
    execute(link, "REINDEX main.over")
    assert {hazard.message.split('"')[1] for hazard in check(target(link), read(OLD)).stale_indexes} == REPORTED - {
        "over"
    }
    sync(target(link), read(OLD), SyncOptions(rebuild_all=True, limits=LIMITS, allow_drop=frozenset({"t.n"})))
    assert check(target(link), read(OLD)).outdated == ()


def test_verify_full_says_it_of_a_current_database(link):
    with pytest.raises(Failed) as caught:
        sync(target(link), read(OLD), SyncOptions(verify_full=True))
    (problem,) = caught.value.problems
    assert "missing from index over" in problem.message
    assert "--rebuild-all" in problem.hint


def test_stored_values_that_a_rewrite_changes_are_a_hazard_beforehand(link):
    execute(link, "DELETE FROM t WHERE n = 12 OR typeof(n) = 'text'")
    wanted = read(SAME_TABLE)
    (reported,) = [
        one for one in outlook(target(link), wanted, SyncOptions()).plan.hazards if one.code == "generated-changes"
    ]
    assert (reported.table, reported.column, reported.rows, reported.keys) == ("t", "s", 2, ("1", "3"))
    before = dict(ask(link, "SELECT id, s FROM t"))
    sync(target(link), wanted, SyncOptions(limits=LIMITS))
    after = dict(ask(link, "SELECT id, s FROM t"))
    assert {id for id in before if before[id] != after[id]} == {1, 3}
    assert stale(link) == set()


def test_text_that_is_stored_otherwise_today_is_a_hazard_beforehand(link):
    """This holds for text that an older SQLite kept. A number that a later one stores is a number for all."""
    wanted, options = read(SAME_TABLE), SyncOptions(limits=LIMITS)
    if IS_OLD:
        assert ask(link, "SELECT n FROM t WHERE id = 4") == [(12,)]
        assert sync(target(link), wanted, options).result == "synced"
        return
    with pytest.raises(Refused) as caught:
        sync(target(link), wanted, options)
    (problem,) = caught.value.problems
    assert problem.facts["code"] == "lossy"
    assert problem.facts["keys"] == ["4"]
    assert "--allow-drop t.n" in problem.hint
    sync(target(link), wanted, SyncOptions(limits=LIMITS, allow_drop=frozenset({"t.n"})))
    assert ask(link, "SELECT n FROM t WHERE id = 4") == [(12,)]


UNIQUE = {**OLD, "t": {**OLD["t"], "_indexes": [{"name": "one", "columns": ["v || ''"], "unique": True}]}}


def test_an_index_that_cannot_be_built_again_stays_and_is_named(tmp_path):
    """0.1 + 0.2 and 0.3 become two texts in a later SQLite, and one in an older one."""
    link = tmp_path / "db.sqlite3"
    by_another(link, UNIQUE, "INSERT INTO t (v) VALUES (0.1 + 0.2)" + (", (0.3)" if IS_OLD else ""))
    report = sync(target(link), read({**UNIQUE, "o": OTHER_TABLE["o"]}), SyncOptions(limits=LIMITS))
    notes = [note for note in report.notes if "stays as it was built" in note]
    assert [note.partition(": ")[0] for note in notes] == (
        ['the index "one" of "t" stays as it was built'] if IS_OLD else []
    )
    assert ask(link, "SELECT count(*) FROM t NOT INDEXED") == [(2 if IS_OLD else 1,)]
    lines = [line for (line,) in ask(link, "PRAGMA integrity_check")]
    assert lines == (["row 1 missing from index one"] if IS_OLD else ["ok"])


def test_an_adoption_builds_them_again_and_names_those_that_missed_rows(link, tmp_path):
    plain = tmp_path / "plain" / "db.sqlite3"
    plain.parent.mkdir()
    with closing(sqlite3.connect(link)) as connection:
        connection.execute("DROP TABLE _schema_versions")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(link.resolve(), plain)
    done = adopt(target(plain), read(OLD))
    reported = [hazard for hazard in done.notes if hazard.code is HazardCode.STALE_INDEX]
    assert {hazard.message.split('"')[1] for hazard in reported} == REPORTED
    assert {hazard.hint for hazard in reported} == {"The copy has it built again."}
    assert stale(plain) == set()


def test_a_change_in_place_leaves_the_note_which_sqlite_built_the_file(link, made):
    added = {**OLD, "o": {**OLD["o"], "more": "TEXT"}}
    assert sync(target(link), read(added), SyncOptions(in_place=True)).strategy == "in-place"
    with closing(sqlite3.connect(link)) as connection:
        assert history_table.newest(connection).sqlite_version == made[1]
    assert {hazard.message.split('"')[1] for hazard in check(target(link), read(added)).stale_indexes} == REPORTED
