"""`--verify full` if there is nothing to build: it reads the live file itself."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, nullcontext

import pytest

from schemasync.engines.sqlite.verify import integrity_check
from schemasync.errors import Failed
from schemasync.files.disk import Disk
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

from .damaged import NEW, OLD, copy, execute, make, read, stale_index

FULL = SyncOptions(verify_full=True)


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    return make(tmp_path_factory.mktemp("current") / "old")


@pytest.fixture
def link(old, tmp_path):
    return copy(old, tmp_path / "w")


def verify(link, options=FULL):
    return sync(target(link, wait=5.0), read(OLD), options)


def problems(link):
    with pytest.raises(Failed) as caught:
        verify(link)
    assert {str(problem.code) for problem in caught.value.problems} == {"verify-differs"}
    return [problem.facts for problem in caught.value.problems]


def test_a_database_that_is_current_and_whole_is_said_to_be_verified(link):
    report = verify(link)
    assert report.result == "current"
    assert any(note.startswith("verified: integrity_check and foreign_key_check find nothing") for note in report.notes)
    assert verify(link, SyncOptions()).notes == [], "only where it is asked for"


def test_an_index_that_misses_rows_is_found(link):
    execute(link, stale_index())
    (facts,) = problems(link)
    assert facts["check"] == "integrity"
    assert "row 1 missing from index stale" in facts["found"]
    execute(link, "REINDEX")
    assert verify(link).result == "current"


def test_a_page_that_is_overwritten_is_found(link):
    with closing(sqlite3.connect(link)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'kept_x'").fetchone()[0]
    with link.resolve().open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    (facts,) = problems(link)
    assert facts["check"] == "integrity"


def test_rows_that_refer_to_nothing_are_found_and_counted(link):
    execute(link, "INSERT INTO children VALUES (8, 100), (9, 100)")
    (facts,) = problems(link)
    assert (facts["check"], facts["table"], facts["rows"]) == ("references", "children", 2)


def test_everything_that_is_wrong_is_said_at_once(link):
    execute(link, "INSERT INTO children VALUES (8, 100);" + stale_index())
    assert sorted(facts["check"] for facts in problems(link)) == ["integrity", "references"]


def test_a_reference_to_columns_that_are_not_unique_holds_nowhere_and_is_no_reason_to_fail(link):
    execute(link, "CREATE TABLE odd (x REFERENCES people (name)); INSERT INTO odd VALUES ('nobody')")
    assert verify(link).result == "current"


def test_objects_that_were_made_by_hand_are_a_note(link):
    assert not any("changed since" in note for note in verify(link).notes[1:])
    execute(link, "CREATE TABLE later (x); CREATE VIEW torn AS SELECT missing FROM later")
    notes = verify(link).notes
    assert any("objects that schema.json does not name were changed since" in note for note in notes)
    assert any('"torn" is a view' in note for note in notes)


def test_a_false_null_of_a_healthy_table_is_not_believed(link):
    """SQLite 3.40.1 reports one for each row of this table, and stops after a hundred."""
    execute(
        link,
        "CREATE TABLE healthy (p TEXT NOT NULL, k TEXT PRIMARY KEY) WITHOUT ROWID;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
        " INSERT INTO healthy SELECT 'p', i FROM n",
    )
    assert verify(link).result == "current"
    execute(link, stale_index())
    (facts,) = problems(link)
    assert facts["found"] == [f"row {n} missing from index stale" for n in (1, 2, 3)]


def test_a_null_that_a_not_null_column_holds_is_found(link):
    execute(
        link,
        "CREATE TABLE loose (p TEXT, k TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO loose VALUES (NULL, 'a');"
        "PRAGMA writable_schema=ON;"
        "UPDATE sqlite_schema SET sql = replace(sql, 'p TEXT', 'p TEXT NOT NULL') WHERE name = 'loose'",
    )
    with closing(sqlite3.connect(link)) as connection:
        assert integrity_check.faults(connection) == ["NULL value in loose.p"]
    (facts,) = problems(link)
    assert facts["found"] == ["NULL value in loose.p"]


def test_nothing_is_written_and_writers_go_on_while_it_reads(link):
    with closing(sqlite3.connect(link, isolation_level=None, timeout=0)) as writer:
        writer.execute("INSERT INTO kept (x) VALUES ('before')")
        seen = []

        class Watching:
            def phase(self, name, unit):
                seen.append(name)
                writer.execute("INSERT INTO kept (x) VALUES ('meanwhile')")
                return nullcontext(lambda done, total: None)

            def note(self, text): ...

        report = sync(target(link, progress=Watching(), disk=Disk(lambda *step: seen.append(step))), read(OLD), FULL)
    assert report.result == "current"
    assert seen == ["verification"], "no step that changes anything"


def test_a_database_that_is_not_current_is_built_and_not_read_twice(link):
    report = sync(target(link), read(NEW), FULL)
    assert report.result == "synced"
    assert not any(note.startswith("verified:") for note in report.notes)


def test_it_waits_for_no_run_that_is_at_work(tmp_path):
    """It does not take the lock of a run."""
    link = make(tmp_path / "w", OLD, "INSERT INTO kept (x) VALUES ('k')")
    with target(link).locked():
        done = []
        thread = threading.Thread(target=lambda: done.append(sync(target(link, wait=0), read(OLD), FULL)))
        thread.start()
        thread.join(10)
    assert [report.result for report in done] == ["current"]
