"""Every kind of model, made by Django itself and by way of schema.json: the databases are the same."""

import json
import re

import django
import pytest

from schemasync.schema import digest, document
from schemasync.schema.model import Schema

from .kitchen.process import ROOT, Kitchen, differences

KNOWN = ROOT / "tests/orm/kitchen/schema.json"
"""The schema.json that export wrote under Django 5.2.19."""

KNOWN_VERSION = "1:fcf2e67a7d7f5693551ad6d488fc2db7ee83352e6ef045bc764c300134a3f982"
"""The version of all tables except those that differ between versions of Django. A release never changes it."""

NEWER = {
    (6, 0): {"kitchen_negativepath"},
    (6, 1): {"kitchen_deletedbythedatabase", "kitchen_newerdefaults", "kitchen_shelf"},
}
ADDED = {table for version, tables in NEWER.items() if version <= django.VERSION for table in tables}
SAID_OTHERWISE = {"kitchen_booleanconditions", "kitchen_decimaldefault"}
"""Conditions and defaults for which Django 6.1 writes SQL that SQLite does not treat as equal to that of 5.2."""

TABLES = sorted({table.name for table in document.read(KNOWN.read_bytes()).schema.tables} | ADDED)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The kitchen with both databases, the output of making them, and the facts of their tables."""
    kitchen = Kitchen(tmp_path_factory.mktemp("kitchen"))
    reported = kitchen.run("make")
    return kitchen, reported, kitchen.tables("stock"), kitchen.tables("synced")


@pytest.fixture
def again(made, tmp_path):
    """The kitchen in another folder, with the exported schema.json."""
    kitchen = Kitchen(tmp_path)
    kitchen.schema.write_bytes(made[0].schema.read_bytes())
    return kitchen


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_what_django_itself_would_make(made, table):
    _, _, stock, synced = made
    assert table in stock, "Django makes no such table"
    assert table in synced, "schema.json has no such table"
    different = differences(table, stock[table], synced[table])
    assert not different, "\n".join(different)


def test_no_table_is_missing_and_none_is_there_that_django_would_not_make(made):
    _, _, stock, synced = made
    assert sorted(stock) == sorted(synced) == TABLES


def test_a_model_without_a_table_of_its_own_is_not_in_schema_json(made):
    labels = re.findall(r'"_model": "kitchen\.(\w+)"', made[0].schema.read_text("utf-8"))
    without = {"Abstract", "Proxy", "Swappable", "Unmanaged", "NeedsPostgres", "NeedsWhatSqliteLacks"}
    assert not without & set(labels)


def test_what_sqlite_cannot_have_is_left_out_as_django_does_and_reported(made):
    _, reported, _, synced = made
    left_out = ["not_deferred", "not_distinct", "not_including"]
    assert [note.split("the constraint ")[1].split()[0] for note in reported["notes"]] == left_out
    assert not [name for name in left_out if name in json.dumps(synced["kitchen_constraints"]["normal form"])]


@pytest.mark.slow
def test_a_table_stays_when_its_model_is_still_there_but_no_longer_makes_it(again):
    """`somebody_elses` is the table of an unmanaged model; `kitchen_swappable` that of a model that is swapped out."""
    text = again.schema.read_text("utf-8").rstrip().removesuffix("}").rstrip()
    tables = [
        f'"{table}": {{"_model": "kitchen.X", "id": "INTEGER"}}' for table in ("somebody_elses", "kitchen_swappable")
    ]
    again.schema.write_text(text + ",\n" + ",\n".join(tables) + "}", "utf-8")
    assert again.run("export")["changes"] == []
    found = document.read(again.schema.read_bytes())
    assert found.schema.table("somebody_elses") and found.schema.table("kitchen_swappable")


@pytest.mark.slow(but=["1"])
@pytest.mark.parametrize("hashing", ["1", "2"])
def test_a_second_export_changes_no_byte(again, hashing):
    before = again.schema.read_bytes()
    assert again.run("export", hashing)["changes"] == []
    assert again.schema.read_bytes() == before


@pytest.mark.slow
def test_comments_and_tables_of_others_stay_as_they_are(again):
    text = again.schema.read_text("utf-8").rstrip().removesuffix("}").rstrip()
    text = text.replace('  "auth_group": {', '  // who may do\n/* what */  "auth_group"   :  {  // here')
    text += ',\n\n  "Mine" : {"id":"INTEGER PRIMARY KEY", // a key\n "of": "integer REFERENCES auth_group",},\n}\n// the end'
    again.schema.write_text(text, "utf-8")
    assert again.run("export")["changes"] == []
    assert again.schema.read_text("utf-8") == text


@pytest.mark.slow
def test_rows_of_every_model_go_in_and_come_back(made):
    assert made[0].run("rows") == "read back"


def test_a_database_that_migrations_made_is_what_the_models_say(tmp_path):
    """Columns may be in the order of the migrations; an export would lose nothing and change nothing."""
    kitchen = Kitchen(tmp_path)
    kitchen.run("stock", "1", KITCHEN_MIGRATED="yes")
    found = kitchen.run("beyond", "2", KITCHEN_MIGRATED="yes")
    assert found == {"tables": len(TABLES), "beyond": {}, "changed": [], "endangered": []}


# --- across versions of Django -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_django_upgrade_changes_only_what_django_says_otherwise(again):
    again.schema.write_bytes(KNOWN.read_bytes())
    changed = {re.split("[.:]", change)[0] for change in again.run("export")["changes"]}
    assert changed == ADDED | (SAID_OTHERWISE if django.VERSION >= (6, 1) else set())


def test_the_version_is_the_same_under_every_django(made):
    tables = document.read(made[0].schema.read_bytes()).schema.tables
    common = Schema(tuple(table for table in tables if table.name not in ADDED | SAID_OTHERWISE))
    assert digest.version(common) == KNOWN_VERSION
