"""Generated rows fit every schema: keys, CHECKs, unique columns, foreign keys; most tables need no help for that."""

import datetime
import itertools
from contextlib import closing

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.validate import build
from schemasync.schema.names import fold
from schemasync.testing import assert_change, generate_rows, temporary_database
from schemasync.testing.choices import DrawnChoices, RandomChoices
from schemasync.testing.filling import fill
from schemasync.testing.rows import insert
from schemasync.testing.strategies import rows
from tests.schema.strategies import trees
from tests.schema.support import effort, schema
from tests.support.processes import ROOT

ID = "INTEGER PRIMARY KEY"
KINDS = {
    "types": {"id": ID, "a": "INTEGER", "b": "REAL", "c": "TEXT", "d": "BLOB", "e": "DECIMAL(4,2)", "f": "BOOLEAN", "g": "VARCHAR(3) NOT NULL UNIQUE", "h": "DATETIME", "i": ""},
    "strict": {"id": ID, "a": "INT NOT NULL", "b": "REAL NOT NULL", "c": "TEXT NOT NULL", "d": "BLOB NOT NULL", "e": "ANY", "_strict": True},
    "choices": {"id": ID, "a": "TEXT NOT NULL CHECK (a IN ('new', 'done'))", "b": "INTEGER CHECK (b IN (0, 1))", "c": "TEXT NOT NULL CHECK (c = 'x' OR c = 'y')"},
    "ranges": {"id": ID, "a": "INTEGER NOT NULL CHECK (a BETWEEN 10 AND 20)", "b": "INTEGER NOT NULL CHECK (b > 5 AND 9 >= b)", "c": "REAL NOT NULL CHECK (c > 0 AND c < 1)", "d": "INTEGER NOT NULL CHECK (d <> 0)", "e": "TEXT NOT NULL CHECK (e >= 'm')"},
    "lengths": {"id": ID, "a": "TEXT NOT NULL CHECK (length(a) = 3)", "b": "TEXT NOT NULL UNIQUE CHECK (length(b) > 2 AND length(b) <= 5)", "c": "TEXT NOT NULL CHECK (length(c) >= 400)"},
    "patterns": {"id": ID, "a": "TEXT NOT NULL UNIQUE CHECK (a GLOB '[0-9][0-9][0-9]-[A-Z]*')", "b": "TEXT NOT NULL CHECK (b LIKE '%@%.%')", "c": "TEXT NOT NULL CHECK (c GLOB '[^a-z]?')"},
    "functions": {"id": ID, "a": "TEXT NOT NULL CHECK (json_valid(a))", "b": "TEXT NOT NULL CHECK (b = lower(b))", "c": "TEXT NOT NULL CHECK (trim(c) <> '')", "d": "CHECK (typeof(d) = 'text')", "e": "TEXT NOT NULL CHECK (e = date(e))", "f": "INTEGER NOT NULL CHECK (f % 2 = 0)"},
    "rows": {"id": ID, "begin": "INTEGER NOT NULL", "end": "INTEGER NOT NULL", "a": "TEXT", "b": "TEXT", "c": "TEXT", "_checks": ["begin < end", "(a IS NULL) <> (b IS NULL)", "a IS NOT NULL OR c IS NOT NULL", "CASE WHEN a IS NULL THEN c = 'x' ELSE c IS NULL END"]},
    "keys": {"a": "TEXT", "b": "INTEGER", "c": "TEXT NOT NULL COLLATE NOCASE UNIQUE", "_primary_key": ["a", "b"], "_without_rowid": True},
    "partial": {"id": ID, "state": "INTEGER NOT NULL CHECK (state IN (1, 2))", "a": "INTEGER NOT NULL", "_indexes": [{"name": "partial_unique", "columns": ["lower(a)"], "unique": True, "where": "state = 1"}]},
    "computed": {"id": ID, "a": "INTEGER NOT NULL", "b": "INTEGER AS (a * 2) STORED UNIQUE", "c": "TEXT AS (a || 'x')"},
    "one": {"id": "INTEGER PRIMARY KEY CHECK (id = 1)", "a": "TEXT NOT NULL"},
}  # fmt: skip
REFERENCES = {
    "child": {"id": ID, "a": "TEXT NOT NULL", "b": "INTEGER NOT NULL", "_foreign_keys": [{"columns": ["a", "b"], "references": {"table": "parent", "columns": ["a", "b"]}}]},
    "parent": {"a": "TEXT", "b": "INTEGER", "_primary_key": ["a", "b"]},
    "single": {"id": "INTEGER PRIMARY KEY REFERENCES child (id)", "a": "INTEGER NOT NULL UNIQUE REFERENCES child (id)"},
    "tree": {"id": ID, "up": "INTEGER REFERENCES tree (id)", "_checks": ["up <> id"]},
    "loop": {"id": ID, "same": "INTEGER NOT NULL REFERENCES loop (id)"},
    "egg": {"id": ID, "hen": "INTEGER NOT NULL REFERENCES hen (id) DEFERRABLE INITIALLY DEFERRED"},
    "hen": {"id": ID, "egg": "INTEGER NOT NULL REFERENCES egg (id) DEFERRABLE INITIALLY DEFERRED"},
    "man": {"id": ID, "wife": "INTEGER REFERENCES woman (id)"},
    "woman": {"id": ID, "man": "INTEGER NOT NULL REFERENCES man (id)"},
}  # fmt: skip
ALL = KINDS | REFERENCES


