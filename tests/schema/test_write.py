"""The output of `inspect` is read as the schema that it was written for."""

import json

import pytest
from hypothesis import given

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.validate import validate_schema
from schemasync.errors import SchemaInvalid
from schemasync.schema.model import Column, Sql
from schemasync.schema.write import constraint_text, document_json, filled, pretty, renamed, write

from .strategies import trees
from .support import effort, inspected, read, schema
from .test_create_statements import databases


@effort(75)
@given(trees())
def test_a_schema_that_is_written_reads_as_itself(tree):
    meant = schema(tree)
    assert read(write(meant)).schema == meant


@effort(75)
@given(databases())
def test_a_database_that_others_made_is_written_as_it_is_or_its_fault_is_named(database):
    """A schema that SQLite accepts in an old file, but refuses in a new one, cannot be written in an accepted form."""
    _, statements = database
    found = inspected(*statements)
    try:
        again = read(write(found)).schema
        validate_schema(again, Opener())
    except SchemaInvalid as error:
        assert all(problem.message for problem in error.problems)
    else:
        assert again == found


@pytest.mark.parametrize(
    "body",
    [
        {"a": "INTEGER PRIMARY KEY AUTOINCREMENT", "b": "TEXT NOT NULL UNIQUE DEFAULT 'x' CHECK (b <> '')"},
        {"a": "GENERATED ALWAYS AS (1) STORED", "b": "REFERENCES t (b) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"},
        {"a": "INT", "b": "INT", "_primary_key": ["a", "b"], "_indexes": ["a", ["a", "b DESC"]], "_strict": True},
        {"__a": "INT", "_triggers": {"__x": "AFTER DELETE ON t BEGIN SELECT 1; END"}},
        {"a": "INT", "_checks": [{"name": "k", "check": "1"}], "_constraints": ["UNIQUE (a DESC) ON CONFLICT FAIL"]},
        {"_virtual": "fts5(a, b)"},
    ],
)  # fmt: skip
def test_each_thing_stands_where_a_person_would_write_it(body):
    assert json.loads(write(schema({"t": body}))) == {"t": body}


def test_a_comment_stands_at_the_top():
    assert write(schema({"t": {"a": ""}}), "from app.db").startswith('// from app.db\n{\n  "t": {\n    "a": ""\n')


def test_a_comment_in_a_definition_does_not_end_it():
    found = inspected("CREATE TABLE t (a INT CHECK (a -- positive\n > 0) DEFAULT (1 /* one */ + 1))")
    assert read(write(found)).schema == found


def test_hints_stand_beside_the_definition_as_it_was_written():
    tree = {"T": {"a": "TEXT not null", "__b": "INT", "c": {"type": "INT", "was": ["old"]}}}
    a, b, c = (read(tree).schema.table("T").column(name) for name in ("a", "_b", "c"))
    assert filled(a, "coalesce(a, '')") == """"a": {"type": "TEXT not null", "fill": "coalesce(a, '')"}"""
    assert renamed(b, "x") == '"__b": {"type": "INT", "was": ["x"]}'
    assert renamed(c, "new") == '"c": {"type": "INT", "was": ["new", "old"]}'
    assert filled(Column("a", Sql("INT")), "0") == '"a": {"type": "INT", "fill": "0"}', "not from a file"


def test_a_constraint_by_itself_reads_as_itself():
    body = {
        "a": "INT",
        "b": "INT",
        "_constraints": [
            "CONSTRAINT u UNIQUE (a, b COLLATE NOCASE) ON CONFLICT IGNORE",
            "CHECK (a <> b)",
            "CONSTRAINT k FOREIGN KEY (a, b) REFERENCES t (b, a) ON DELETE CASCADE",
        ],
        "_unique_constraints": [["b", "a"]],
    }
    (table,) = schema({"t": body}).tables
    texts = [constraint_text(one) for one in (*table.uniques, *table.checks, *table.foreign_keys)]
    assert sorted(texts) == sorted([*body["_constraints"], "UNIQUE (b, a)"])
    (again,) = schema({"t": {"a": "INT", "b": "INT", "_constraints": texts}}).tables
    assert again == table


def test_a_table_by_itself_stands_as_in_the_file():
    meant = schema({"t": {"a": "INT", "_indexes": ["a"]}})
    text = pretty(document_json(meant.tables[0]))
    assert f'"t": {text}' in write(meant)


def test_keys_beside_the_schema_come_first():
    meant = schema({"t": {"a": "INT"}, "u": {"a": "INT"}})
    text = write(meant, extra_keys={"t": {"_model": "shop.T"}})
    assert read(text).models == {"t": "shop.T"}
    assert text.index("_model") < text.index('"a"')
