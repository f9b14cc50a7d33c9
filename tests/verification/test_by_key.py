"""Recognise SELECTs that compute a derived table row by row, so that a written row affects only the rows of its key."""

from __future__ import annotations

import json

import pytest

from schemasync.engines.sqlite.by_key import key_pairs
from schemasync.schema import document

SOURCE = {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "body": "TEXT"}
NEW = {"id": "INTEGER PRIMARY KEY", "x": "TEXT"}
OF = {"of": "INTEGER", "tag": "TEXT", "_primary_key": ["of", "tag"], "_without_rowid": True}
PAIR = {"k": "TEXT", "m": "INTEGER", "v": "TEXT", "_primary_key": ["k", "m"], "_without_rowid": True}
LOOSE = {"a": "TEXT", "body": "TEXT"}


def pairs(select, source=None, new=None):
    tree = {"t": source or SOURCE, "n": new or NEW}
    schema = document.read(json.dumps(tree).encode()).schema
    return key_pairs(select, schema.table("t"), schema.table("n"))


@pytest.mark.parametrize(
    "select",
    [
        "SELECT id, a AS x FROM old.t",
        "SELECT a AS x, t.id FROM old.t WHERE a IS NOT NULL",
        "SELECT u.id AS id, upper(u.a) AS x FROM old.t AS u WHERE u.a <> '' AND length(u.a) > 2",
        "select u.ID, trim(u.a) as x from OLD.T u where u.id in (1, 2, 3)",
        "SELECT *, a AS x FROM old.t",
        "SELECT u.*, a AS x FROM old.t AS u",
    ],
)
def test_a_filter_with_the_key_among_its_columns_is_followed_by_key(select):
    assert [(new.lower(), old) for new, old in pairs(select)] == [("id", "id")]


def test_a_join_with_the_parts_of_a_json_text_is_followed_by_key():
    select = "SELECT d.id AS of, e.value AS tag FROM old.t AS d, json_each(d.body, '$.tags') AS e"
    assert pairs(select, new=OF) == (("of", "id"),)


def test_all_columns_of_a_key_are_needed():
    new = {"k": "TEXT", "n": "INTEGER", "_primary_key": ["k", "n"]}
    assert pairs("SELECT k, m AS n FROM old.t", PAIR, new) == (("k", "k"), ("n", "m"))
    assert pairs("SELECT k FROM old.t", PAIR, {"k": "TEXT PRIMARY KEY"}) == ()


@pytest.mark.parametrize(
    "select",
    [
        "SELECT -id AS id, a AS x FROM old.t",
        "SELECT DISTINCT id, a AS x FROM old.t",
        "SELECT id, a AS x FROM old.t GROUP BY id",
        "SELECT id, a AS x FROM old.t ORDER BY a LIMIT 1",
        "SELECT id, a AS x FROM old.t UNION ALL SELECT -id, a FROM old.t",
        "SELECT id, (SELECT max(a) FROM old.t) AS x FROM old.t",
        "SELECT u.id, v.a AS x FROM old.t AS u JOIN old.t AS v ON v.id = u.id + 1",
        "SELECT id, a AS x FROM old.t WHERE id IN old.t",
        "SELECT u.id, u.a AS x FROM json_each('[1]') AS e LEFT JOIN old.t AS u ON u.id = e.value",
        "SELECT rowid AS id, a AS x FROM old.t",
        "WITH w AS (SELECT id, a AS x FROM old.t) SELECT id, x FROM w",
        "SELECT id, row_number() OVER (ORDER BY a) AS x FROM old.t",
    ],
)
def test_what_may_depend_on_other_rows_is_computed_as_a_whole(select):
    assert pairs(select) == ()


@pytest.mark.parametrize(
    ("source", "new"),
    [
        (LOOSE, {"a": "TEXT PRIMARY KEY"}),
        (SOURCE, {"id": "TEXT PRIMARY KEY", "x": "TEXT"}),
        (SOURCE, {"id": "INTEGER", "x": "TEXT PRIMARY KEY"}),
        (SOURCE, {"id": "INTEGER", "x": "TEXT"}),
        ({**SOURCE, "id": "TEXT COLLATE NOCASE PRIMARY KEY", "_without_rowid": True}, {"id": "TEXT PRIMARY KEY"}),
    ],
    ids=["no key that stays", "another type", "not the first of the key", "no key", "another comparison"],
)
def test_a_key_that_does_not_find_the_rows_again_is_none(source, new):
    assert pairs("SELECT id, a AS x FROM old.t" if "id" in source else "SELECT a FROM old.t", source, new) == ()