def assert_fits(meant, found):
    """Assert that the rows can be inserted in their order, and that every reference is valid."""
    with closing(Opener().memory()) as connection:
        build(connection, meant)
        insert(connection, found)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("choices", [DrawnChoices(b""), RandomChoices(1), RandomChoices(2)], ids=["plain", "1", "2"])
def test_every_kind_of_constraint_is_met_without_help(choices):
    made = fill(schema(ALL), choices, rows=4)
    assert_fits(schema(ALL), made.rows)
    counts = {name: len(found) for name, found in made.rows.items()}
    assert min(counts.pop("egg"), counts.pop("hen")) >= 1, "each row of a circle is made for one of the other table"
    assert counts == {name: 4 for name in ALL if name not in ("egg", "hen")} | {"one": 1}
    assert made.failed == {}


@effort(8)
@given(rows(ALL, max_rows=3))
def test_what_the_strategy_gives_fits(found):
    assert_fits(schema(ALL), found)


@effort(10)
@given(trees(), st.integers(0, 100))
def test_what_is_made_for_any_schema_fits(tree, seed):
    assert_fits(schema(tree), generate_rows(tree, seed=seed))


def test_all_tables_of_the_demo_are_filled():
    path = ROOT / "demo_project" / "schema_v2.json"
    made = generate_rows(path, rows=5)
    assert_fits(schema(path.read_text("utf-8")), made)
    assert len(made.pop("schemasync_actor")) == 1  # it never has more
    assert {len(found) for found in made.values()} == {5}


def test_the_same_seed_gives_the_same_rows():
    assert generate_rows(ALL, seed=3) == generate_rows(ALL, seed=3)
    assert generate_rows(ALL, seed=3) != generate_rows(ALL, seed=4)


@pytest.mark.slow
def test_the_strategy_shrinks_to_few_rows_with_plain_values():
    tree = {"t": {"id": ID, "name": "TEXT NOT NULL", "n": "INTEGER"}}
    found = find(rows(tree), lambda made: len(made["t"]) == 2, settings=settings(derandomize=True, database=None))
    assert found == {"t": [{"id": 1, "name": "name 1", "n": 1}, {"id": 2, "name": "name 2", "n": 2}]}


def test_tables_come_with_all_that_they_refer_to_and_with_nothing_else():
    assert {fold(name) for name in generate_rows(ALL, ["single"])} == {"single", "child", "parent"}


def test_a_reference_to_a_table_that_schema_json_does_not_make_hinders_nothing():
    tree = {"t": {"id": ID, "user": "INTEGER NOT NULL REFERENCES auth_user (id)"}, "_elsewhere": ["auth_user"]}
    assert len(generate_rows(tree)["t"]) == 3
    with temporary_database(tree, generate_rows(tree)) as database:
        assert len(database.rows("t")) == 3


# --- strategies for columns -----------------------------------------------------------------------------------------

SIGNED = {
    "t": {"id": ID, "email": "TEXT NOT NULL CHECK (instr(email, char(64)) * length(replace(email, 'q', '')) = 78)"}
}


def test_what_cannot_be_found_is_left_out_and_said():
    made = fill(schema(SIGNED), RandomChoices(0))
    assert made.rows == {"t": []}
    assert made.failed["t"].startswith("CHECK constraint failed")


def test_help_for_a_column_fills_its_table():
    numbers = itertools.count(10)
    helped = generate_rows(SIGNED, values={"T.Email": lambda: f"{next(numbers)}@" + "x" * 23})
    assert [len(row["email"]) for row in helped["t"]] == [26, 26, 26]
    assert_fits(schema(SIGNED), helped)


@effort(10)
@given(rows({"t": {"id": ID, "day": "TEXT NOT NULL"}}, values={"t.day": st.dates().map(str)}))
def test_a_strategy_for_a_column_is_help(found):
    assert all(datetime.date.fromisoformat(row["day"]) for row in found["t"])


@pytest.mark.parametrize("name", ["t.mail", "u.email", "email"])
def test_a_wrong_name_is_an_error(name):
    with pytest.raises(ValueError, match="the schema has no column"):
        generate_rows(SIGNED, values={name: str})
    with pytest.raises(ValueError, match="the schema has no table u"):
        generate_rows(SIGNED, ["u"])


def test_what_a_trigger_refuses_is_drawn_again():
    tree = {
        "a_link": {"book": "INTEGER NOT NULL", "_triggers": {"check_book": "BEFORE INSERT ON a_link WHEN NOT EXISTS (SELECT 1 FROM book WHERE id = NEW.book) BEGIN SELECT RAISE(ABORT, 'no book'); END"}},
        "book": {"id": ID},
    }  # fmt: skip
    made = generate_rows(tree)
    assert list(made) == ["book", "a_link"]
    assert len(made["a_link"]) == 3


def test_a_change_is_tested_with_generated_rows_by_default():
    old, new = (ROOT / "demo_project" / name for name in ("schema.json", "schema_v2.json"))
    seen = assert_change(old, new)
    assert min(seen.compared.values()) == 3
    assert len(seen.compared) >= 15
