"""Which changes rewrite the rows of a table, and which only its definition."""

from __future__ import annotations

import json

import pytest

from schemasync.diff.compare import TablePair, compare
from schemasync.schema import document

T = {"id": "INTEGER PRIMARY KEY", "a": "VARCHAR(5)", "b": "TEXT", "n": "INTEGER", "r": "REAL"}


def reason(old: dict[str, object], new: dict[str, object]) -> str:
    before, after = (document.read(json.dumps({"T": tree}).encode()) for tree in (old, new))
    (pair,) = compare(before.schema, after.schema, after.hints).tables
    assert isinstance(pair, TablePair)
    return pair.rewrite_reason


@pytest.mark.parametrize(
    "changed",
    [
        {"a": "VARCHAR(9)"},
        {"a": "TEXT"},
        {"n": "DECIMAL(5, 2)"},
        {"a": "VARCHAR(5) NOT NULL"},
        {"a": "VARCHAR(5) COLLATE NOCASE"},
        {"a": "VARCHAR(5) DEFAULT 'x'"},
        {"a": "VARCHAR(5) CHECK (a > 'x')"},
        {"b": "TEXT REFERENCES T"},
        {"c": "TEXT"},
        {"c": "INTEGER NOT NULL DEFAULT -1"},
        {"c": "BOOLEAN DEFAULT TRUE"},
        {"c": "TEXT REFERENCES T"},
        {"_indexes": ["a"]},
    ],
)
def test_a_change_of_the_definition_alone_leaves_the_rows(changed: dict[str, object]) -> None:
    assert reason(T, T | changed) == ""


@pytest.mark.parametrize(
    "changed, why",
    [
        ({"a": "INTEGER"}, "a: type VARCHAR(5) -> INTEGER"),
        ({"r": "NUMERIC"}, "r: type REAL -> NUMERIC"),
        ({"r": ""}, "r: type REAL -> none"),
        ({"a": "VARCHAR(5) UNIQUE"}, "+UNIQUE (a)"),
        ({"_primary_key": ["a"], "id": "INTEGER"}, "primary key (id), the row id -> (a), not the row id"),
        ({"c": "TEXT NOT NULL"}, "+c"),
        ({"c": "TEXT DEFAULT (lower('X'))"}, "+c"),
        ({"c": "TEXT DEFAULT CURRENT_TIMESTAMP"}, "+c"),
        ({"c": "TEXT AS (a)"}, "+c"),
        ({"_strict": True, "a": "TEXT"}, "a: type VARCHAR(5) -> TEXT"),
        ({"b": {"type": "TEXT", "was": ["b"]}, "a": {"type": "VARCHAR(9)", "fill": "upper(a)"}}, "fill of a"),
    ],
)
def test_the_first_change_that_needs_it_is_the_reason_to_write_the_rows_again(
    changed: dict[str, object], why: str
) -> None:
    assert reason(T, T | changed).endswith(why)


def test_the_type_of_a_strict_table_may_refuse_what_is_there() -> None:
    strict = {"a": "INT", "_strict": True}
    assert reason({"a": "INT"}, strict) == "STRICT"
    assert reason(strict, {"a": "INTEGER", "_strict": True}) == "a: type INT -> INTEGER"
    assert reason(strict, {"a": "INT", "b": "TEXT", "_strict": True}) == ""
    assert reason(strict, {"a": "INT", "b": "TEXT DEFAULT 'x'", "_strict": True}) == "+b"


def test_a_key_of_another_spelling_may_become_the_row_id() -> None:
    assert reason({"a": "INT PRIMARY KEY"}, {"a": "INTEGER PRIMARY KEY"}) == "a: type INT -> INTEGER"
    assert reason({"a": "INT PRIMARY KEY"}, {"a": "BIGINT PRIMARY KEY"}) == ""


@pytest.mark.parametrize(
    "more",
    [
        {"g": "TEXT AS (a || 'x')"},
        {"_indexes": [{"name": "i", "columns": ["lower(a)"]}]},
        {"_indexes": [{"name": "i", "columns": ["b"], "where": "a > 'x'"}]},
    ],
)
def test_what_is_computed_from_a_column_keeps_its_type(more: dict[str, object]) -> None:
    assert reason(T | more, T | more | {"a": "VARCHAR(9)"}) == "a: type VARCHAR(5) -> VARCHAR(9)"
    assert reason(T | more, T | more | {"b": "VARCHAR(9)"}) == ""


@pytest.mark.parametrize(
    "more",
    [
        {"_indexes": ["a"]},
        {"_unique_constraints": [["b", "a"]]},
        {"_primary_key": ["a"], "id": "INTEGER"},
        {"_checks": ["a <> b"]},
        {"g": "TEXT AS (a || 'x')"},
        {"_indexes": [{"name": "i", "columns": ["lower(a)"]}]},
        {"_indexes": [{"name": "i", "columns": ["b"], "where": "a > 'x'"}]},
    ],
)
def test_what_is_sorted_checked_or_computed_by_a_column_keeps_its_collation(more: dict[str, object]) -> None:
    changed = {"a": "VARCHAR(5) COLLATE NOCASE"}
    assert reason(T | more, T | more | changed) == "a: collation binary -> nocase"


def test_a_column_is_dropped_where_the_rows_are_unless_a_key_has_it() -> None:
    def dropped(column: str, old: dict[str, object]) -> str:
        new = {name: value for name, value in old.items() if name != column}
        return reason(old, new | {"_dropped": [column]})

    assert dropped("b", T) == ""
    assert dropped("b", T | {"b": "TEXT UNIQUE"}).startswith("-UNIQUE")
    assert dropped("g", T | {"g": "TEXT AS (a)"}).startswith("-g")


def test_columns_that_a_view_uses_by_their_position_are_not_appended() -> None:
    views = {"v": "SELECT * FROM T"}
    before, after = (
        document.read(json.dumps({"T": tree, "_views": views}).encode())
        for tree in ({"a": "TEXT", "b": "TEXT"}, {"a": "TEXT", "c": "TEXT", "b": "TEXT"})
    )
    (pair,) = compare(before.schema, after.schema, after.hints).tables
    assert isinstance(pair, TablePair)
    assert pair.rewrite_reason == "columns in the order a, c, b"
