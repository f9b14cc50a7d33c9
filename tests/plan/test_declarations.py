"""Types that look like a typing error, and primary keys that look like the row id but are not."""

from __future__ import annotations

import json

import pytest

from schemasync.diff import compare
from schemasync.diff.changes import describe
from schemasync.diff.hazards import Hazard, HazardCode
from schemasync.plan.lint import declarations, of_schema
from schemasync.plan.make import make
from schemasync.plan.model import Plan
from schemasync.plan.type_typos import KNOWN, distance, misspelt
from schemasync.schema import document

ALIAS = {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}


def plan(old: dict[str, object], new: dict[str, object]) -> Plan:
    before, after = (document.read(json.dumps(tree).encode()) for tree in (old, new))
    diff = compare.compare(before.schema, after.schema, after.hints)
    return make(
        diff, before.schema, after.schema, "1:v", base_version=None, base_fingerprint=None, volatile=lambda t, c: False
    )


def found(old: dict[str, object], new: dict[str, object], *allowed: str) -> list[tuple[str, str, str]]:
    return [(str(h.code), h.table, h.column) for h in declarations(plan(old, new), allowed)]


def slip(declared: str) -> str | None:
    column = document.read(json.dumps({"t": {"a": declared}}).encode()).schema.tables[0].columns[0]
    near = misspelt(column)
    return near[1] if near is not None else None


@pytest.mark.parametrize(
    ("declared", "meant"),
    [
        ("INTEGR", "INTEGER"),
        ("ITNEGER", "INTEGER"),
        ("integerr", "INTEGER"),
        ("INTERGR", "INTEGER"),
        ("TXT", "TEXT"),
        ("VARCAHR(20)", "VARCHAR"),
        ("DATTIME", "DATETIME"),
        ("BIGINT UNSIGEND", "UNSIGNED"),
        ("DOUBLE PRECISON", "PRECISION"),
        ("BOLEAN", "BOOLEAN"),
    ],
)
def test_a_type_next_to_a_known_one_is_noted_with_that(declared: str, meant: str) -> None:
    assert slip(declared) == meant


@pytest.mark.parametrize(
    "declared",
    [
        *sorted(KNOWN - {"NULL", "SET", "WITH"}),
        "",
        "varchar(20)",
        "bigint unsigned",
        "integer unsigned",
        "smallint unsigned",
        "decimal",
        "bool",
        "char(32)",
        "DECIMAL(10, 2)",
        "NATIVE CHARACTER(70)",
        "timestamp with time zone",
        "frobnicate",
        "PHONE_NUMBER",
        "ID",
    ],
)
def test_known_types_and_words_of_ones_own_are_not(declared: str) -> None:
    assert slip(declared) is None


def test_letters_that_changed_places_are_one_step() -> None:
    steps = [distance(*pair) for pair in (("ab", "ba"), ("abc", "abc"), ("", "abc"), ("kitten", "sitting"))]
    assert steps == [1, 0, 3, 3]


def test_what_did_not_change_is_not_noted_again() -> None:
    old = {"t": {"id": "BIGINT PRIMARY KEY", "a": "TXT"}, "u": {"a": "TXT"}}
    assert found({}, old) == [
        ("type-unknown", "t", "a"),
        ("key-is-not-rowid", "t", "id"),
        ("type-unknown", "u", "a"),
    ]
    assert found(old, old) == []
    assert found(old, {**old, "t": {"id": "BIGINT PRIMARY KEY", "a": "TXT", "b": "TEXT"}}) == []
    assert found(old, {"t": old["t"]}) == []


@pytest.mark.parametrize(
    "declared", ["INTEGR PRIMARY KEY", "INT PRIMARY KEY", "BIGINT PRIMARY KEY NOT NULL", " PRIMARY KEY"]
)
def test_a_key_that_stops_being_the_row_id_stops_the_run_unless_that_is_allowed(declared: str) -> None:
    new = {"t": {"id": declared, "a": "TEXT"}}
    assert ("rowid-alias-lost", "t", "id") in found({"t": ALIAS}, new)
    assert Hazard(HazardCode.ROWID_ALIAS_LOST, "").blocking
    assert ("rowid-alias-lost", "t", "id") not in found({"t": ALIAS}, new, "t.id")


