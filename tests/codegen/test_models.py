"""Each part of a table becomes a part of the generated models."""

import json
import re
import sqlite3
from contextlib import closing

import pytest
from django.db import models

from schemasync.codegen.block import Block, names_outside, replaced
from schemasync.codegen.describe import describe
from schemasync.codegen.glob import as_regex
from schemasync.codegen.naming import RESERVED, class_name, field_name
from schemasync.codegen.request import External, Features, Request
from schemasync.schema import document

from .imported import auto_name, generated, imported


def text_of(**tables):
    """Return the generated file without its head and indentation."""
    text = generated(json.dumps(tables)).text
    return "\n".join(line.strip() for line in text[text.index("\nclass ") :].splitlines())


def field_of(definition, **more):
    """Return the field of the column `c`."""
    text = generated(json.dumps({"t": {"id": "INTEGER PRIMARY KEY", "c": definition, **more}})).text
    return imported(text)["T"]._meta.get_field("c")


def rules(tree, *, external=None):
    """Return on_delete by "table.column", as for Django 6.1."""
    features = Features(lambda table, columns, suffix: "", db_on_delete=True, unsized_decimal=True)
    request = Request(features, external=external or {})
    found = describe(document.read(json.dumps(tree).encode()).schema, request)
    return {f"{one.table}.{column}": rule for one in found for column, rule in one.rules}


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("TimeEntries", "TimeEntry"),
        ("people", "Person"),
        ("addresses", "Address"),
        ("status", "Status"),
        ("news", "News"),
        ("PRODUCTS", "Product"),
        ("order details", "OrderDetail"),
        ("2nd", "Table2nd"),
        ("none", "NoneModel"),
        ("models", "Model"),
        ("shop_boxes", "Box"),
        ("movies", "Movie"),
        ("data", "Data"),
    ],
)
def test_a_class_has_the_name_that_a_person_would_give_it(table, name):
    assert class_name(table, "shop") == name


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("CustomerId", "customer_id"),
        ("HTTPStatus", "http_status"),
        ("first name", "first_name"),
        ("class", "class_field"),
        ("pk", "pk_field"),
        ("save", "save_field"),
        ("1st", "number_1st"),
        ("_x__y_", "x_y"),
        ("%", "field"),
        ("größe", "größe"),
    ],
)
def test_a_field_has_a_name_that_python_and_django_accept(column, name):
    assert field_name(column) == name


def test_no_field_hides_an_attribute_of_a_model():
    public = {name for name in dir(models.Model) if not name.startswith("_")}
    assert public - RESERVED == set()


def test_tables_whose_names_differ_in_number_alone_keep_it():
    names = [one.name for one in generated('{"tag": {"id": "INTEGER"}, "tags": {"id": "INTEGER"}}').models]
    assert names == ["Tag", "Tags"]


def test_two_relations_to_one_table_get_names_for_the_way_back():
    refers = "INTEGER REFERENCES people (id)"
    text = text_of(
        people={"id": "INTEGER PRIMARY KEY", "team_id": "INTEGER REFERENCES teams (id)"},
        teams={"id": "INTEGER PRIMARY KEY", "head_id": refers, "deputy_id": refers},
    )
    assert 'related_name="teams_as_head"' in text
    assert 'related_name="teams_as_deputy"' in text
    assert text.count("related_name") == 2


def test_a_relation_does_not_take_the_name_of_a_column():
    text = text_of(
        a={"id": "INTEGER PRIMARY KEY"},
        b={"id": "INTEGER PRIMARY KEY", "a": "TEXT", "a_id": "INTEGER REFERENCES a (id)", "A_ref": "TEXT"},
    )
    fields = imported(generated(json.dumps({
        "a": {"id": "INTEGER PRIMARY KEY"},
        "b": {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "a_id": "INTEGER REFERENCES a (id)"},
    })).text)["B"]._meta.get_fields()  # fmt: skip
    assert [(field.name, field.column) for field in fields] == [("id", "id"), ("a", "a"), ("a_ref", "a_id")]
    assert "db_column" in text


