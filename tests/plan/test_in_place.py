"""Changes that a plan may make in the live file itself: those that SQLite's statements make without writing rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemasync.plan.in_place import (
    added_columns,
    constraints_of,
    dropped_columns,
    in_place,
    is_added,
    makes_index,
    obstacles,
)
from schemasync.plan.model import Action, Alter, Strategy

from .test_plan import plan

T = {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}


def made(new: dict[str, Any], old: dict[str, Any] | None = None) -> Any:
    return plan(json.dumps(old or {"T": T}), json.dumps(new))


@pytest.mark.parametrize(
    "more",
    [
        {"b": "TEXT"},
        {"b": "INTEGER NOT NULL DEFAULT 5", "c": "TEXT DEFAULT 'x'"},
        {"b": "INTEGER REFERENCES T"},
        {"b": "INTEGER CHECK (b > 0)"},
        {"b": "INTEGER", "c": "INTEGER", "_checks": ["b < c"]},
        {"_indexes": ["a"]},
        {"_strict": False},
    ],
)
def test_columns_indexes_and_their_constraints_qualify(more: dict[str, Any]) -> None:
    assert obstacles(made({"T": {**T, **more}})) == ()


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({**T, "b": "TEXT", "_indexes": ["a"]}, True),
        ({"id": T["id"], "b": "TEXT", "_dropped": ["a"]}, True),
        ({**T, "b": "TEXT", "_checks": ["length(a) > 1"]}, False),
    ],
)
def test_a_definition_is_only_replaced_if_sqlite_cannot_edit_it(new: dict[str, Any], expected: bool) -> None:
    (step,) = made({"T": new}).steps
    assert isinstance(step, Alter)
    assert is_added(step) is expected


def test_changed_views_and_triggers_qualify_and_new_ones_do_not() -> None:
    old = {"T": {**T, "_triggers": {"t": "AFTER INSERT ON T BEGIN SELECT 1; END"}}, "_views": {"v": "SELECT a FROM T"}}
    moved = {"_was": ["T"], "id": T["id"], "b": {"type": "TEXT", "was": ["a"]}}
    new = {
        "U": {**moved, "_triggers": {"t": "AFTER INSERT ON U BEGIN SELECT 1; END"}},
        "_views": {"v": "SELECT b FROM U"},
    }
    assert obstacles(made(new, old)) == ()
    assert obstacles(made({**old, "_views": {"v": "SELECT id FROM T"}}, old)) == ()
    assert obstacles(made({**old, "_views": {**old["_views"], "w": "SELECT 1"}}, old)) == ("w: new view",)


@pytest.mark.parametrize(
    ("more", "phrases"),
    [
        ({"b": "TEXT NOT NULL DEFAULT NULL"}, ("T: +b",)),
        ({"b": "TEXT NOT NULL"}, ("T: +b",)),
        ({"b": "TEXT DEFAULT CURRENT_TIMESTAMP"}, ("T: +b",)),
        ({"b": "TEXT DEFAULT 1.50"}, ("T: +b",)),
        ({"a": "TEXT DEFAULT 'x'"}, ("T.a: default NULL -> 'x'",)),
        ({"b": "TEXT GENERATED ALWAYS AS (upper(a))"}, ("T: +b",)),
        ({"b": {"type": "TEXT", "fill": "a"}}, ("T: fill of b",)),
        ({"b": "TEXT UNIQUE"}, ("T: +UNIQUE (b)",)),
        ({"b": "INTEGER DEFAULT 1 REFERENCES T"}, ("T: +(b) REFERENCES T (id)",)),
        ({"_checks": ["length(a) > 1"]}, ("T: +CHECK (length(a) > 1)",)),
        ({"a": "TEXT REFERENCES T"}, ("T: +(a) REFERENCES T (id)",)),
        ({"a": "VARCHAR(9) NOT NULL"}, ("T.a: type TEXT -> VARCHAR(9)", "T.a: NOT NULL")),
        ({"_triggers": {"t": "AFTER INSERT ON T BEGIN SELECT 1; END"}}, ("T: +trigger t",)),
    ],
)
def test_everything_else_is_named(more: dict[str, Any], phrases: tuple[str, ...]) -> None:
    assert sorted(obstacles(made({"T": {**T, **more}}))) == sorted(phrases)


def test_new_and_dropped_tables_are_named() -> None:
    assert obstacles(made({"U": T, "_dropped": ["T"]})) == ("U: new table", "T: dropped, with its rows")


def test_a_foreign_key_of_two_columns_does_not_come_with_one() -> None:
    both = {"_primary_key": ["a", "b"], "a": "INT NOT NULL", "b": "INT NOT NULL"}
    old = {"T": T, "P": both}
    new = {
        "P": both,
        "T": {**T, "b": "INT", "c": "INT", "_foreign_keys": [{"columns": ["b", "c"], "references": {"table": "P"}}]},
    }
    assert obstacles(made(new, old)) == ("T: +(b, c) REFERENCES P (a, b)",)


def test_the_plan_for_the_live_file_rewrites_no_table() -> None:
    strict = {**T, "_strict": True}
    found = made({"T": {**strict, "b": "INTEGER NOT NULL DEFAULT 5"}, "U": T}, {"T": strict, "U": T})
    assert [step.action for step in found.steps] == [Action.REWRITE, Action.KEEP]
    assert obstacles(found) == ()
    changed = in_place(found)
    assert changed.strategy is Strategy.IN_PLACE
    assert [step.action for step in changed.steps] == [Action.ALTER, Action.KEEP]


def test_each_constraint_comes_with_the_last_new_column_that_it_reads() -> None:
    more = {"b": "INTEGER CHECK (b > 0)", "c": "INTEGER REFERENCES T", "_checks": ["b < c"]}
    (step,) = made({"T": {**T, **more}}).steps
    assert isinstance(step, Alter)
    b, c = added_columns(step)
    checks, keys = constraints_of(step, b)
    assert ([check.expression.text for check in checks], keys) == (["b > 0"], [])
    checks, keys = constraints_of(step, c)
    assert [check.expression.text for check in checks] == ["b < c"]
    assert [key.columns for key in keys] == [("c",)]


def test_a_new_index_is_known_to_take_space() -> None:
    assert [makes_index(step) for step in made({"T": {**T, "_indexes": ["a"]}}).steps] == [True]
    assert [makes_index(step) for step in made({"T": {**T, "b": "TEXT"}}).steps] == [False]


def test_a_column_goes_only_where_that_is_allowed() -> None:
    found = made({"T": {"id": T["id"], "_dropped": ["a"]}})
    assert obstacles(found) == ("T: -a, with its values",)
    assert obstacles(found, may_drop=True) == ()
    (step,) = found.steps
    assert isinstance(step, Alter)
    assert [column.name for column in dropped_columns(step)] == ["a"]