def test_it_stops_under_a_new_name_as_well_and_where_it_says_desc() -> None:
    renamed = {"u": {"_was": ["t"], "nr": {"type": "INT PRIMARY KEY", "was": ["id"]}, "a": "TEXT"}}
    assert found({"t": ALIAS}, renamed) == [("rowid-alias-lost", "u", "nr")]
    assert found({"t": ALIAS}, {"t": {**ALIAS, "id": "INTEGER PRIMARY KEY DESC"}}) == [("rowid-alias-lost", "t", "id")]
    assert found({"t": ALIAS}, {"t": {**ALIAS, "id": "INT PRIMARY KEY"}}, "t.id") == [("key-is-not-rowid", "t", "id")]


@pytest.mark.parametrize(
    "new",
    [
        {**ALIAS, "b": "TEXT"},
        {**ALIAS, "id": "TEXT PRIMARY KEY", "_without_rowid": True},
        {"id": "INTEGER", "a": "TEXT PRIMARY KEY"},
        {"id": "INTEGER", "a": "TEXT", "_primary_key": ["id", "a"]},
        {"id": "INTEGER", "a": "TEXT"},
        {"guid": {"type": "INTEGER", "was": ["id"]}, "id": "TEXT PRIMARY KEY", "a": "TEXT"},
    ],
)
def test_another_key_that_is_said_to_be_one_stops_nothing(new: dict[str, object]) -> None:
    assert found({"t": ALIAS}, {"t": new}) == []


def test_keys_that_look_like_the_row_id_are_noted_of_a_whole_schema() -> None:
    tree = {
        "alias": {"id": "INTEGER PRIMARY KEY"},
        "big": {"id": "BIGINT PRIMARY KEY"},
        "slip": {"id": "ITNEGER PRIMARY KEY"},
        "given": {"id": "BIGINT NOT NULL PRIMARY KEY"},
        "text": {"id": "varchar(20) PRIMARY KEY"},
        "strict": {"id": "INT PRIMARY KEY", "_strict": True},
        "without": {"id": "INT PRIMARY KEY", "_without_rowid": True},
        "none": {"id": "INT"},
    }
    schema = document.read(json.dumps(tree).encode()).schema
    assert [(str(h.code), h.table) for h in of_schema(schema)] == [
        ("key-is-not-rowid", "big"),
        ("type-unknown", "slip"),
        ("key-is-not-rowid", "slip"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "texts"),
    [
        (
            ALIAS,
            {**ALIAS, "id": "INTEGR PRIMARY KEY"},
            [
                "t.id: type INTEGER -> INTEGR",
                "t.id: may be NULL",
                "t: primary key (id), the row id -> (id), not the row id",
            ],
        ),
        (
            {"id": "INT PRIMARY KEY", "a": "TEXT"},
            ALIAS,
            ["t.id: type INT -> INTEGER", "t.id: NOT NULL", "t: primary key (id), not the row id -> (id), the row id"],
        ),
        (ALIAS, {**ALIAS, "id": "INTEGER PRIMARY KEY AUTOINCREMENT"}, ["t: primary key (id) -> (id) AUTOINCREMENT"]),
        (
            {"id": "TEXT NOT NULL PRIMARY KEY"},
            {"id": "TEXT PRIMARY KEY", "_without_rowid": True},
            ["t: WITHOUT ROWID"],
        ),
        (
            {"id": "TEXT NOT NULL ON CONFLICT IGNORE PRIMARY KEY"},
            {"id": "TEXT PRIMARY KEY", "_without_rowid": True},
            ["t.id: NOT NULL (another conflict clause or name)", "t: WITHOUT ROWID"],
        ),
        (
            {"id": "TEXT", "_primary_key": ["id"]},
            {"id": "TEXT", "_constraints": ["CONSTRAINT k PRIMARY KEY (id COLLATE NOCASE DESC) ON CONFLICT REPLACE"]},
            ["t: primary key (id) -> k (id COLLATE NOCASE DESC) ON CONFLICT REPLACE"],
        ),
    ],
)
def test_a_plan_says_what_changes_in_a_key(old: dict[str, object], new: dict[str, object], texts: list[str]) -> None:
    assert [describe(change) for change in plan({"t": old}, {"t": new}).changes] == texts


def test_a_key_that_is_no_longer_the_row_id_names_the_tables_that_refer_to_it() -> None:
    child = {"id": "INTEGER PRIMARY KEY", "t": "TEXT REFERENCES t (id)"}
    parent = {"t": {**ALIAS, "id": "TEXT PRIMARY KEY"}}
    (alone, referred) = (
        hazard.hint
        for new in (parent, {**parent, "child": child})
        for hazard in declarations(plan({"t": ALIAS}, new), ())
        if hazard.blocking
    )
    assert referred.startswith(alone) and "change-key" not in alone
    assert "references in child follow if their columns get the same fill as the key" in referred