@pytest.mark.parametrize(
    ("definition", "kind", "facts"),
    [
        ("VARCHAR(20) NOT NULL", models.CharField, {"max_length": 20, "null": False}),
        ("TEXT", models.TextField, {"null": True, "blank": True}),
        ("TEXT NOT NULL DEFAULT ''", models.TextField, {"blank": True, "default": "", "db_default": ""}),
        ("TEXT COLLATE NOCASE", models.TextField, {"db_collation": "NOCASE"}),
        ("INTEGER UNSIGNED NOT NULL CHECK (c >= 0)", models.PositiveIntegerField, {}),
        ("INTEGER NOT NULL DEFAULT 1 CHECK (c IN (0, 1))", models.BooleanField, {"default": True, "db_default": True}),
        ("BIGINT", models.BigIntegerField, {}),
        ("TINYINT", models.IntegerField, {}),
        ("DECIMAL(8,2)", models.DecimalField, {"max_digits": 8, "decimal_places": 2}),
        ("DOUBLE PRECISION", models.FloatField, {}),
        ("BLOB", models.BinaryField, {}),
        ("UUID", models.TextField, {}),
        ("STRING", models.TextField, {}),
        ("NATIVE CHARACTER(70)", models.CharField, {"max_length": 70}),
        ("TIMESTAMP WITH TIME ZONE", models.DateTimeField, {}),
        ("NUMERIC", models.DecimalField, {}),
        ("GEOMETRY", models.Field, {}),
        ("TEXT CHECK (json_valid(c))", models.JSONField, {}),
        ("TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP", models.DateTimeField, {"editable": False}),
        ("", models.Field, {"editable": False}),
        ("TEXT GENERATED ALWAYS AS (lower(id)) STORED", models.GeneratedField, {"db_persist": True}),
        ("INTEGER UNIQUE REFERENCES t (id)", models.OneToOneField, {}),
    ],
)
def test_a_column_gets_the_field_that_fits(definition, kind, facts):
    field = field_of(definition)
    assert type(field) is kind
    assert {fact: getattr(field, fact) for fact in facts} == facts


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("c > 0", [1, 9], [0]),
        ("c BETWEEN 1 AND 5", [1, 5], [0, 6]),
        ("c IS NULL OR c < 3", [2], [3]),
        ("c >= 2 AND c <= 4", [2, 4], [1, 5]),
        ("c <> 7", [6], [7]),
        ("NOT (c = 7 OR c = 8)", [6], [7, 8]),
        ("c IN (3, 1, 2)", [1, 2, 3], [4]),
        ("c * 2 > id", [9], [0]),
    ],
)
def test_full_clean_accepts_what_the_check_accepts(check, good, bad):
    text = generated(json.dumps({"t": {"id": "INTEGER PRIMARY KEY", "c": f"INTEGER CHECK ({check})"}})).text
    made = imported(text)["T"]
    for value in good:
        made(id=1, c=value).full_clean(validate_unique=False)
    for value in bad:
        with pytest.raises(models.base.ValidationError):
            made(id=1, c=value).full_clean(validate_unique=False)


def test_choices_have_the_values_of_the_check_and_labels_to_read():
    made = imported(
        generated(
            json.dumps({
                "t": {
                    "id": "INTEGER PRIMARY KEY",
                    "state": "TEXT CHECK (state IN ('in_progress', 'on hold', '', 'A+', 'a-'))",
                    "level": "INTEGER CHECK (level IN (1, 2, -1))",
                }
            })
        ).text
    )["T"]  # fmt: skip
    assert made.State.choices == [
        ("in_progress", "In Progress"), ("on hold", "On Hold"), ("", ""), ("A+", "A+"), ("a-", "a-"),
    ]  # fmt: skip
    assert made.Level.choices == [(1, "1"), (2, "2"), (-1, "-1")]


def test_tables_without_a_key_and_with_several_columns_as_the_key_have_one():
    made = imported(
        generated('{"a": {"x": "TEXT"}, "b": {"x": "TEXT", "y_id": "INTEGER", "_primary_key": ["x", "y_id"]}}').text
    )
    assert made["A"]._meta.pk.column == "rowid"
    assert made["B"]._meta.pk.field_names == ("x", "y_id")


def test_a_relation_has_no_name_that_python_keeps_for_itself():
    columns = dict.fromkeys(("class_id", "from_id", "save_id", "id_id", "Import"), "INTEGER REFERENCES t (id)")
    made = imported(generated(json.dumps({"t": {"id": "INTEGER PRIMARY KEY"}, "u": columns})).text)["U"]
    assert [field.name for field in made._meta.local_fields] == [
        "rowid", "class_ref", "from_ref", "save_ref", "id_ref", "import_field",
    ]  # fmt: skip


def test_an_index_with_the_name_that_django_gives_is_of_its_field():
    index = {"name": auto_name("t", ["c"]), "columns": ["c"]}
    assert field_of("TEXT", _indexes=[index]).db_index is True


def test_partial_and_expression_indexes_are_those_of_django():
    text = text_of(
        t={
            "id": "INTEGER PRIMARY KEY",
            "mail": "TEXT",
            "gone": "INTEGER NOT NULL",
            "_indexes": [
                {"name": "mail_once", "columns": ["lower(mail)"], "where": "gone = 0", "unique": True},
                {"name": "newest", "columns": ["gone", "id DESC"]},
            ],
        }
    )
    assert 'Lower("mail"), condition=models.Q(gone=0), name="mail_once"' in text
    assert 'models.Index(fields=["gone", "-id"], name="newest")' in text


