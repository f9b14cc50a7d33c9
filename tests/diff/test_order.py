"""The order of columns alone is not a change, unless a view or a trigger uses them by position."""

from __future__ import annotations

import json

import pytest

from schemasync.diff.by_position import used_by_position
from schemasync.diff.changes import AddColumn, AddUnique, RenameColumn, ReorderColumns
from schemasync.diff.compare import Diff, compare
from schemasync.schema import document

AB = {"a": "INT", "b": "TEXT"}
BA = {"b": "TEXT", "a": "INT"}
TRIGGER = "AFTER INSERT ON u BEGIN {}; END"


def diff(old: dict[str, object], new: dict[str, object]) -> Diff:
    before, after = (document.read(json.dumps(tree).encode()) for tree in (old, new))
    return compare(before.schema, after.schema, after.hints)


def by_position(views: dict[str, str], trigger: str = "SELECT 1") -> frozenset[str]:
    tree = {"t": AB, "u": {"a": "INT", "_triggers": {"tr": TRIGGER.format(trigger)}}, "_views": views}
    return used_by_position(document.read(json.dumps(tree).encode()).schema)


@pytest.mark.parametrize("more", [{}, {"_strict": True}, {"_primary_key": ["a"], "_without_rowid": True}])
def test_another_order_alone_is_noted_and_is_no_change(more: dict[str, object]) -> None:
    strict = {"a": "INT NOT NULL", "b": "TEXT"}
    for old, new in ((strict, dict(reversed(strict.items()))), (dict(reversed(strict.items())), strict)):
        found = diff({"t": old | more}, {"t": new | more})
        assert found.changes == ()
        assert found.other_order == (ReorderColumns("t", tuple(new)),)


def test_a_table_that_is_rewritten_anyway_gets_the_order() -> None:
    found = diff({"t": AB}, {"t": {"b": "TEXT", "c": "INT UNIQUE", "a": "INT"}})
    assert [type(change) for change in found.changes] == [AddColumn, AddUnique, ReorderColumns]
    assert found.other_order == ()


def test_so_does_one_that_a_fill_rewrites() -> None:
    found = diff({"t": AB}, {"t": {"c": {"type": "TEXT", "was": ["b"], "fill": "upper(b)"}, "a": "INT"}})
    assert [type(change) for change in found.changes] == [RenameColumn, ReorderColumns]


def test_a_rename_is_no_rewrite_and_leaves_the_order() -> None:
    found = diff({"t": AB}, {"t": {"c": {"type": "TEXT", "was": ["b"]}, "a": "INT"}})
    assert [type(change) for change in found.changes] == [RenameColumn]
    assert found.other_order == (ReorderColumns("t", ("c", "a")),)


@pytest.mark.parametrize(
    "select",
    [
        "SELECT * FROM t",
        "SELECT t.* FROM t",
        "SELECT DISTINCT * FROM t",
        "SELECT 1, * FROM t",
        "SELECT a FROM (SELECT * FROM t UNION ALL SELECT 1, 'x')",
        'WITH w(x, y) AS (SELECT * FROM "T") SELECT x FROM w',
        "SELECT a FROM u UNION ALL SELECT a FROM (SELECT ALL * FROM t ORDER BY 2)",
    ],
)
def test_a_view_that_selects_all_columns_uses_them_by_position(select: str) -> None:
    assert "t" in by_position({"v": select})


@pytest.mark.parametrize(
    "select", ["SELECT a, b FROM t", "SELECT count(*) FROM t", "SELECT a * 2 FROM t", "SELECT (1) * a FROM t"]
)
def test_one_that_names_them_does_not(select: str) -> None:
    assert by_position({"v": select}) == frozenset()


@pytest.mark.parametrize(
    ("statement", "uses"),
    [
        ("INSERT INTO t VALUES (1, 'x')", True),
        ("INSERT OR IGNORE INTO t SELECT 1, 'x'", True),
        ("REPLACE INTO t VALUES (1, 'x')", True),
        ("INSERT INTO t AS other VALUES (1, 'x')", True),
        ("INSERT INTO t (a, b) VALUES (1, 'x')", False),
        ("INSERT INTO t AS other (b) VALUES ('x')", False),
        ("UPDATE t SET a = a * 2", False),
        ("DELETE FROM t", False),
    ],
)
def test_a_trigger_that_writes_without_a_list_of_columns_uses_them_by_position(statement: str, uses: bool) -> None:
    assert ("t" in by_position({}, statement)) == uses


def test_a_trigger_of_a_view_counts_too() -> None:
    tree = {"t": AB, "_views": {"v": {"select": "SELECT a FROM t", "triggers": {"tr": "x"}}}}
    body = "INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (NEW.a, 'x'); END"
    text = json.dumps(tree).replace('"x"', json.dumps(body))
    assert used_by_position(document.read(text.encode()).schema) == {"t"}


def test_an_fts4_table_may_take_its_columns_from_its_content() -> None:
    for module, uses in (("fts4", {"t"}), ("fts5", set())):
        tree = {"t": AB, "f": {"_virtual": f"{module}(b, content=t)"}}
        assert used_by_position(document.read(json.dumps(tree).encode()).schema) == uses


def test_where_order_matters_it_is_a_change() -> None:
    views = {"v": "SELECT * FROM t"}
    assert diff({"t": AB, "_views": views}, {"t": BA, "_views": views}).changes == (ReorderColumns("t", ("b", "a")),)
    assert diff({"t": AB}, {"t": BA, "_views": views}).changes[0] == ReorderColumns("t", ("b", "a"))
