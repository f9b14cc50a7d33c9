"""Values that SQLite computes differently today than when they were stored: a run reports them, with --verify full for
both files.

A new SQLite changes the result of an expression. The tests change the expression under the values, which has the same
effect.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from schemasync.diff.hazards import HazardCode
from schemasync.sync.adopt import adopt
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.support.columns import WRITTEN

from .damaged import LIMITS, execute, read, stale_index

G = {"id": "INTEGER PRIMARY KEY", "v": "TEXT", "s": "TEXT GENERATED ALWAYS AS (v || 'y') STORED"}
OLD = {"g": G, "o": {"id": "INTEGER PRIMARY KEY"}}
STALE = "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, '''x''', '''y''') WHERE name = '{}';"
MODES = {"live": {}, "pause": {"block_writers": True}, "fresh": {"rebuild_all": True}}


@pytest.fixture
def link(tmp_path):
    """A database whose row 1 was stored by a SQLite with another result, and row 2 by this one."""
    link = tmp_path / "db.sqlite3"
    execute(
        link,
        "PRAGMA journal_mode=WAL;"
        "CREATE TABLE g (id INTEGER PRIMARY KEY, v TEXT, s TEXT GENERATED ALWAYS AS (v || 'x') STORED);"
        "CREATE TABLE f (v TEXT, s TEXT GENERATED ALWAYS AS (v || 'x') STORED);"
        "CREATE TABLE o (id INTEGER PRIMARY KEY);"
        "INSERT INTO g VALUES (1, 'a'); INSERT INTO f VALUES ('a');" + STALE.format("g") + STALE.format("f"),
    )
    execute(link, "INSERT INTO g (id, v) VALUES (2, 'b')")
    adopt(target(link), read(OLD))
    return link


def stored(link, table="g"):
    with closing(sqlite3.connect(link)) as connection:
        return [s for (s,) in connection.execute(f"SELECT s FROM {table} ORDER BY rowid")]


def changes(hazards):
    return [str(hazard) for hazard in hazards if hazard.code is HazardCode.GENERATED_CHANGES]


@pytest.mark.parametrize("mode", list(MODES))
def test_a_stored_value_that_a_rewrite_computes_anew_is_reported(link, mode):
    assert stored(link) == ["ax", "by"]
    new = {**OLD, "g": {**G, "more": WRITTEN}}
    report = sync(target(link), read(new), SyncOptions(limits=LIMITS, **MODES[mode]))
    assert stored(link) == ["ay", "by"]
    reported = changes(report.hazards)
    assert (
        f"g.s: 1 row: stored values that SQLite {sqlite3.sqlite_version} computes differently, so a rewrite changes them (for example 1)"
        in reported
    )
    assert len(reported) == (2 if mode == "fresh" else 1), "a fresh file has foreign tables written again, too"


def test_it_is_reported_of_a_table_that_keeps_its_shape_in_a_fresh_file(link):
    report = sync(target(link), read(OLD), SyncOptions(rebuild_all=True, limits=LIMITS))
    assert sorted(note.partition(":")[0] for note in changes(report.hazards)) == ["f.s", "g.s"]


def test_values_that_come_out_as_they_were_are_not_reported(link):
    execute(link, "UPDATE g SET v = v")
    report = sync(target(link), read({**OLD, "g": {**G, "more": WRITTEN}}), SyncOptions(limits=LIMITS))
    assert changes(report.hazards) == []


def test_an_expression_that_the_plan_changes_is_not_reported(link):
    new = {**OLD, "g": {**G, "s": "TEXT GENERATED ALWAYS AS (v || 'z') STORED"}}
    report = sync(target(link), read(new), SyncOptions(limits=LIMITS))
    assert stored(link) == ["az", "bz"]
    assert changes(report.hazards) == []


def test_several_rows_are_counted_and_some_are_named(link):
    execute(
        link,
        STALE.replace("'''x''', '''y'''", "'''y''', '''w'''").format("g"),
    )
    report = sync(
        target(link),
        read({**OLD, "g": {**G, "s": G["s"].replace("y", "w"), "more": WRITTEN}}),
        SyncOptions(repair=True, limits=LIMITS),
    )
    (reported,) = changes(report.hazards)
    assert reported.startswith("g.s: 2 rows: ")
    assert reported.endswith("(for example 1, 2)")


def test_values_that_another_value_of_the_plan_changes_are_not_reported(link):
    new = {**OLD, "g": {**G, "v": {"type": "TEXT NOT NULL", "fill": "v || v"}}}
    report = sync(target(link), read(new), SyncOptions(limits=LIMITS))
    assert stored(link) == ["aay", "bby"]
    assert changes(report.hazards) == []


def test_verify_full_tells_of_values_that_a_later_rewrite_would_change(link):
    (note,) = [
        one for one in sync(target(link), read(OLD), SyncOptions(verify_full=True)).notes if one.startswith("g.s")
    ]
    assert "computes differently" in note
    new = {**OLD, "o": {**OLD["o"], "more": WRITTEN}}
    report = sync(target(link), read(new), SyncOptions(verify_full=True, limits=LIMITS))
    assert [one.partition(":")[0] for one in report.notes if "computes differently" in one] == ["f.s", "g.s"]
    assert stored(link) == ["ax", "by"]


@pytest.mark.parametrize("table", ["g", "o"])
def test_verify_full_tells_what_integrity_check_says_of_both_files(link, table):
    """A run copies an index of the old file that misses rows page by page, and reports it to its owner."""
    execute(link, "INSERT INTO o VALUES (1);" + stale_index("g", "v"))
    new = {**OLD, table: {**OLD[table], "more": WRITTEN}}
    report = sync(target(link), read(new), SyncOptions(verify_full=True, limits=LIMITS))
    (said,) = [note for note in report.notes if note.startswith("integrity_check")]
    if table == "o":
        assert said.startswith("integrity_check of the old file and of the new one: row 1 missing from index stale")
    else:
        assert said.startswith("integrity_check of the old file, and not of the new one: row 1 missing from index")


def test_an_index_that_misses_rows_since_it_was_built_never_goes_live(link):
    """A message of integrity_check about the new file alone is damage."""
    from .damaged import FILLED, found

    damage = stale_index("o", "id", "stale")
    execute(link, "INSERT INTO o VALUES (1)")
    problems = found(
        link, {**OLD, "g": {**G, "more": WRITTEN}}, SyncOptions(verify_full=True, limits=LIMITS), FILLED, damage
    )
    assert [str(problem.code) for problem in problems] == ["verify-differs"]
    assert "integrity_check of the new file: row 1 missing from index stale" in problems[0].message
