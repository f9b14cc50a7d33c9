"""`_rows`: the rows that the file names, their keys, and the errors for invalid ones."""

import pytest

from schemasync.diff.compare import compare
from schemasync.diff.hint_keys import Rows, all_hints, from_json, hints_that_acted, spelled
from schemasync.diff.hint_keys import as_json as key_json
from schemasync.schema.model import ReferenceRows, Schema
from schemasync.schema.write import write

from .support import codes, problems, read, rebuilt, version

ROLES = {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL UNIQUE", "rank": "INT"}


def rows(*found, **more):
    return {"Roles": {**ROLES, **more, "_rows": list(found)}}


def test_rows_are_told_apart_by_the_first_key_that_all_of_them_have():
    assert read(rows({"id": 1, "name": "a"}, {"id": 2})).hints.rows["Roles"].key == ("id",)
    found = read(rows({"NAME": "a", "rank": True}, {"name": "b"})).hints.rows["Roles"]
    assert found == ReferenceRows(
        "Roles", ("name",), ("name", "rank"), (("a", 1), ("b", None)), ((True, True), (True, False))
    )
    indexed = rows({"rank": 1}, _indexes=[{"columns": ["rank"], "unique": True}])
    assert read(indexed).hints.rows["Roles"].key == ("rank",)
    several = rows({"name": "x", "rank": 1}, name="TEXT", _unique_constraints=[["rank", "name"]])
    assert read(several).hints.rows["Roles"].key == ("rank", "name")


@pytest.mark.parametrize(
    ("tree", "code"),
    [
        (rows({"rank": 1}), "bad-definition"),
        (rows({"rank": 1}, _indexes=[{"columns": ["rank"], "unique": True, "where": "rank > 0"}]), "bad-definition"),
        (rows({"rank": 1}, _indexes=[{"columns": ["abs(rank)"], "unique": True}, "rank"]), "bad-definition"),
        (rows({"rank": "a"}, _constraints=["UNIQUE (rank COLLATE NOCASE)"]), "bad-definition"),
        (rows({"id": None, "rank": 1}), "bad-definition"),
        (rows({"name": "a"}, {"name": "a", "rank": 1}), "bad-definition"),
        (rows({"name": "a", "rnak": 1}), "unknown-column"),
        (rows({"name": "a", "zzzzzz": 1}), "unknown-column"),
        (rows({"name": "a", "twice": 1}, twice="INT AS (rank * 2)"), "bad-definition"),
        (rows({"name": []}), "wrong-shape"),
        (rows(), "wrong-shape"),
        ({"T": {"a": "TEXT", "_rows": [{"a": "x"}]}}, "bad-definition"),
    ],
)
def test_rows_that_cannot_be_are_reported(tree, code):
    assert codes(tree) == [code]


def test_a_repeated_key_is_named():
    (problem,) = problems(rows({"name": "a"}, {"name": "a"}))
    assert 'two rows of Roles have the key "a"' in problem.message


def test_a_virtual_table_has_none():
    assert codes({"S": {"_virtual": "fts5(a)", "_rows": [{"a": "x"}]}}) == ["wrong-shape"]


def test_rows_are_no_part_of_the_version_and_act_once_until_they_change():
    one, other = read(rows({"name": "a"})), read(rows({"name": "b"}))
    assert one.version == other.version == version({"Roles": ROLES})
    assert write(one.schema) == write(other.schema)
    schema = one.schema
    first = compare(schema, schema, one.hints)
    assert first.acted == first.applied_hints == all_hints(one.hints)
    again = compare(schema, schema, one.hints, first.applied_hints)
    assert (again.acted, again.spent) == (frozenset(), ())
    changed = compare(schema, schema, other.hints, first.applied_hints)
    assert changed.applied_hints == all_hints(other.hints)
    back = compare(schema, schema, one.hints, changed.applied_hints)
    assert back.acted == all_hints(one.hints), "the rows of before are written again"


def test_they_follow_a_renamed_table_and_act_in_a_new_one():
    one = read(rows({"name": "a"}))
    renamed = read({"Groups": {**rows({"name": "a"})["Roles"], "_was": ["Roles"]}})
    found = compare(one.schema, renamed.schema, renamed.hints, all_hints(one.hints))
    assert not any(isinstance(key, Rows) for key in found.acted)
    new = compare(Schema(), one.schema, one.hints)
    assert any(isinstance(key, Rows) for key in new.acted)


def test_their_key_reads_as_it_is_recorded_and_nobody_assumes_that_rows_are_there():
    one = read(rows({"name": "a"}))
    (key,) = all_hints(one.hints)
    assert from_json(key_json(key)) == key
    assert spelled(key, one.schema) == ("Roles", "")
    assert hints_that_acted(one.hints, one.schema, one.schema) == frozenset()


# --- roles --------------------------------------------------------------------------------------------------------


def test_roles_are_tables_with_rows_and_sqlite_takes_them():
    use = {"mixin": "roles", "users": "users", "permissions": {"admin": ["edit", "view", "edit"], "editor": ["edit"]}}
    found = read({"_use": [use], "Users": {"user_id": "BIGINT", "_primary_key": ["user_id"]}})
    assert rebuilt(found.schema) == found.schema
    assert [rows.rows for _, rows in sorted(found.hints.rows.items())] == [
        (("edit",), ("view",)),
        (("admin", "edit"), ("admin", "view"), ("editor", "edit")),
        (("admin",), ("user",), ("guest",), ("editor",)),
    ]
    assert found.schema.table("user_roles").column("user_id").type.canonical == "BIGINT"
    assert found.schema.view("user_permissions") is not None
    plain = read({"_use": [{"mixin": "roles", "roles": ["boss"]}]})
    assert list(plain.hints.rows) == ["roles"]
    assert plain.schema.table("user_roles") is None


def test_roles_stand_at_the_top_and_refer_to_a_table_with_one_key():
    users = {"Users": {"a": "INT", "b": "INT", "_primary_key": ["a", "b"]}}
    assert codes({**users, "_use": [{"mixin": "roles", "users": "Users"}]}) == ["mixin-clash"]
    assert codes({**users, "_use": [{"mixin": "roles", "users": "Persons"}]}) == ["mixin-clash"]
    assert codes({"_use": [{"mixin": "roles", "log": "x"}]}) == ["wrong-shape"]
    assert codes({"_use_everywhere": ["roles"], **users}) == ["mixin-clash"]
    assert codes({"T": {"a": "INT", "_use": ["roles"]}}) == ["mixin-clash"]
    mixin = {"_mixins": {"roles": {"_tables": {"R": {"a": "INT"}}}}, "_use": ["roles"]}
    assert [table.name for table in read(mixin).schema.tables] == ["R"]
