"""schema.json: its valid content, and the errors for invalid content."""

import json
import tracemalloc

import jsonschema
import pytest

from schemasync.errors import Code, Problem, SchemaInvalid
from schemasync.schema import document, jsonc, shape_check
from schemasync.schema.diagnostics import PROBLEM_LIMIT
from schemasync.schema.jsonc import scan
from schemasync.schema.load import SIZE_LIMIT
from schemasync.schema.model import Sql

from .support import codes, inspected, problems, read, rebuilt, schema

PLACE = "◆"

# By description: the faulty text, with a mark at the fault, and the code of the error.
FAULTS = {
    # JSON
    "a missing colon": ('{"t" ◆"x"}', "schema-syntax"),
    "a missing comma": ('{"t": {"a": "INT" ◆"b": "INT"}}', "schema-syntax"),
    "text after the end": ("{} ◆{}", "schema-syntax"),
    "nothing at all": ("◆", "schema-syntax"),
    "single quotes": ("{◆'t': {}}", "schema-syntax"),
    "a key without quotes": ("{◆t: {}}", "schema-syntax"),
    "a string that is not closed": ('{"t": {"a": ◆"INT}}', "schema-syntax"),
    "a line end in a string": ('{"t": {"a": ◆"INT\n"}}', "schema-syntax"),
    "a tab in a string": ('{"t": {"a": "INT◆\t"}}', "schema-syntax"),
    "an escape that is none": ('{"t": {"a": "◆\\x"}}', "schema-syntax"),
    "a comment that is not closed": ('{"t": {}} ◆/* so', "schema-syntax"),
    "a comma and no item": ('{"t": {"a": "", "_indexes": [◆,]}}', "schema-syntax"),
    "a comma and no key": ("{◆,}", "schema-syntax"),
    "NaN": ('{"t": {"a": ◆NaN}}', "schema-syntax"),
    "Infinity": ('{"t": ◆Infinity}', "schema-syntax"),
    "a number of thousands of digits": ('{"t": ◆' + "1" * 5000 + "}", "schema-syntax"),
    "too many levels": ("[" * 64 + "◆[", "schema-syntax"),
    # keys
    "a table given twice": ('{"t": {"a": ""}, \n ◆"t": {"b": ""}}', "duplicate-key"),
    "a column given twice": ('{"t": {"a": "", ◆"a": ""}}', "duplicate-key"),
    "a key of ours given twice": ('{"t": {"a": "", "_strict": true, ◆"_strict": true}}', "duplicate-key"),
    "an unknown key at the top": ('{◆"_view": {}}', "unknown-key"),
    "an unknown key in a table": ('{"t": {"a": "", ◆"_index": ["a"]}}', "unknown-key"),
    "a trigger's name with one underscore": (
        '{"t": {"a": "", "_triggers": {◆"_x": "AFTER DELETE ON t BEGIN SELECT 1; END"}}}',
        "unknown-key",
    ),
    "a view's name with one underscore": ('{"_views": {◆"_v": "SELECT 1"}}', "unknown-key"),
    "a view's trigger with one underscore": ('{"_views": {"v": {"select": "SELECT 1", "triggers": {◆"_x": "x"}}}}', "unknown-key"),
    "a _from that is no SELECT": ('{"t": {"a": "", ◆"_from": "DELETE FROM old.t"}}', "bad-definition"),
    "a _from of two statements": ('{"t": {"a": "", ◆"_from": "SELECT 1 AS a; SELECT 2 AS a"}}', "bad-definition"),
    "a _from that holds a comment alone": ('{"t": {"a": "", ◆"_from": "-- nothing"}}', "bad-definition"),
    "a _from that is neither text nor an object": ('{"t": {"a": "", ◆"_from": 5}}', "wrong-shape"),
    "a _from without its SELECT": ('{"t": {"a": "", ◆"_from": {"may_drop_rows": true}}}', "wrong-shape"),
    "a virtual table with a _from": ('{◆"t": {"_virtual": "fts5(a)", "_from": "SELECT 1 AS a"}}', "wrong-shape"),
    # shapes
    "no object": ('◆["t"]', "wrong-shape"),
    "a number": ("◆1", "wrong-shape"),
    "a table that is none": ('{◆"t": 5}', "wrong-shape"),
    "a table that is null": ('{◆"t": null}', "wrong-shape"),
    "a column that is none": ('{"t": {◆"a": 5}}', "wrong-shape"),
    "a column without a type": ('{"t": {◆"a": {"was": ["b"]}}}', "wrong-shape"),
    "an unknown key of a column": ('{"t": {"a": {"type": "INT", ◆"wass": ["b"]}}}', "wrong-shape"),
    "was that is no list": ('{"t": {"a": {"type": "INT", ◆"was": "b"}}}', "wrong-shape"),
    "_was that is no list": ('{"t": {"a": "", ◆"_was": "b"}}', "wrong-shape"),
    "_indexes that is no list": ('{"t": {"a": "", ◆"_indexes": "a"}}', "wrong-shape"),
    "an index without columns": ('{"t": {"a": "", "_indexes": [◆{"name": "i"}]}}', "wrong-shape"),
    "an index over nothing": ('{"t": {"a": "", "_indexes": [◆[]]}}', "wrong-shape"),
    "_strict that is no boolean": ('{"t": {"a": "", ◆"_strict": 1}}', "wrong-shape"),
    "_primary_key that is no list": ('{"t": {"a": "", ◆"_primary_key": "a"}}', "wrong-shape"),
    "an action that is none": (
        '{"t": {"a": "", "_foreign_keys": [{"columns": ["a"], "references": {"table": "t"}, ◆"on_delete": "drop"}]}}',
        "wrong-shape",
    ),
    "_model without a dot": ('{"t": {"a": "", ◆"_model": "Model"}}', "wrong-shape"),
    "_views that is no object": ('{◆"_views": ["v"]}', "wrong-shape"),
    "a view that is none": ('{"_views": {◆"v": 1}}', "wrong-shape"),
    "another format": ('{◆"_format": 2}', "wrong-shape"),
    "a table without columns": ('{◆"t": {}}', "wrong-shape"),
    "a virtual table with columns": ('{◆"t": {"_virtual": "fts5(a)", "a": "INT"}}', "wrong-shape"),
    "a virtual table with indexes": ('{◆"t": {"_virtual": "fts5(a)", "_indexes": ["a"]}}', "wrong-shape"),
    "a key that only looks like $schema": ('{◆"$schema\\n": 5}', "wrong-shape"),
    # characters
    "a NUL in a name": ('{"t": {◆"a\\u0000": ""}}', "bad-definition"),
    "a NUL in a definition": ('{"t": {◆"a": "DEFAULT \'\\u0000\'"}}', "bad-definition"),
    "half of a pair": ('{"t": {◆"a": "DEFAULT \'\\ud800\'"}}', "bad-definition"),
    "half of a pair in a list": ('{"t": {"a": "", "_indexes": [◆"\\udfff"]}}', "bad-definition"),
    # names
    "a reserved table": ('{◆"sqlite_x": {"a": ""}}', "reserved-name"),
    "a reserved table in capitals": ('{◆"SQLite_x": {"a": ""}}', "reserved-name"),
    "the table of the history": ('{◆"__schema_versions": {"a": ""}}', "reserved-name"),
    "a table of this program": ('{◆"__schemasync_fence": {"a": ""}}', "reserved-name"),
    "a reserved view": ('{"_views": {◆"__schemasync_v": "SELECT 1"}}', "reserved-name"),
    "a reserved index": ('{"t": {"a": "", ◆"_indexes": [{"name": "sqlite_i", "columns": ["a"]}]}}', "reserved-name"),
    "a reserved trigger": (
        '{"t": {"a": "", "_triggers": {◆"__schemasync_x": "AFTER DELETE ON t BEGIN SELECT 1; END"}}}',
        "reserved-name",
    ),
    "a reserved trigger on a view": (
        '{"_views": {"v": {"select": "SELECT 1", "triggers": '
        '{◆"__schemasync_x": "INSTEAD OF DELETE ON v BEGIN SELECT 1; END"}}}}',
        "reserved-name",
    ),
    "two tables of one name": ('{"t": {"a": ""}, ◆"T": {"a": ""}}', "name-clash"),
    "two columns of one name": ('{"t": {"a": "", ◆"A": ""}}', "name-clash"),
    "a table and a view of one name": ('{"t": {"a": ""}, "_views": {◆"T": "SELECT 1"}}', "name-clash"),
    "a table and an index of one name": ('{"t": {"a": "", ◆"_indexes": [{"name": "T", "columns": ["a"]}]}}', "name-clash"),
    "two indexes of one name": (
        '{"t": {"a": "", "_indexes": [{"name": "i", "columns": ["a"]}]}, '
        '"u": {"a": "", ◆"_indexes": [{"name": "I", "columns": ["a"]}]}}',
        "name-clash",
    ),
    "the same index twice": ('{"t": {"a": "", ◆"_indexes": ["a", "a"]}}', "name-clash"),
    "two triggers of one name": (
        '{"t": {"a": "", "_triggers": {"x": "AFTER DELETE ON t BEGIN SELECT 1; END",'
        ' ◆"X": "AFTER DELETE ON t BEGIN SELECT 1; END"}}}',
        "name-clash",
    ),
    "_dropped that names a column": ('{"t": {"a": "", ◆"_dropped": ["A"]}}', "name-clash"),
    "_dropped that names a column with an underscore": ('{"t": {"__a": "", ◆"_dropped": ["_a"]}}', "name-clash"),
    "_dropped that names a table": ('{"t": {"a": ""}, ◆"_dropped": ["T"]}', "name-clash"),
    # definitions
    "a comma between definitions": ('{"t": {◆"a": "TEXT, extra INTEGER"}}', "bad-definition"),
    "a semicolon": ('{"t": {◆"a": "TEXT; DROP TABLE t"}}', "bad-definition"),
    "a semicolon within parentheses": ('{"t": {◆"a": "CHECK (1; 2)"}}', "bad-definition"),
    "a comment at the end": ('{"t": {◆"a": "TEXT -- so"}}', "bad-definition"),
    "a comment in between": ('{"t": {◆"a": "TEXT /* so */ NOT NULL"}}', "bad-definition"),
    "a comment that hides the rest": ('{"t": {◆"a": "CHECK (1 /* so )"}}', "bad-definition"),
    "a parenthesis that is not closed": ('{"t": {◆"a": "CHECK (a > (1)"}}', "bad-definition"),
    "a parenthesis that closes nothing": ('{"t": {◆"a": "CHECK (a > 1)) INT"}}', "bad-definition"),
    "what is no SQL": ('{"t": {◆"a": "INT {}"}}', "bad-definition"),
    "a quote that is not closed": ('{"t": {◆"a": "DEFAULT \'x"}}', "bad-definition"),
    "a parameter": ('{"t": {◆"a": "DEFAULT (?1)"}}', "bad-definition"),
    "no constraint": ('{"t": {◆"a": "INT NOT NUL"}}', "bad-definition"),
    "an unknown event": ('{"t": {◆"a": "REFERENCES t ON DELET CASCADE"}}', "bad-definition"),
    "an unknown action": ('{"t": {◆"a": "REFERENCES t ON DELETE DROP"}}', "bad-definition"),
    "an unknown conflict clause": ('{"t": {◆"a": "UNIQUE ON CONFLICT DROP"}}', "bad-definition"),
    "the size of a type that is none": ('{"t": {◆"a": "VARCHAR()"}}', "bad-definition"),
    "the size of a type in words": ('{"t": {◆"a": "VARCHAR(max)"}}', "bad-definition"),
    "a default that is missing": ('{"t": {◆"a": "DEFAULT"}}', "bad-definition"),
    "a default that is empty": ('{"t": {◆"a": "DEFAULT ()"}}', "bad-definition"),
    "a default that is no value": ('{"t": {◆"a": "DEFAULT = 1"}}', "bad-definition"),
    "CHECK without parentheses": ('{"t": {◆"a": "CHECK a > 0"}}', "bad-definition"),
    "CHECK of nothing": ('{"t": {◆"a": "CHECK ()"}}', "bad-definition"),
    "a name that is none": ('{"t": {◆"a": "REFERENCES 5"}}', "bad-definition"),
    "a list of nothing": ('{"t": {◆"a": "REFERENCES t ()"}}', "bad-definition"),
    "a list that is none": ('{"t": {◆"a": "REFERENCES t (a DESC)"}}', "bad-definition"),
    "a foreign key from nothing": ('{"t": {"a": "", "_constraints": [◆"FOREIGN KEY () REFERENCES t (a)"]}}', "bad-definition"),
    "a unique over no list": ('{"t": {"a": "", "_constraints": [◆"UNIQUE a"]}}', "bad-definition"),
    "a trigger with a body and no table": ('{"t": {"a": "", "_triggers": {◆"x": "AFTER INSERT BEGIN SELECT 1; END"}}}', "bad-definition"),
    "a foreign key to nowhere": ('{"t": {"a": "", "_constraints": [◆"FOREIGN KEY (a)"]}}', "bad-definition"),
    "DEFERRABLE of nothing": ('{"t": {◆"a": "INT DEFERRABLE"}}', "bad-definition"),
    "DEFERRABLE of another column's key": ('{"t": {"a": "REFERENCES t (a)", ◆"b": "DEFERRABLE"}}', "bad-definition"),
    "a key over nothing": ('{"t": {"a": "", "_constraints": [◆"UNIQUE ()"]}}', "bad-definition"),
    "a key with a gap": ('{"t": {"a": "", "_constraints": [◆"UNIQUE (a, )"]}}', "bad-definition"),
    "a constraint that is none": ('{"t": {"a": "", "_constraints": [◆"NOT NULL"]}}', "bad-definition"),
    "a constraint that is two": ('{"t": {"a": "", "_constraints": [◆"UNIQUE (a), b INT"]}}', "bad-definition"),
    "a check of nothing": ('{"t": {"a": "", "_checks": [◆" "]}}', "bad-definition"),
    "a check that is two": ('{"t": {"a": "", "_checks": [◆"a > 0) CHECK (a < 9"]}}', "bad-definition"),
    "an index that is two": ('{"t": {"a": "", "_indexes": [◆"a, a"]}}', "bad-definition"),
    "an index over an empty text": ('{"t": {"a": "", "_indexes": [◆""]}}', "bad-definition"),
    "a condition that is two": ('{"t": {"a": "", "_indexes": [◆{"columns": ["a"], "where": "1; 2"}]}}', "bad-definition"),
    "a virtual table that is two": ('{"t": {◆"_virtual": "fts5(a); DROP TABLE t"}}', "bad-definition"),
    "a virtual table of nothing": ('{"t": {◆"_virtual": " "}}', "bad-definition"),
    "two primary keys": ('{◆"t": {"a": "INTEGER PRIMARY KEY", "b": "INT PRIMARY KEY"}}', "bad-definition"),
    "a primary key on the column and on the table": ('{◆"t": {"a": "INTEGER PRIMARY KEY", "_primary_key": ["a"]}}', "bad-definition"),
    "a view that is two": ('{"_views": {◆"v": "SELECT 1; DROP TABLE t"}}', "bad-definition"),
    "a trigger on another table": (
        '{"t": {"a": "", "_triggers": {◆"x": "AFTER DELETE ON u BEGIN SELECT 1; END"}}}',
        "bad-definition",
    ),
    "a trigger on nothing": ('{"t": {"a": "", "_triggers": {◆"x": "AFTER DELETE"}}}', "bad-definition"),
    "a trigger that ends early": ('{"t": {"a": "", "_triggers": {◆"x": "AFTER DELETE ON ("}}}', "bad-definition"),
    "a view's trigger on another view": (
        '{"_views": {"v": {"select": "SELECT 1", "triggers": {◆"x": "INSTEAD OF DELETE ON w BEGIN SELECT 1; END"}}}}',
        "bad-definition",
    ),
    "a fill that reads other rows": ('{"t": {"a": {"type": "INT", ◆"fill": "(SELECT max(a) FROM t)"}}}', "bad-definition"),
    "a fill of nothing": ('{"t": {"a": {"type": "INT", ◆"fill": " "}}}', "bad-definition"),
    "a fill that is two": ('{"t": {"a": {"type": "INT", ◆"fill": "1, 2"}}}', "bad-definition"),
    # strings in disguise
    "a string in disguise in a check": ('{"t": {◆"a": "CHECK (a <> \\"gone\\")"}}', "double-quoted-string"),
    "a string in disguise as a default": ('{"t": {◆"a": "DEFAULT \\"x\\""}}', "double-quoted-string"),
    "a bare word as a default": ('{"t": {◆"a": "DEFAULT x"}}', "double-quoted-string"),
    "a string in disguise in an index": ('{"t": {"a": "", "_indexes": [◆"\\"b\\""]}}', "double-quoted-string"),
    "a string in disguise in a condition": (
        '{"t": {"a": "", "_indexes": [◆{"columns": ["a"], "where": "a = \\"b\\""}]}}',
        "double-quoted-string",
    ),
    "a string in disguise in a generated column": ('{"t": {"a": "", ◆"b": "AS (a || \\"c\\")"}}', "double-quoted-string"),
    # columns and tables that are not there
    "a key over an unknown column": ('{◆"t": {"a": "", "_primary_key": ["b"]}}', "unknown-column"),
    "UNIQUE over an unknown column": ('{◆"t": {"a": "", "_unique_constraints": ["b"]}}', "unknown-column"),
    "UNIQUE over an expression": ('{◆"t": {"a": "", "_constraints": ["UNIQUE (a + 1)"]}}', "unknown-column"),
    "a foreign key from an unknown column": (
        '{◆"t": {"a": "UNIQUE", "_foreign_keys": [{"columns": ["b"], "references": {"table": "t", "columns": ["a"]}}]}}',
        "unknown-column",
    ),
    "a foreign key to an unknown table": ('{"t": {◆"a": "REFERENCES nowhere (id)"}}', "foreign-key-to-nothing"),
    "a foreign key to a view": ('{"t": {◆"a": "REFERENCES v (id)"}, "_views": {"v": "SELECT 1 AS id"}}', "foreign-key-to-nothing"),
    "a foreign key to an unknown column": ('{"t": {◆"a": "REFERENCES t (b)"}}', "foreign-key-to-nothing"),
    "a foreign key to a table without a key": ('{"t": {◆"a": "REFERENCES t"}}', "foreign-key-to-nothing"),
    "a foreign key of another size": (
        '{"t": {◆"a": "REFERENCES p"}, "p": {"x": "", "y": "", "_primary_key": ["x", "y"]}}',
        "foreign-key-to-nothing",
    ),
    "a foreign key of another size, written out": ('{"t": {◆"a": "REFERENCES t (a, a)"}}', "foreign-key-to-nothing"),
    "a foreign key from a name with an underscore": ('{"__t": {◆"__a": "REFERENCES _t (b)"}}', "foreign-key-to-nothing"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_has_a_code_and_the_line_and_column_where_it_stands(text, code):
    text = "// a comment\n\n  " + text
    before = text[: text.index(PLACE)]
    (problem,) = problems(text.replace(PLACE, ""))
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert str(problem.code) == code
    assert (problem.facts["line"], problem.facts["column"]) == (str(line), str(column))
    assert problem.message.startswith(f"schema.json:{line}:{column}: ")


def test_the_place_is_right_after_a_byte_order_mark():
    (problem,) = problems(b"\xef\xbb\xbf" + b'{"t": 5}')
    assert problem.message.startswith("schema.json:1:2: ")


def test_a_byte_order_mark_is_no_fault():
    assert document.read(b'\xef\xbb\xbf{"t": {"a": ""}}').schema == schema({"t": {"a": ""}})


def test_what_is_not_utf8_is_said_with_its_place():
    (problem,) = problems('// é\n{"t": '.encode() + b'"\xff"}')
    assert problem.code is Code.SCHEMA_SYNTAX
    assert problem.message == "schema.json:2:8: byte 13 is not UTF-8"


@pytest.mark.parametrize(
    ("limit", "text", "message"),
    [
        ("TOKEN_LIMIT", '{"t": {"id": "INTEGER", "a": "INTEGER"}}', "the file has more than 10 words and marks"),
        ("STRING_LIMIT", '{"t": {"id": "INTEGER"}}', "this text has 9 characters, and at most 8 are read"),
        ("FAULT_LIMIT", '{"t": {' + ", ".join(['"id": "INTEGER"'] * 20) + "}}", "the file has more than 5 errors"),
    ],
)
def test_what_would_take_seconds_or_the_memory_to_read_is_not_read(monkeypatch, limit, text, message):
    value = {"TOKEN_LIMIT": 10, "STRING_LIMIT": 8, "FAULT_LIMIT": 5}[limit]
    monkeypatch.setattr(f"schemasync.schema.jsonc.{limit}", value)
    with pytest.raises(SchemaInvalid) as refused:
        document.read(text.encode())
    assert refused.value.problems[-1].code == "schema-too-large"
    assert message in refused.value.problems[-1].message


def test_a_long_text_takes_no_hundred_times_its_size_to_scan():
    text = '{"t": {"id": "' + "a" * 400_000 + '"}}'
    tracemalloc.start()
    try:
        scan(text)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(text)
    finally:
        tracemalloc.stop()


def test_of_thousands_of_errors_the_first_are_reported():
    """Each one is compared with the known names, to suggest a better spelling."""
    columns = ", ".join(f'"_k{number}": 1' for number in range(PROBLEM_LIMIT + 100))
    with pytest.raises(SchemaInvalid) as refused:
        document.read(f'{{"t": {{"id": "INTEGER", {columns}}}}}'.encode())
    assert len(refused.value.problems) == PROBLEM_LIMIT + 1
    assert f"the first {PROBLEM_LIMIT} errors" in str(refused.value)


def test_of_a_long_definition_an_error_shows_the_begin():
    with pytest.raises(SchemaInvalid) as refused:
        document.read(('{"t": {"id": "INTEGER CHECK (' + "a " * 10_000 + '"}}').encode())
    assert len(str(refused.value)) < 3_000


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed(monkeypatch):
    assert codes(b"[" * (SIZE_LIMIT + 1)) == ["schema-too-large"]
    monkeypatch.setattr("schemasync.schema.load.SIZE_LIMIT", 1000)
    assert codes(b"[" * 1001) == ["schema-too-large"]
    assert codes(b"[" * 1000) == ["schema-syntax"]


def test_both_places_of_a_repeated_key_are_named():
    (problem,) = problems('{\n  "t": {"a": ""},\n  "u": {"a": ""},\n  "t": {"a": ""}\n}')
    assert problem.message == 'schema.json:4:3: the key "t" is given twice (first in line 2, column 3)'


@pytest.mark.parametrize(
    ("tree", "hint"),
    [
        ({"_view": {}}, 'Did you mean "_views"? A name that itself begins with _ is written "__view".'),
        (
            {"t": {"a": "", "_indices": []}},
            'Did you mean "_indexes"? A name that itself begins with _ is written "__indices".',
        ),
        ({"t": {"a": "", "_primarykey": []}}, 'Did you mean "_primary_key"?'),
        ({"t": {"a": "", "_qq": []}}, "Known here: _indexes, _unique_constraints, _checks,"),
        ({"_views": {"_v": "SELECT 1"}}, 'Known here: names. A name that itself begins with _ is written "__v".'),
    ],
)
def test_an_unknown_key_comes_with_the_nearest_known_one(tree, hint):
    (problem,) = problems(tree)
    assert problem.hint.startswith(hint)


@pytest.mark.parametrize(
    ("tree", "hint"),
    [
        ({"t": {"name": "", "_primary_key": ["nam"]}}, 'Did you mean "name"?'),
        ({"t": {"a": "", "b": "", "_primary_key": ["zzz"]}}, "Columns: a, b."),
        ({"t": {"name": "CHECK (\"nam\" <> 'x')"}}, "Write 'nam' for the string, or correct the column's name."),
    ],
)
def test_an_unknown_column_comes_with_the_known_ones(tree, hint):
    (problem,) = problems(tree)
    assert problem.hint == hint


def test_a_foreign_key_that_does_not_fit_says_what_it_refers_to():
    (problem,) = problems({"t": {"a": "REFERENCES p"}, "p": {"x": "", "y": "", "_primary_key": ["x", "y"]}})
    assert "t.a refers to p (x, y), which does not fit" in problem.message
    (problem,) = problems({"t": {"a": "REFERENCES p"}, "p": {"x": ""}})
    assert "t.a refers to p (no primary key), which does not fit" in problem.message


def test_the_error_of_a_column_in_the_wrong_shape_says_what_a_column_is():
    (problem,) = problems({"t": {"a": 5}})
    assert problem.hint.startswith('A column is a string such as "TEXT NOT NULL", or {"type": …')
    assert "t/a: 5 has none of the shapes that are allowed here" in problem.message


def test_a_long_value_in_the_wrong_shape_is_shown_short():
    (problem,) = problems({"t": {"a": ["x" * 500]}})
    assert len(problem.message) < 150
    (problem,) = problems({"t": ["x" * 500]})
    assert len(problem.message) < 150


def test_a_person_with_several_faults_sees_them_all():
    tree = {
        "t": {"a": "TEXT, b INT", "c": 'CHECK (c > "x")', "_primary_key": ["zz"], "_dropped": ["a"]},
        "u": {"a": "REFERENCES nowhere", "_triggers": {"x": "AFTER DELETE ON t BEGIN SELECT 1; END"}},
        "U": {"a": {"type": "INT", "fill": "(SELECT 1)"}},
    }
    assert sorted(codes(tree)) == [
        *["bad-definition"] * 3,
        "double-quoted-string",
        "foreign-key-to-nothing",
        *["name-clash"] * 2,
        "unknown-column",
    ]


def test_faults_of_keys_and_shapes_are_reported_together():
    assert sorted(codes({"_view": 1, "t": {"_indx": [], "a": 5}, "u": 5})) == [
        "unknown-key",
        "unknown-key",
        "wrong-shape",
        "wrong-shape",
    ]


def test_several_kinds_of_fault_are_reported_together_and_none_that_another_one_causes():
    text = """{
      "p": {"id": {"type": "INTEGER PRIMARY KEY", "was": "nr"}},
      "t": {"a": 5, "p": "INT REFERENCES p", "b": "CHECK (a > \\"x\\")", "_indexes": "a", "_indx": [], "a ": "T, U"},
      "v": {"_virtual": 5}, "w": 5, "_views": {"x": 5, "p": "SELECT 1"}, "_elsewhere": [5], "_migrations": {"a": 5},
      "w": {"a": ""}, "u": {"a": "", "_primary_key": ["c"]}
    }"""
    assert sorted((str(one.code), one.facts.get("path", "")) for one in problems(text)) == [
        ("bad-definition", "t/a "),
        ("double-quoted-string", "t/b"),
        ("duplicate-key", ""),
        ("name-clash", "_views/p"),
        ("unknown-column", "u"),
        ("unknown-key", "t/_indx"),
        ("wrong-shape", "_elsewhere/0"),
        ("wrong-shape", "_migrations/a"),
        ("wrong-shape", "_views/x"),
        ("wrong-shape", "p/id/was"),
        ("wrong-shape", "t/_indexes"),
        ("wrong-shape", "t/a"),
        ("wrong-shape", "v/_virtual"),
    ]


@pytest.mark.parametrize(
    ("column", "message", "hint"),
    [
        ({"type": "T", "was": "b"}, 't/a/was: "b" is not a list', ""),
        ({"type": "T", "was": [5]}, "t/a/was/0: 5 is not a string", ""),
        ({"type": "T", "fil": "1"}, 't/a: unknown key "fil"', 'Did you mean "fill"?'),
        (
            {"type": "T", "zzz": "1"},
            't/a: unknown key "zzz"',
            "Known here: type, was, fill, comment, postgres, on_move.",
        ),
        (
            {"type": "T", "on_move": "nil"},
            "t/a/on_move: 'nil' is not one of ['null', 'text', 'clean', 'as-shown', 'as-stored', 'refuse']",
            "",
        ),
        ({"fill": "1"}, 't/a: "type" is missing in {"fill": "1"}', "A column is a string"),
    ],
)
def test_a_wrong_shape_names_the_key_that_has_it(column, message, hint):
    (problem,) = problems({"t": {"a": column}})
    assert problem.message.partition(": ")[2] == message
    assert problem.hint.startswith(hint)


@pytest.mark.parametrize(
    ("text", "excerpt"),
    [
        ('{\n\t"a": {} "b": {}\n}', '2 |  "a": {} "b": {}\n  |          ^'),
        ('{"表": {} 5}', '1 | {"表": {} 5}\n  |           ^'),
        ('{"a": {' + " " * 200 + "5}" + " " * 200 + "}", "1 | " + " " * 60 + "5}\n  | " + " " * 60 + "^"),
        ('{"a": "b', '1 | {"a": "b\n  |       ^'),
    ],
)
def test_a_fault_of_syntax_shows_its_line_with_a_caret(text, excerpt):
    (problem,) = problems(text)
    assert (str(problem.code), problem.facts["excerpt"]) == ("schema-syntax", excerpt)


def test_two_repeated_keys_are_two_faults():
    assert codes('{"t": {"a": ""}, "t": {"a": ""}, "t": {"a": ""}}') == ["duplicate-key", "duplicate-key"]


def test_a_name_that_begins_with_an_underscore_has_one_more_as_a_key():
    found = read(
        {
            "__t": {
                "__id": {"type": "INTEGER PRIMARY KEY", "was": ["_key"]},
                "___x": "INT CHECK (__x > 0)",
                "_indexes": ["_id"],
                "_was": ["_s"],
                "_dropped": ["_gone"],
                "_triggers": {"__g": "AFTER DELETE ON _t BEGIN SELECT 1; END"},
            },
            "__views": {"a": ""},
            "_views": {
                "__v": {"select": "SELECT 1", "triggers": {"__h": "INSTEAD OF DELETE ON _v BEGIN SELECT 1; END"}}
            },
        }
    )
    assert found.schema == inspected(
        "CREATE TABLE _t (_id INTEGER PRIMARY KEY, __x INT CHECK (__x > 0))",
        "CREATE TABLE _views (a)",
        "CREATE VIEW _v AS SELECT 1",
        "CREATE TRIGGER _g AFTER DELETE ON _t BEGIN SELECT 1; END",
        "CREATE TRIGGER _h INSTEAD OF DELETE ON _v BEGIN SELECT 1; END",
        f"CREATE INDEX {found.schema.tables[0].indexes[0].name} ON _t (_id)",
    )
    assert found.hints.columns_were == {("_t", "_id"): ("_key",)}
    assert found.hints.tables_were == {"_t": ("_s",)}
    assert found.hints.dropped_columns == {"_t": ("_gone",)}


def test_hints_are_read_and_kept_apart_from_the_schema():
    found = read(
        {
            "_dropped": ["old"],
            "T": {
                "A": {"type": "INT", "was": ["b", "c"], "fill": " b  + 1 "},
                "_was": ["s", "r"],
                "_dropped": ["z"],
            },
        }
    )
    assert found.hints.dropped_tables == ("old",)
    assert found.hints.tables_were == {"T": ("s", "r")}
    assert found.hints.dropped_columns == {"T": ("z",)}
    assert found.hints.columns_were == {("T", "A"): ("b", "c")}
    assert found.hints.fills == {("T", "A"): Sql("b + 1")}
    assert found.hints.fills["T", "A"].text == "b  + 1"
    assert found.schema == schema({"T": {"A": "INT"}})


def test_a_virtual_table_may_have_hints_and_a_comment():
    tree = {
        "t": {"_virtual": "fts5(a)", "_was": ["s"], "_comment": "search", "_dropped": ["b"], "_model": "app.Search"}
    }
    assert schema(tree) == inspected("CREATE VIRTUAL TABLE t USING fts5(a)")


def test_a_column_may_be_called_like_the_key_for_editors():
    assert schema({"t": {"$schema": "INT"}}).tables[0].columns[0].name == "$schema"


def test_a_name_may_be_empty_as_sqlite_allows():
    tree = {"": {"": "INTEGER UNIQUE", "x": 'REFERENCES "" ("")', "_indexes": [""]}}
    assert rebuilt(schema(tree)) == schema(tree)


def test_an_empty_name_of_a_constraint_is_none():
    tree = {
        "t": {"a": "", "_checks": [{"name": "", "check": "a"}], "_unique_constraints": [{"name": "", "columns": ["a"]}]}
    }
    same = {"t": {"a": 'CONSTRAINT "" CHECK (a)', "_constraints": ['CONSTRAINT "" UNIQUE (a)']}}
    assert schema(tree) == schema(same) == schema({"t": {"a": "UNIQUE CHECK (a)"}})


def test_an_entry_that_equals_a_column_is_that_column_and_any_other_is_sql():
    found = schema(
        {"t": {"a DESC": "", "a": "", "_indexes": ["a DESC", "a desc", {"name": "i", "columns": ["a  DESC"]}][1:]}}
    )
    by_name = {index.name: index.columns[0] for index in found.tables[0].indexes}
    assert by_name.pop("i").descending
    assert [column.column for column in by_name.values()] == ["a DESC"]


def test_a_document_knows_where_its_keys_stand():
    found = read('{\n  "t": {\n    "a": "INT"\n  }\n}')
    assert found.place("t", "a") == "schema.json:3:5"
    assert found.place("t", "b") == "schema.json"


def test_the_file_is_called_by_its_name():
    with pytest.raises(Exception, match=r"^db/app\.json:1:2: ") as caught:
        document.read(b'{"t": 5}', "db/app.json")
    assert caught.value.problems[0].facts["file"] == "db/app.json"


def test_the_json_schema_is_one_and_takes_what_is_read():
    jsonschema.Draft202012Validator.check_schema(dict(shape_check.json_schema()))
    known = set(shape_check.json_schema()["$defs"]["table"]["properties"])
    assert known == set(shape_check.TABLE_KEYS)
    assert set(shape_check.json_schema()["properties"]) == {*shape_check.TOP_KEYS, "$schema"}
    jsonschema.validate(json.loads('{"t": {"a": {"type": "INT"}}, "$schema": "x"}'), shape_check.json_schema())


def test_values_have_the_faults_of_the_published_json_schema():
    """A copy of it with resolved references checks the values, in a third of the time."""
    published = jsonschema.Draft202012Validator(shape_check.json_schema())
    trees = [json.loads(text.replace("◆", "")) for text, code in FAULTS.values() if code == "wrong-shape"]
    assert len(trees) > 20
    for tree in trees:
        theirs, ours = (
            [(list(error.absolute_path), error.message, error.validator) for error in checker.iter_errors(tree)]
            for checker in (published, shape_check._validator())
        )
        assert ours == theirs


def test_what_stands_beside_a_reference_of_the_json_schema_is_a_description():
    """This allows a reference to be replaced by its definition."""
    beside, nodes = [], [shape_check.json_schema()]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            nodes += node.values()
            beside += [set(node) - {"$ref", "description"}] if "$ref" in node else []
        elif isinstance(node, list):
            nodes += node
    assert len(beside) > 20
    assert not any(beside)


def test_the_schema_key_of_editors_is_read_and_is_no_part_of_the_schema():
    text = '// a comment\n{"$schema": "./schema.format.json", "t": {"a": "INT"},}'
    assert document.read(text.encode()).schema == document.read(b'{"t": {"a": "INT"}}').schema
    jsonschema.validate(json.loads(jsonc.scan(text).json), shape_check.json_schema())


def test_the_json_schema_tells_editors_that_comments_and_trailing_commas_are_allowed():
    """VS Code reads these two keys, which JSON Schema does not define."""
    assert shape_check.json_schema()["allowComments"] is True
    assert shape_check.json_schema()["allowTrailingCommas"] is True


def test_faults_are_reported_in_the_order_of_the_file():
    text = b"""{
      "T": {"a": "INTEGER REFERENCES Nowhere"},
      "U": {"b": "TEXT CHECK (", "_dropped": ["b"]},
      "V": {"c": "INTEGER REFERENCES T (x)"},
      "W": {"d": "TEXT DEFAULT ("}
    }"""
    lines = [int(problem.facts["line"]) for problem in problems(text)]
    assert lines == sorted(lines)
    assert len(lines) > 2


@pytest.mark.parametrize("entry", ["Titel", ["id", "Titel"], {"columns": ["Titel DESC"]}])
def test_an_index_over_a_column_that_is_not_there_is_reported_with_the_nearest(entry):
    [problem] = problems({"Film": {"id": "INTEGER PRIMARY KEY", "Title": "TEXT", "_indexes": ["id", entry]}})
    assert problem.code == Code.UNKNOWN_COLUMN
    assert problem.facts["path"] == "Film/_indexes/1"
    assert '"Film" has no column Titel' in problem.message
    assert problem.hint == 'Did you mean "Title"?'


def test_a_table_that_something_else_makes_may_be_referred_to_by_its_columns():
    child = {"id": "INTEGER PRIMARY KEY", "p": "INTEGER REFERENCES other (id)", "q": "INTEGER REFERENCES mine (id)"}
    tree = {"mine": {"id": "INTEGER PRIMARY KEY"}, "t": child, "_elsewhere": ["OTHER"]}
    (_, table) = document.read(json.dumps(tree).encode()).schema.tables
    assert [(key.table, key.references) for key in table.foreign_keys] == [("other", ("id",)), ("mine", ("id",))]


def test_a_table_that_something_else_makes_has_a_key_that_nobody_knows():
    tree = {"t": {"p": "INTEGER REFERENCES other"}, "_elsewhere": ["other"]}
    with pytest.raises(SchemaInvalid, match="refers to the table"):
        document.read(json.dumps(tree).encode())


def test_tables_and_columns_have_their_places_under_any_case_and_nothing_else_has_one():
    found = document.read(b'{\n  "__t": {\n    "a": "",\n    "__b": ""\n  }\n}')
    assert found.place_of("_T") == "schema.json:2:3"
    assert [found.place_of("_t", name) for name in ("A", "_b")] == ["schema.json:3:5", "schema.json:4:5"]
    assert (found.place_of("t"), found.place_of("t", "a"), found.place_of("_t", "c")) == ("", "", "")


def test_a_problem_gets_the_place_of_its_key_and_keeps_its_facts():
    found = document.read(b'{\n  "t": {"a": ""}\n}', "x:1.json")
    problem = Problem(Code.LOST_COLUMN, "gone", "Look.", {"table": "t"})
    assert found.located(problem, "t") == Problem(
        Code.LOST_COLUMN, "x:1.json:2:3: gone", "Look.", {"table": "t", "file": "x:1.json", "line": "2", "column": "3"}
    )
    assert found.located(problem).facts == {"table": "t", "file": "x:1.json"}


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ('{"Teams": {"id": "key"}, "t": {"a": "REFERENCES teems (id)"}}', 'Did you mean "Teams"? '),
        ('{"Teams": {"Id": "key"}, "t": {"a": "REFERENCES teams (idd)"}}', 'Did you mean "Id"? '),
        ('{"Teams": {"id": "key"}, "t": {"a": "REFERENCES nowhere (id)"}}', ""),
    ],
)
def test_a_foreign_key_to_nothing_names_the_nearest(text, question):
    (problem,) = problems(text)
    assert problem.code == "foreign-key-to-nothing"
    assert problem.hint.partition("Add the table")[0].partition("A foreign key")[0] == question


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ('{\n  "a": {}\n\n  "b": {}\n}', "2:10", "a comma is missing"),
        ('{"a": {"id": "key" // the key\n "b": "INT"}}', "1:19", "a comma is missing"),
        ('{"a": {"id": "key"},', "1:21", "the file ends here, before its JSON does"),
        ('{"a": {"id"', "1:12", "the file ends here, before its JSON does"),
        ("", "1:1", "the file is empty; an empty schema is {}"),
        ('{"a" {}}', "1:6", "a colon is missing after the key"),
        ("{a: {}}", "1:2", "a key in double quotes belongs here"),
        ('{"a": nothing}', "1:7", "a value belongs here"),
        ('{"a": {}} {}', "1:11", "the JSON has ended, and more follows"),
    ],
)
def test_an_error_of_syntax_says_in_words_what_belongs_where(text, where, message):
    (problem,) = problems(text)
    assert problem.code == "schema-syntax"
    assert problem.message.startswith(f"schema.json:{where}: {message}")
