"""Hundreds of tables, a thousand columns."""

import copy
import json
import shutil
import sqlite3
import sys
from contextlib import closing

import pytest

from schemasync.schema import document
from schemasync.sync import preview
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

from . import content, generated

pytestmark = pytest.mark.slow

TABLES, COLUMNS_EACH, CHANGED = 200, 15, 20
COLUMNS, ROWS = 1_000, 2_000


def read(schema):
    return document.read(json.dumps(schema).encode())


def rows_of(path, table):
    with closing(sqlite3.connect(path)) as connection:
        return content.rows_of(connection, table).fetchall()


# --- 200 tables, 3,000 columns ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company():
    return generated.company(TABLES, COLUMNS_EACH)


@pytest.fixture(scope="module")
def changed(company):
    """The schema in which every tenth table has a new column, and another type and default for an old one."""
    after = copy.deepcopy(company)
    for number in range(0, TABLES, TABLES // CHANGED):
        after[f"table_{number:03}"] |= {
            "value_05": {"type": "TEXT NOT NULL DEFAULT 'none'", "fill": "coalesce(value_05, 'none')"},
            "added": "INTEGER NOT NULL DEFAULT 7",
        }
    return after


@pytest.fixture(scope="module")
def database(tmp_path_factory, company):
    """The filled database, made once. The test that changes it works on a copy."""
    path = tmp_path_factory.mktemp("company") / "db.sqlite3"
    assert sync(target(path), read(company)).result == "synced"
    with closing(sqlite3.connect(path)) as connection, connection:
        generated.fill(connection, company, rows=20)
    return path


@pytest.mark.slow
def test_two_hundred_tables_come_up_whole(database):
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for name in content.tables_of(connection) if name != "sqlite_sequence"]
        columns = sum(len(content.columns_of(connection, table)) for table in tables)
        indexes = connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'index'").fetchone()[0]
        keys = connection.execute(
            "SELECT count(*) FROM pragma_table_list AS t, pragma_foreign_key_list(t.name) WHERE t.schema = 'main'"
        ).fetchone()[0]
    assert (len(tables), columns, indexes, keys) == (TABLES, TABLES * COLUMNS_EACH, 3 * TABLES, 2 * TABLES)


def test_nothing_to_do_with_two_hundred_tables(database, company):
    before = database.readlink()
    assert sync(target(database), read(company)).result == "current"
    assert database.readlink() == before


@pytest.mark.slow
def test_a_plan_for_twenty_of_two_hundred_tables_names_just_those(database, changed):
    tables = preview.outlook(target(database), read(changed), SyncOptions()).tables
    rewritten = [outlook.table for outlook in tables if outlook.action == "rewrite"]
    assert rewritten == [f"table_{number:03}" for number in range(0, TABLES, TABLES // CHANGED)]
    assert len(tables) == TABLES


@pytest.mark.slow
def test_twenty_of_two_hundred_tables_change_and_no_row_is_lost(tmp_path, database, company, changed):
    shutil.copytree(database.parent, tmp_path / "copy", symlinks=True)
    database = tmp_path / "copy" / database.name
    before = {table: rows_of(database, table) for table in company}
    report = sync(target(database), read(changed), SyncOptions(verify_full=True))
    assert report.result == "synced"
    assert report.rows == CHANGED * 20
    for table, body in company.items():
        columns = generated.columns_of(body)
        at = 1 + columns.index("value_05")
        expected = before[table]
        if "added" in changed[table]:
            expected = [(*row[:at], as_text(row[at]), *row[at + 1 :], 7) for row in expected]
        assert rows_of(database, table) == expected, table


def as_text(value):
    """Return a value as a column stores it that becomes TEXT, with a fill for NULL."""
    return "none" if value is None else value if isinstance(value, bytes | str) else str(value)


# --- 1,000 columns ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wide():
    return generated.wide(COLUMNS)


def changed_wide(wide):
    """Return the schema with one column of another type, one dropped, one renamed and one new."""
    body = dict(wide["wide"])
    body["c0007"] = "TEXT"
    del body["c0014"]
    names = {"c0021": "renamed"}
    body = {names.get(key, key): value for key, value in body.items()}
    body["renamed"] = {"type": body["renamed"], "was": ["c0021"]}
    return {"wide": {**body, "added": "INTEGER NOT NULL DEFAULT 3", "_dropped": ["c0014"]}}


def test_a_thousand_columns_change_and_every_value_is_as_computed(tmp_path, wide):
    database = tmp_path / "db.sqlite3"
    sync(target(database), read(wide))
    with closing(sqlite3.connect(database)) as connection, connection:
        generated.fill(connection, wide, ROWS)
    before, columns = rows_of(database, "wide"), ["rowid", *generated.columns_of(wide["wide"])]
    after = changed_wide(wide)

    assert preview.outlook(target(database), read(after), SyncOptions()).plan is not None
    report = sync(target(database), read(after), SyncOptions(verify_full=True))
    assert (report.result, report.rows) == ("synced", ROWS)

    retyped, dropped = columns.index("c0007"), columns.index("c0014")
    faults = []
    expected = ((*r[:retyped], str(r[retyped]), *r[retyped + 1 : dropped], *r[dropped + 1 :], 3) for r in before)
    assert content.compare(expected, rows_of(database, "wide"), "wide", faults) == ROWS, faults
    assert generated.columns_of(after["wide"]) == columns_in(database)
    assert sync(target(database), read(after)).result == "current"


def columns_in(path):
    with closing(sqlite3.connect(path)) as connection:
        return content.columns_of(connection, "wide")


# --- how the work grows -----------------------------------------------------------------------------------------


def calls(work):
    """Return the number of Python functions that `work` calls, which is the same on every machine, however busy."""
    counted = 0

    def count(frame, event, argument):
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def calls_of_a_change(folder, before, after):
    folder.mkdir()
    sync(target(folder / "db.sqlite3"), read(before))
    return calls(lambda: sync(target(folder / "db.sqlite3"), read(after)))


def test_twice_the_columns_are_twice_the_work(tmp_path):
    schemas = [generated.wide(200), generated.wide(400)]
    work = [calls_of_a_change(tmp_path / str(n), schema, changed_wide(schema)) for n, schema in enumerate(schemas)]
    assert work[1] < 2.2 * work[0], work


def test_twice_the_tables_are_twice_the_work(tmp_path):
    def changed(schema):
        return schema | {"table_000": schema["table_000"] | {"added": "TEXT"}}

    schemas = [generated.company(40, 8), generated.company(80, 8)]
    work = [calls_of_a_change(tmp_path / str(n), schema, changed(schema)) for n, schema in enumerate(schemas)]
    assert work[1] < 2.2 * work[0], work
