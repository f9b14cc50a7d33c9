"""Properties that hold for any two schemas, any hints and any number of syncs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemasync.diff.changes import RenameColumn, RenameTable, as_json, describe
from schemasync.diff.compare import AddedTable, RemovedTable, TablePair, compare
from schemasync.diff.hint_keys import HintKey, all_hints, column_rename
from schemasync.schema.model import Hints, Schema
from schemasync.schema.names import fold, quote, to_key

from ..schema.strategies import NAMES, trees
from ..schema.support import effort, inspected, read, rebuilt, schema

NOTHING: frozenset[HintKey] = frozenset()


@effort(40)
@given(trees())
def test_a_schema_does_not_differ_from_itself(tree: dict) -> None:
    found = compare(schema(tree), schema(tree))
    assert (found.changes, found.problems, found.acted, found.applied_hints) == ((), (), NOTHING, NOTHING)


@effort(40)
@given(trees())
def test_a_schema_does_not_differ_from_the_database_that_it_made(tree: dict) -> None:
    meant = schema(tree)
    assert compare(rebuilt(meant), meant).changes == ()


@effort(40)
@given(trees(), trees())
def test_every_change_has_a_text_and_every_refusal_has_its_fix(old: dict, new: dict) -> None:
    before, after = schema(old), schema(new)
    found = compare(before, after)
    for change in found.changes:
        assert describe(change)
        assert json.loads(json.dumps(as_json(change)))["text"] == describe(change)
    assert all(problem.message and problem.hint for problem in found.problems)
    new = [table.new.name for table in found.tables if not isinstance(table, RemovedTable)]
    old = [table.old.name for table in found.tables if not isinstance(table, AddedTable)]
    assert new == [table.name for table in after.tables]
    assert sorted(old) == sorted(table.name for table in before.tables)
    assert (found.changes == ()) == (before == after)


# --- names only ---------------------------------------------------------------------------------------------------


def _with_names(parent: str, child: str, names: list[str]) -> dict:
    """Return two tables with every place where a column is named; a, b and c are columns of both. One may be named
    TRUE, which then is not the constant; none is named FALSE."""
    a, b, c = map(quote, names)
    p, t = quote(parent), quote(child)
    return {
        to_key(parent): {
            to_key(names[0]): "INTEGER PRIMARY KEY",
            to_key(names[1]): f"INT UNIQUE CHECK ({b} IN ('beta', 1) OR NOT {a} IS NULL)",
            to_key(names[2]): f"TEXT AS (CASE WHEN {a} > 0 THEN lower({b}) ELSE CAST({a} AS TEXT) END || FALSE)",
        },
        to_key(child): {
            to_key(names[0]): f"TEXT COLLATE NOCASE CHECK ({t}.{a} <> '' AND max({a}, {b}) COLLATE NOCASE > 0)",
            to_key(names[1]): f"INT REFERENCES {p} ({b})",
            to_key(names[2]): f"INT REFERENCES {p} DEFAULT (CASE WHEN 1 THEN 2 END)",
            "_primary_key": [f"{a} COLLATE RTRIM", f"{b} DESC"],
            "_unique_constraints": [[names[1], f"{c} DESC"], [f"{b} COLLATE NOCASE", names[2]]],
            "_foreign_keys": [
                {"columns": [names[1], names[2]], "references": {"table": child, "columns": [names[2], names[1]]}}
            ],
            "_indexes": [
                {"name": "an index of ours", "columns": [names[2], f"lower({a})"], "where": f"{b} NOT IN (1, {c})"},
            ],
        },
    }  # fmt: skip


def _hinted(tree: dict, was: list[str], table_was: dict[str, str]) -> dict:
    """Return the tree with a hint for each of its names."""
    found = {}
    for key, body in tree.items():
        columns = [column for column in body if column.startswith("__") or not column.startswith("_")]
        hinted = {c: {"type": body[c], "was": [old]} for c, old in zip(columns, was, strict=True)}
        found[key] = body | hinted | {"_was": [table_was[key]]}
    return found


PLAIN = ["alpha", "beta", "gamma"]
ODD = st.sampled_from([name for name in NAMES if name != "$schema"])


@effort(75)
@given(st.lists(ODD, min_size=5, max_size=5, unique_by=fold))
@pytest.mark.parametrize("way", ["to", "from"])
def test_names_alone_leave_nothing_else_to_compare(way: str, names: list[str]) -> None:
    plain = ("parents", "children", PLAIN)
    odd = (names[0], names[1], names[2:])
    before, after = (plain, odd) if way == "to" else (odd, plain)
    tree = _with_names(*after)
    keys = dict(zip(tree, before[:2], strict=True))
    new = read(_hinted(tree, before[2], keys))
    found = compare(schema(_with_names(*before)), new.schema, new.hints)
    assert found.problems == ()
    assert {type(change) for change in found.changes} <= {RenameTable, RenameColumn}
    assert compare(rebuilt(schema(_with_names(*before))), new.schema, new.hints).changes == found.changes


# --- sync after sync ----------------------------------------------------------------------------------------------

FEW = st.sampled_from(["a", "b", "c", "A"])
TABLES = st.sampled_from(["t", "u", "v"])
COLUMN = st.fixed_dictionaries(
    {"type": st.sampled_from(["INT", "TEXT", "INT NOT NULL"])},
    optional={"was": st.lists(FEW, max_size=3), "fill": st.sampled_from(["a + 1", "1", "upper(b)"])},
)
TABLE = st.tuples(st.dictionaries(FEW, COLUMN, min_size=1, max_size=3), st.lists(TABLES, max_size=2)).map(
    lambda made: (
        {column: body for column, body in made[0].items() if column.islower() or column.lower() not in made[0]}
        | {"_was": made[1]}
    )
)
FILES = st.dictionaries(TABLES, TABLE, max_size=3)


@effort(200)
@given(st.lists(FILES, min_size=1, max_size=5))
def test_after_a_sync_the_same_file_is_current_and_no_hint_acts_again(files: list[dict]) -> None:
    """This holds for any earlier files, and for any earlier names in this one."""
    live, recorded = Schema(), NOTHING
    for tree in files:
        file = read(tree)
        found = compare(live, file.schema, file.hints, recorded)
        live, recorded = file.schema, found.applied_hints
        again = compare(live, file.schema, file.hints, recorded)
        assert again.changes == ()
        assert again.acted == NOTHING
        assert again.applied_hints == recorded


@effort(100)
@given(FILES)
def test_a_database_that_is_born_in_a_shape_has_all_its_hints_behind_it(tree: dict) -> None:
    file = read(tree)
    found = compare(Schema(), file.schema, file.hints)
    assert found.applied_hints == all_hints(file.hints)
    assert found.acted == NOTHING


@effort(100)
@given(FILES, FILES)
def test_no_value_goes_to_two_columns_and_none_is_lost_in_silence(old: dict, new: dict) -> None:
    before, file = schema(old), read(new)
    found = compare(before, file.schema, file.hints)
    reported = {
        (problem.facts["table"] if column else None, name)
        for problem in found.problems
        for column in [problem.facts["table"] is not None]
        for name in problem.facts.get("lost", ())
    }
    for pair in found.tables:
        if isinstance(pair, AddedTable):
            continue
        if isinstance(pair, RemovedTable):
            assert (None, pair.old.name) in reported
            continue
        carried = [fold(source) for source in pair.sources.values() if source is not None]
        assert len(carried) == len(set(carried))
        for column in pair.old.columns:
            assert fold(column.name) in carried or (pair.new.name, column.name) in reported


@effort(150)
@given(FILES, FILES)
def test_no_rename_is_passed_over_in_silence_and_none_is_recorded_that_did_not_act(old: dict, new: dict) -> None:
    """A hint that names an existing object acts, or it is refused or noted; a recorded hint leaves nothing to act
    on."""
    before, file = schema(old), read(new)
    found = compare(before, file.schema, file.hints)
    clashes = {(p.facts["table"], name) for p in found.problems if p.code == "rename-clash" for name in p.facts["new"]}
    noted = {(idle.table or None, idle.new) for idle in found.idle_renames} | clashes
    pairs = [table for table in found.tables if isinstance(table, TablePair)]
    for pair in pairs:
        for column, source in pair.sources.items():
            names = file.hints.columns_were.get((pair.new.name, column), ())
            named = [fold(name) for name in names if fold(name) != fold(column) and pair.old.column(name)]
            acts = source is not None and fold(source) in named[:1]
            assert acts or not named or (pair.new.name, column) in noted
            key = column_rename(pair.new.name, column, (named or [""])[0])
            if key in found.applied_hints and not clashes:
                assert acts
    fed = {pair.new.name: pair.old.name for pair in pairs}
    for table, names in file.hints.tables_were.items():
        named = [fold(name) for name in names if fold(name) != fold(table) and before.table(name)]
        assert not named or fold(fed.get(table, "")) == named[0] or (None, table) in noted


def test_without_hints_nothing_acts() -> None:
    assert all_hints(Hints()) == NOTHING
    assert compare(inspected("CREATE TABLE t (a)"), schema({"t": {"b": ""}})).acted == NOTHING
