"""Commands with a `_from`: a new database, adoption, rollback, hints, in place, another branch."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from schemasync.diff.applied_hints import without_hints
from schemasync.engines.sqlite.hazards import derived
from schemasync.errors import Refused
from schemasync.schema import document
from schemasync.sync import preview
from schemasync.sync.adopt import adopt
from schemasync.sync.applied_hints import applied_hints
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import preview as rollback_preview
from schemasync.sync.run.target import target as target_of
from schemasync.sync.runner import sync
from schemasync.sync.switch import switch

USERS = {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "city": "TEXT"}
OLD = {"Users": USERS}
CITIES = {
    "id": "INTEGER PRIMARY KEY",
    "name": "TEXT UNIQUE",
    "_from": "SELECT min(id) AS id, city AS name FROM old.Users GROUP BY city",
}
NEW = {
    "Cities": CITIES,
    "Users": {
        "id": "INTEGER PRIMARY KEY",
        "name": "TEXT",
        "city_id": "INTEGER REFERENCES Cities (id)",
        "_dropped": ["city"],
        "_from": "SELECT u.id, u.name, c.id AS city_id FROM old.Users AS u JOIN Cities AS c ON c.name IS u.city",
    },
}
ROWS = "INSERT INTO Users VALUES (1, 'Ada', 'Bath'), (2, 'Ben', 'Hull'), (3, 'Cyd', 'Bath')"


def read(tree):
    return document.read(json.dumps(tree).encode())


def run_sql(link, sql):
    with closing(sqlite3.connect(link)) as connection:
        rows = connection.execute(sql).fetchall()
        connection.commit()
        return rows


@pytest.fixture
def target(tmp_path):
    return target_of(tmp_path / "db.sqlite3", wait=5.0)


@pytest.fixture
def filled(target):
    sync(target, read(OLD))
    run_sql(target.layout.link, ROWS)
    return target


def test_a_new_database_begins_with_an_empty_table_and_has_the_hint_behind_it(target):
    assert sync(target, read(NEW)).result == "synced"
    run_sql(target.layout.link, "INSERT INTO Cities VALUES (1, 'York')")
    assert sync(target, read(NEW)).result == "current"
    more = {**NEW, "Cities": {**CITIES, "size": "INTEGER"}}
    assert sync(target, read(more)).result == "synced"
    assert run_sql(target.layout.link, "SELECT id, name FROM Cities") == [(1, "York")]


def test_an_adopted_file_keeps_the_rows_of_a_table_that_it_has(tmp_path):
    link = tmp_path / "db.sqlite3"
    run_sql(link, "CREATE TABLE Cities (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
    run_sql(link, "INSERT INTO Cities VALUES (1, 'York')")
    target, schema = target_of(link), read({"Cities": CITIES})
    adopt(target, schema)
    assert sync(target, schema).result == "current"
    assert run_sql(link, "SELECT * FROM Cities") == [(1, "York")]


def test_the_plan_says_what_a_derived_table_reads_and_how_long_it_takes(filled):
    seen = preview.outlook(filled, read(NEW), SyncOptions())
    cities, users = seen.tables
    assert (cities.action, cities.derived.reads, cities.derived.after, cities.derived.measured.rows) == (
        "derive",
        ("Users",),
        (),
        2,
    )
    assert (users.derived.reads, users.derived.after, users.derived.measured.rows, users.rows) == (
        ("Users",),
        ("cities",),
        3,
        3,
    )
    assert users.derived.measured.seconds > 0
    assert not (cities.derived.by_key or users.derived.by_key)
    copied = {**OLD, "Names": {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "_from": "SELECT id, name FROM old.Users"}}
    (names, _) = preview.outlook(filled, read(copied), SyncOptions()).tables
    assert names.derived.by_key
    statements = preview.statements(seen.plan)
    assert [line for line in statements if line.startswith(("INSERT", "DROP"))] == [
        'DROP TABLE "Users"',
        f'INSERT OR ABORT INTO main."Cities" ("id", "name") {CITIES["_from"]}',
        f'INSERT OR ABORT INTO main."Users" ("id", "name", "city_id") {NEW["Users"]["_from"]}',
    ]


def test_a_rollback_counts_what_was_written_since_and_not_what_the_swap_made(filled):
    sync(filled, read(NEW))
    assert all(one.is_empty for one in rollback_preview(filled, None).tallies)
    run_sql(filled.layout.link, "INSERT INTO Cities VALUES (9, 'York')")
    run_sql(filled.layout.link, "UPDATE Users SET city_id = 9 WHERE id = 3")
    run_sql(filled.layout.link, "DELETE FROM Users WHERE id = 2")
    counted = {one.table: (one.added, one.changed, one.removed) for one in rollback_preview(filled, None).tallies}
    assert counted == {"Cities": (1, 0, 0), "Users": (1, 0, 2)}


def test_a_from_that_has_acted_leaves_the_file_with_the_other_hints(filled):
    sync(filled, read(NEW))
    found = applied_hints(filled, read(NEW))
    assert [hint.text for hint in found] == ["_from on Cities", "_dropped of Users.city", "_from on Users"]
    text = without_hints(read(NEW), found)
    assert "_from" not in text
    assert sync(filled, document.read(text.encode())).result == "current"


def test_a_table_cannot_be_derived_in_the_live_file(filled):
    with pytest.raises(Refused, match="Cities: filled by its _from"):
        sync(filled, read(NEW), SyncOptions(in_place=True))


def test_a_new_database_does_not_look_for_the_tables_of_an_old_one(target):
    gone = {"Cities": {**CITIES, "_from": "SELECT id, city AS name FROM old.Gone"}}
    assert sync(target, read(gone)).result == "synced"


def test_a_derived_table_of_another_branch_comes_back_with_the_rows_that_it_had(filled):
    split = {**OLD, "Cities": CITIES}
    sync(filled, read(split))
    run_sql(filled.layout.link, "INSERT INTO Cities VALUES (9, 'York')")
    switch(filled, read(OLD), SyncOptions(), lambda *given: sync(filled, *given))
    run_sql(filled.layout.link, "INSERT INTO Users VALUES (4, 'Dot', 'Rye')")
    switch(filled, read(split), SyncOptions(), lambda *given: sync(filled, *given))
    assert run_sql(filled.layout.link, "SELECT name FROM Cities ORDER BY id") == [("Bath",), ("Hull",), ("York",)]
    assert run_sql(filled.layout.link, "SELECT count(*) FROM Users") == [(4,)]
    assert sync(filled, read(split)).result == "current"


def test_a_view_that_goes_is_read_as_it_was(filled):
    sync(filled, read({**OLD, "_views": {"towns": "SELECT DISTINCT city FROM Users"}}))
    sync(filled, read({**OLD, "Places": {"city": "TEXT PRIMARY KEY", "_from": "SELECT city FROM old.towns"}}))
    assert run_sql(filled.layout.link, "SELECT city FROM Places ORDER BY 1") == [("Bath",), ("Hull",)]


def test_a_select_that_takes_too_long_in_another_order_is_compared_in_fewer_orders(filled, monkeypatch):
    """The interrupt must not take away the results that were computed before it."""
    monkeypatch.setattr(derived, "LEAST_TIME", 0)
    monkeypatch.setattr(derived, "TIMES", 0)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) SELECT i FROM n"
    run_sql(filled.layout.link, f"INSERT INTO Users SELECT i, 'u' || i, 'c' || (i % 70) FROM ({numbers})")
    planned = preview.outlook(filled, read(NEW), SyncOptions()).plan
    assert planned is not None
    assert not planned.blocking
    unordered = {"Firsts": {"name": "TEXT", "city": "TEXT", "_from": "SELECT name, city FROM old.Users LIMIT 1"}}
    refused = preview.outlook(filled, read({**OLD, **unordered}), SyncOptions()).plan
    assert refused is not None
    assert [hazard.code for hazard in refused.blocking] == ["derived-unstable"]
