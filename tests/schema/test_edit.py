"""Changes to the text of a schema.json: the intended part changes, and no other byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemasync.schema.edit import edit, unwrapped, with_first, with_member, without
from schemasync.schema.jsonc import scan


def tree(text):
    found = scan(text)
    assert not found.faults
    return json.loads(found.json)


@pytest.mark.parametrize(
    ("text", "put", "remove", "expected"),
    [
        ("{}", {"a": "1"}, (), '{\n  "a": 1\n}'),
        ("{ // mine\n}", {"a": "1"}, (), '{ // mine\n  "a": 1\n}'),
        ('{"a": 1}', {"a": "2"}, (), '{"a": 2}'),
        ('{"a": 1}', {"b": "2"}, (), '{"a": 1,\n  "b": 2\n}'),
        ('{\n  "a": 1\n}\n', {"b": "2", "c": "3"}, (), '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}\n'),
        ('{\n  "a": 1,\n}', {"b": "2"}, (), '{\n  "a": 1,\n  "b": 2,\n}'),
        ('{\n  "a": 1 // one\n}', {"b": "2"}, (), '{\n  "a": 1, // one\n  "b": 2\n}'),
        (
            '{\n  "a": 1, // one, and more\n  /* b, c */\n}',
            {"b": "2"},
            (),
            '{\n  "a": 1, // one, and more\n  /* b, c */\n  "b": 2,\n}',
        ),
        ('{\n  "a": 1,\n  "b": 2\n}', {}, ("a",), '{\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "b": 2\n}', {}, ("b",), '{\n  "a": 1,\n}'),
        ('{\n  "a": 1,\n  "b": 2,\n}', {}, ("b",), '{\n  "a": 1,\n}'),
        ('{\n  "a": 1,\n  "b": 2\n}', {"c": "3"}, ("b",), '{\n  "a": 1,\n  "c": 3\n}'),
        ('{"a": 1, "b": 2}', {}, ("a", "b"), "{ }"),
        ('{"a": 1, "b": 2,}', {"c": "3"}, ("a", "b"), '{ \n  "c": 3,\n}'),
        (
            '{\n  // why a\n  "a": {\n    "x": 1, // deep\n  },\n  "b": 2\n}',
            {"b": "3"},
            (),
            '{\n  // why a\n  "a": {\n    "x": 1, // deep\n  },\n  "b": 3\n}',
        ),
        ('{"ü\\"": {"a": [1, 2]}}', {'ü"': "4"}, (), '{"ü\\"": 4}'),
    ],
)
def test_it_reads_as_meant_and_the_rest_stays(text, put, remove, expected):
    assert edit(text, put, remove) == expected


NAMES = st.sampled_from(["a", "b", "c", "d", 'q"', "//", "/*", ","])
VALUES = st.sampled_from(["1", '"x, // y"', '{"k": [1, 2,]}', '{\n // c }\n "z": {},\n}', "[]"])
GAPS = st.sampled_from(["", " ", "\n", '\n  // a comment, with "things" }\n', " /* , } */ ", "\n\n    "])


@given(
    st.dictionaries(NAMES, VALUES, max_size=5), st.lists(GAPS, min_size=24, max_size=24), st.booleans(),
    st.dictionaries(NAMES, VALUES, max_size=4), st.sets(NAMES, max_size=3),
)  # fmt: skip
def test_whatever_stands_between(members, gaps, trailing, put, remove):
    gap = iter(gaps)
    parts = [f"{next(gap)}{json.dumps(key)}{next(gap)}:{next(gap)}{value}{next(gap)}" for key, value in members.items()]
    comma = "," if trailing and parts else ""
    text = f"{next(gap)}{{{','.join(parts)}{comma}{next(gap)}}}{next(gap)}"
    remove -= put.keys()
    expected = {key: value for key, value in tree(text).items() if key not in remove}
    expected |= {key: tree(value) for key, value in put.items()}
    done = edit(text, put, remove)
    assert tree(done) == expected
    assert list(tree(done)) == list(expected)
    if not put and not remove:
        assert done == text


def test_members_are_put_before_the_first_one_and_nothing_else_moves():
    text = '{ "a": 1, /* x */ "b" : {// of b\n "c": {"d": 1}, /* } */ }, }'
    value = with_first(text, "b", '"m": "n"')
    assert value == '{\n    "m": "n",// of b\n "c": {"d": 1}, /* } */ }'
    assert tree(edit(text, {"b": value})) == {"a": 1, "b": {"m": "n", "c": {"d": 1}}}


@pytest.mark.parametrize(
    ("text", "paths", "expected"),
    [
        ('{"a": {"x": 1, "y": 2}}', [("a", "y")], '{"a": {"x": 1}}'),
        ('{"a": {"x": 1, "y": 2}}', [("a", "x")], '{"a": {"y": 2}}'),
        ('{"a": { "x": 1, "y": 2, }}', [("a", "y")], '{"a": { "x": 1, }}'),
        ('{"a": {"x": [1, 2, 3]}}', [("a", "x", 1), ("a", "x", 2)], '{"a": {"x": [1]}}'),
        ('{"a": {"x": [1, 2, 3]}}', [("a", "x", 0), ("a", "x", 2)], '{"a": {"x": [2]}}'),
        ('{"a": [1]}', [("a", 0)], '{"a": []}'),
        ('{\n  "a": 1, // of a\n  "b": 2 // of b\n}\n', [("b",)], '{\n  "a": 1 // of a\n // of b\n}\n'),
        ('{\n  "a": 1, // of a\n  "b": 2\n}\n', [("a",)], '{\n  // of a\n  "b": 2\n}\n'),
        ('{\n  "a": [\n    1\n  ],\n  "b": 2\n}\n', [("a",)], '{\n  "b": 2\n}\n'),
    ],
)
def test_members_and_items_go_with_their_commas_and_no_comment_goes(text, paths, expected):
    assert without(text, paths) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": {"type": "T"}}', '{"a": "T"}'),
        ('{"a": {\n  "type": "T",\n}}', '{"a": "T"}'),
        ('{"a": {"type": "T", "x": 1}}', '{"a": {"type": "T", "x": 1}}'),
        ('{"a": {"type": "T" /* why */}}', '{"a": {"type": "T" /* why */}}'),
        ('{"a": {// why\n"type": "T"}}', '{"a": {// why\n"type": "T"}}'),
    ],
)
def test_an_object_of_one_member_becomes_its_value_unless_a_comment_is_inside(text, expected):
    assert unwrapped(text, [("a",)]) == expected


@given(
    st.dictionaries(NAMES, VALUES, max_size=5), st.lists(GAPS, min_size=24, max_size=24), st.booleans(), st.sets(NAMES)
)  # fmt: skip
def test_what_is_removed_is_gone_and_plain_json_stays_plain_json(members, gaps, trailing, remove):
    gap = iter(gaps)
    parts = [f"{next(gap)}{json.dumps(key)}{next(gap)}:{next(gap)}{value}{next(gap)}" for key, value in members.items()]
    comma = "," if trailing and parts else ""
    text = f'{{"t": {{{",".join(parts)}{comma}{next(gap)}}}}}'
    done = without(text, [("t", key) for key in remove & members.keys()])
    assert tree(done) == {"t": {key: value for key, value in tree(text)["t"].items() if key not in remove}}
    assert len(scan(done).trailing) <= len(scan(text).trailing), "plain JSON stays plain JSON"
    if not remove & members.keys():
        assert done == text


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ('{"a": {"x": 1}}', ("a",), '{"a": {"x": 1, "k": 2}}'),
        ('{"a": {"k": 1 /* k */, "x": 1}}', ("a",), '{"a": {"k": 2 /* k */, "x": 1}}'),
        ('{"a": {\n  "x": 1,\n}}', ("a",), '{"a": {\n  "x": 1,\n  "k": 2,\n}}'),
        ('{"a": {"b": {"x": [1]}}}', ("a", "b"), '{"a": {"b": {"x": [1], "k": 2}}}'),
    ],
)
def test_a_member_is_put_in_its_place_or_after_the_last_one(text, path, expected):
    assert with_member(text, path, "k", "2") == expected
