"""`shape_match` gives the same results as jsonschema."""

import copy
import json
import subprocess
import sys

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemasync.schema import shape_check
from schemasync.schema.shape_match import matches
from tests.support.processes import ROOT

from .test_document import FAULTS

PUBLISHED = jsonschema.Draft202012Validator(shape_check.json_schema())
OURS = shape_check._without_references()
VALID = {
    "$schema": "x",
    "_format": 1,
    "_mixins": {"m": {"made": "TEXT", "_indexes": [{"columns": ["made"], "name": "i"}]}},
    "_views": {"v": {"select": "SELECT 1 AS a", "was": ["w"]}},
    "_dropped": ["gone"],
    "t": {
        "id": "INTEGER PRIMARY KEY",
        "a": {"type": "TEXT NOT NULL", "was": ["b"], "fill": "''", "comment": "c"},
        "_indexes": [{"columns": ["a"]}],
        "_checks": ["a <> ''"],
        "_foreign_keys": [{"columns": ["a"], "references": {"table": "u", "columns": ["b"]}, "on_delete": "CASCADE"}],
        "_rows": [{"id": 1, "a": "x"}, {"id": 2.5, "a": None}],
        "_use": ["m"],
        "_strict": True,
        "_model": "app.Model",
    },
}
ANY = {"type": "object", "additionalProperties": {"type": "number"}}


def test_a_file_with_much_of_the_format_matches():
    assert matches(VALID, OURS) and PUBLISHED.is_valid(VALID)


@pytest.mark.parametrize("text", [text for text, code in FAULTS.values() if code == "wrong-shape"])
def test_a_faulty_file_matches_if_it_does_for_jsonschema(text):
    tree = json.loads(text.replace("◆", ""))
    assert matches(tree, OURS) == PUBLISHED.is_valid(tree)


@pytest.mark.parametrize("schema", [
    {"type": "object"}, {"type": "array"}, {"type": "string"}, {"type": "number"}, {"type": "boolean"}, ANY,
    {"properties": {"a": {"type": "string"}}, "additionalProperties": False},
    {"patternProperties": {"^a": {"type": "string"}}, "additionalProperties": {"type": "number"}},
    {"required": ["a"]}, {"minProperties": 1}, {"items": {"type": "number"}}, {"items": False}, {"minItems": 1},
    {"minLength": 1}, {"pattern": "^a$"}, {"enum": ["a", True]}, {"const": 1}, {"const": None},
    {"anyOf": [{"type": "string"}, {"minItems": 1, "type": "array"}]}, True, {"description": "x"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, 1, 2.5, "", "a", "b", [], ["a"], [1, 2], {}, {"a": "x"}, {"a": 1}, {"b": 1}, {"b": "x"}],
    ids=repr,
)
def test_each_keyword(schema, value):
    assert matches(value, schema) == jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize("schema", [{"maximum": 5}, {"type": ["string", "number"]}, {"type": "integer"}, False])
def test_what_is_not_known_does_not_match(schema):
    assert not matches(1, schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "INT", "app.Model", 2.5]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "_x", "type", "columns"]), inner),
    max_leaves=4,
)


def _places(tree, path=()):
    yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from _places(value, (*path, key))


PLACES = list(_places(VALID))[1:]


@given(st.sampled_from(PLACES), JSON)
def test_a_file_with_another_value_somewhere_matches_if_it_does_for_jsonschema(place, value):
    tree = copy.deepcopy(VALID)
    owner = tree
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = value
    assert matches(tree, OURS) == PUBLISHED.is_valid(tree)


def test_a_file_without_faults_is_read_without_jsonschema():
    code = (
        "import sys; from schemasync.schema import document\n"
        """document.read(b'{"t": {"a": "INT", "_indexes": [{"columns": ["a"]}]}}')\n"""
        "print('jsonschema' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stdout + done.stderr