TREE = {
    "a": {"id": "INTEGER PRIMARY KEY"},
    "b": {"id": "INTEGER PRIMARY KEY", "a_id": "INTEGER NOT NULL REFERENCES a (id) ON DELETE CASCADE"},
    "c": {
        "id": "INTEGER PRIMARY KEY",
        "b_id": "INTEGER REFERENCES b (id) ON DELETE SET NULL",
        "a_id": "INTEGER REFERENCES a (id)",
    },
    "d": {"id": "INTEGER PRIMARY KEY", "b_id": "INTEGER REFERENCES b (id) ON DELETE RESTRICT"},
    "e": {"id": "INTEGER PRIMARY KEY", "a_id": "INTEGER REFERENCES a (id)"},
    "f": {"id": "INTEGER PRIMARY KEY", "a_id": "INTEGER NOT NULL DEFAULT 1 REFERENCES a (id) ON DELETE SET DEFAULT"},
}


def test_cascades_are_those_of_the_database_and_no_rule_of_python_stands_beside_them():
    assert rules(TREE) == {
        "b.a_id": "DB_CASCADE",
        "c.b_id": "DB_SET_NULL",
        "c.a_id": "DO_NOTHING",
        "d.b_id": "DO_NOTHING",
        "e.a_id": "PROTECT",
        "f.a_id": "DB_SET_DEFAULT",
    }


def test_an_installed_model_with_rules_of_python_gets_none_of_the_database():
    user = External("auth.User", "id", {}, has_python_rules=True)
    tree = {**TREE, "a": {"_model": "auth.User", "id": "INTEGER PRIMARY KEY"}}
    found = rules(tree, external={"a": user})
    assert found["b.a_id"] == "DO_NOTHING"
    assert found["e.a_id"] == "PROTECT"


def test_the_key_of_a_view_is_that_of_a_table_that_it_reads():
    tree = {
        "x": {"n": "INTEGER", "x_id": "INTEGER PRIMARY KEY"},
        "_views": {"v": "SELECT n, x_id FROM x", "w": "SELECT n AS a, 1 AS id FROM x", "u": "SELECT n AS a FROM x"},
    }
    made = imported(generated(json.dumps(tree)).text)
    assert [made[name]._meta.pk.name for name in "VWU"] == ["x_id", "id", "a"]


def test_no_class_and_no_field_hides_a_name_that_the_file_uses():
    tree = {
        "lower": {
            "id": "INTEGER PRIMARY KEY",
            "list": "TEXT",
            "models": "TEXT",
            "decimal": "DECIMAL(5,2) NOT NULL DEFAULT 0.5 CHECK (decimal IN (0.5, 1.5))",
            "facts": "TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(facts))",
            "_indexes": [{"name": "by_list", "columns": ["lower(list)"]}],
        },
        "raw_sqls": {"at": "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP"},
    }
    made = imported(generated(json.dumps(tree)).text)
    assert set(made) == {"LowerModel", "RawSql"}
    assert made["LowerModel"]._meta.get_field("facts").default is list
    assert made["LowerModel"]._meta.get_field("list_field").column == "list"


def test_a_class_does_not_hide_a_name_of_the_code_around():
    text = "from enum import Enum\n\n\nclass Tag(Enum):\n    A = 1\n"
    assert names_outside(text, "schema.json") == {"enum", "tag"}


@pytest.mark.parametrize(
    "around", [("", ""), ("", "# own"), ("\n\nimport os\n", "\n\n\n\nX = 1\n\n"), ('"""Doc."""\n', "\n")]
)
def test_the_code_around_a_block_keeps_its_blank_lines(around):
    before, after = around
    old = Block("schema.json", "old", [])
    text = before + replaced("", old) + after
    assert replaced(text, old) == text
    new = replaced(text, Block("schema.json", "new", []))
    assert new.startswith(before + "# --- begin")
    assert new.endswith("# --- end: models of schema.json ---\n" + after)


GLOBS = (
    "CC-[0-9][0-9]",
    "*",
    "a?c",
    "[^a-c]*",
    "[]x]",
    "[^]]",
    "x.y",
    "[a-]",
    "a[\\]b",
    "é*",
    "",
    "[[]",
    "a+",
    "[&&~|]",
)
WORDS = (
    "CC-12",
    "CC-1",
    "abc",
    "a\nc",
    "dog",
    "]",
    "x",
    "x.y",
    "xzy",
    "a",
    "-",
    "a\\b",
    "été",
    "",
    "[",
    "a+",
    "aa",
    "&",
    "|",
)


@pytest.mark.parametrize("glob", GLOBS)
def test_a_validator_accepts_what_glob_matches(glob):
    regex = as_regex(glob)
    with closing(sqlite3.connect(":memory:")) as connection:
        matched = [word for word in WORDS if connection.execute("SELECT ? GLOB ?", (word, glob)).fetchone()[0]]
    assert [word for word in WORDS if re.search(regex, word)] == matched


def test_a_set_that_is_not_closed_has_no_validator():
    assert as_regex("[abc") is None
    assert as_regex("[z-a]") is None
    text = generated(json.dumps({"t": {"id": "INTEGER PRIMARY KEY", "c": "TEXT CHECK (c GLOB 'A-[0-9]')"}})).text
    assert field_of("TEXT CHECK (c GLOB 'A-[0-9]')").validators[0].regex.pattern == r"\AA\-[0-9]\Z"
    assert 'RegexValidator("\\\\AA' in text
