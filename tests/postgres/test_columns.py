"""The type of each column on PostgreSQL; no test here queries a database."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.types import (
    Bigint,
    Boolean,
    ByHand,
    Bytea,
    Citext,
    Date,
    DoublePrecision,
    FieldKind,
    Integer,
    Jsonb,
    Numeric,
    PgColumn,
    PgType,
    Text,
    Timestamp,
    TimestampTz,
    Varchar,
)
from schemasync.schema.document import read


def columns(tree: dict[str, Any], **known: Any) -> dict[str, PgColumn]:
    """Return the columns of all tables by `table.column`."""
    made = columns_of(read(json.dumps(tree).encode()).schema, **known)
    return {f"{table}.{column.name}": column for table, found in made.items() for column in found}


def type_of(definition: str, **known: Any) -> PgType:
    return columns({"t": {"c": definition}}, **known)["t.c"].type


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("INTEGER", Bigint()),
        ("TINYINT(1)", Bigint()),
        ("INT8", Bigint()),
        ("unsigned big int", Bigint()),
        ("BOOLEAN", Boolean()),
        ("bool", Boolean()),
        ("DECIMAL(10, 2)", Numeric(10, 2)),
        ("DECIMAL(10)", Numeric(10, 0)),
        ("NUMERIC", Numeric()),
        ("REAL", DoublePrecision()),
        ("double precision", DoublePrecision()),
        ("TEXT", Text()),
        ("CLOB", Text()),
        ("VARCHAR(30)", Varchar(30)),
        ("VARCHAR", Text()),
        ("TEXT(30)", Text()),
        ("TEXT COLLATE NOCASE", Citext()),
        ("VARCHAR(30) COLLATE NOCASE", Citext()),
        ("INTEGER COLLATE NOCASE", Bigint()),
        ("BLOB", Bytea()),
        ("JSON", Jsonb()),
        ("TEXT CHECK (json_valid(c))", Jsonb()),
        ('TEXT CHECK ((JSON_VALID("c") OR "c" IS NULL))', Jsonb()),
        ("TEXT CHECK (json_valid(c) OR c = '')", Text()),
        ("DATETIME", Text()),
        ("DATE", Text()),
        ("", Text()),
        ("UUID", Text()),
    ],
)
def test_a_declared_type_becomes_one_that_is_not_narrower(definition: str, expected: PgType) -> None:
    assert type_of(definition) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FieldKind("IntegerField"), Integer()),
        (FieldKind("BooleanField"), Boolean()),
        (FieldKind("CharField", max_length=7), Varchar(7)),
        (FieldKind("CharField"), Text()),
        (FieldKind("DecimalField", max_digits=9, decimal_places=3), Numeric(9, 3)),
        (FieldKind("DateTimeField", use_tz=True), TimestampTz()),
        (FieldKind("DateTimeField", use_tz=False), Timestamp()),
        (FieldKind("FieldOfAnotherPackage"), Bigint()),
    ],
)
def test_the_field_of_a_model_decides_before_the_declaration(kind: FieldKind, expected: PgType) -> None:
    assert type_of("INTEGER", fields={"t": {"c": kind}}) == expected


def test_the_definition_in_the_file_decides_before_all_else() -> None:
    known: dict[str, Any] = {
        "fields": {"t": {"c": FieldKind("IntegerField")}},
        "by_hand": {"t": {"c": "int8 NOT NULL"}},
    }
    column = columns({"t": {"C": "INTEGER NOT NULL"}}, **known)["t.C"]
    assert column.type == ByHand("int8 NOT NULL")
    assert not column.not_null


def test_the_form_of_its_values_decides_about_a_date_without_a_model() -> None:
    assert type_of("DATE", shapes={"t": {"c": Date()}}) == Date()
    assert "no model" in columns({"t": {"c": "DATE"}})["t.c"].why


def test_a_foreign_key_has_the_type_of_the_column_that_it_refers_to() -> None:
    made = columns(
        {
            "parent": {"id": "INTEGER PRIMARY KEY", "code": "VARCHAR(5) UNIQUE COLLATE NOCASE"},
            "child": {"by_key": "INTEGER REFERENCES parent", "by_code": "TEXT REFERENCES parent (code)"},
            "cycle": {"id": "INTEGER PRIMARY KEY REFERENCES cycle (id)"},
        },
        fields={"parent": {"id": FieldKind("AutoField")}},
    )
    assert made["child.by_key"].type == Integer()
    assert made["child.by_code"].type == Citext()
    assert made["cycle.id"].type == Bigint()


def test_a_row_id_key_is_an_identity_and_each_key_refuses_null() -> None:
    made = columns(
        {
            "rowid": {"id": "INTEGER PRIMARY KEY", "note": "TEXT"},
            "counted": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT"},
            "named": {"code": "TEXT PRIMARY KEY"},
            "pair": {"a": "INTEGER", "b": "INTEGER", "_primary_key": ["a", "b"]},
            "short": {"id": "INTEGER PRIMARY KEY", "_without_rowid": True},
        }
    )
    assert {name for name, column in made.items() if column.identity} == {"rowid.id", "counted.id"}
    assert [name for name, column in made.items() if not column.not_null] == ["rowid.note"]


def test_text_is_compared_by_bytes_and_a_generated_column_is_not_copied() -> None:
    made = columns({"t": {"a": "TEXT", "n": "TEXT COLLATE NOCASE", "b": "INTEGER AS (length(a))"}})
    assert (made["t.a"].collation, made["t.n"].collation, made["t.b"].collation) == ("C", "C", None)
    assert [column.generated for column in made.values()] == [False, False, True]


def test_a_virtual_table_has_no_columns() -> None:
    assert columns({"search": {"_virtual": "fts5(a)"}}) == {}
