"""Queries are planned as well after a swap as before it: the new file keeps the statistics of ANALYZE."""

import json
import sqlite3
from contextlib import closing

import pytest

from schemasync.schema import document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target as target_of
from schemasync.sync.runner import sync

BIG = {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "TEXT UNIQUE", "_indexes": [{"name": "by_a", "columns": ["a"]}]}
KEYED = {"k": "TEXT PRIMARY KEY NOT NULL", "v": "TEXT", "_without_rowid": True}
OLD = {"big": BIG, "keyed": KEYED, "other": {"x": "TEXT"}}
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
ROWS = (
    f"{NUMBERS} INSERT INTO big SELECT i, i % 7, i FROM n;"
    f"{NUMBERS} INSERT INTO keyed SELECT i, i FROM n;"
    f"{NUMBERS} INSERT INTO mine SELECT i FROM n;"
)


def read(tree):
    return document.read(json.dumps(tree).encode())


def statistics(target, table="sqlite_stat1"):
    with closing(sqlite3.connect(target.layout.link)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone():
            return set()
        return set(
            connection.execute(f"SELECT tbl, idx, stat FROM {table} WHERE tbl NOT LIKE '\\_schema%' ESCAPE '\\'")
        )


@pytest.fixture
def target(tmp_path):
    made = target_of(tmp_path / "db.sqlite3")
    sync(made, read(OLD))
    with closing(sqlite3.connect(made.layout.link)) as connection:
        connection.executescript(f"CREATE TABLE mine (x); CREATE INDEX by_x ON mine (x); {ROWS} ANALYZE;")
    return made


def renamed(found, names):
    """Return the statistics with the new names of tables and indexes."""
    return {(names.get(t, t), _index(t, i, names.get(t, t)), s) for t, i, s in found}


def _index(table, index, new):
    return new if index == table else index and index.replace(f"sqlite_autoindex_{table}_", f"sqlite_autoindex_{new}_")


def test_a_file_that_starts_empty_has_the_statistics_of_the_old_one(target):
    before = statistics(target)
    assert len(before) == 4
    sync(target, read(OLD), SyncOptions(rebuild_all=True))
    assert statistics(target) == before


def test_an_edited_definition_and_tables_that_stay_leave_statistics_as_somebody_wrote_them(target):
    with closing(sqlite3.connect(target.layout.link)) as connection:
        connection.executescript("UPDATE sqlite_stat1 SET stat = '9000 3' WHERE idx IN ('by_a', 'keyed', 'by_x')")
    before = statistics(target)
    assert {row for row in before if row[2] == "9000 3"} == {
        ("big", "by_a", "9000 3"),
        ("keyed", "keyed", "9000 3"),
        ("mine", "by_x", "9000 3"),
    }
    done = sync(target, read({**OLD, "big": {**BIG, "a": "VARCHAR(9)"}}))
    assert {name: str(table["action"]) for name, table in done.tables.items()} == {
        "big": "alter",
        "keyed": "keep",
        "other": "keep",
    }
    assert statistics(target) == before


def test_a_file_without_statistics_gets_none_of_tables_that_stay(tmp_path):
    made = target_of(tmp_path / "db.sqlite3")
    sync(made, read(OLD))
    sync(made, read(OLD), SyncOptions(rebuild_all=True))
    assert statistics(made) == set()


@pytest.mark.parametrize(
    "options",
    [SyncOptions(), SyncOptions(rebuild_all=True), SyncOptions(block_writers=True)],
    ids=["clone", "fresh", "pause"],
)
def test_statistics_follow_a_table_to_its_new_name(target, options):
    before = statistics(target)
    new = {"large": {**BIG, "_was": ["big"]}, "pairs": {**KEYED, "_was": ["keyed"]}, "other": {"x": "TEXT"}}
    sync(target, read(new), options)
    assert statistics(target) == renamed(before, {"big": "large", "keyed": "pairs"})
    with closing(sqlite3.connect(target.layout.link)) as connection:
        connection.execute("ANALYZE")
    assert statistics(target) == renamed(before, {"big": "large", "keyed": "pairs"}), "SQLite itself says otherwise"


def test_statistics_of_tables_that_swap_their_names_swap_too(target):
    before = statistics(target)
    swapped = {"big": {**KEYED, "_was": ["keyed"]}, "keyed": {**BIG, "_was": ["big"]}, "other": {"x": "TEXT"}}
    sync(target, read(swapped))
    assert statistics(target) == renamed(before, {"big": "keyed", "keyed": "big"})


def test_a_table_that_takes_the_name_of_a_dropped_one_does_not_take_its_statistics(target):
    before = {row for row in statistics(target) if row[0] != "keyed"}
    taken = {"keyed": {**BIG, "_was": ["big"]}, "other": {"x": "TEXT"}}
    sync(target, read(taken), SyncOptions(allow_drop=frozenset({"keyed"})))
    assert statistics(target) == renamed(before, {"big": "keyed"})


@pytest.mark.parametrize(
    "options",
    [SyncOptions(), SyncOptions(rebuild_all=True), SyncOptions(block_writers=True)],
    ids=["clone", "fresh", "pause"],
)
def test_statistics_that_name_no_table_do_not_end_a_run_that_renames_one(target, options):
    with closing(sqlite3.connect(target.layout.link)) as connection:
        connection.executescript("INSERT INTO sqlite_stat1 VALUES (NULL, NULL, 'noexpert')")
    new = {"large": {**BIG, "_was": ["big"]}, "keyed": KEYED, "other": {"x": "TEXT"}}
    assert sync(target, read(new), options).result == "synced"
    assert {table for table, _, _ in statistics(target)} >= {"large", "keyed"}
    assert "big" not in {table for table, _, _ in statistics(target)}
