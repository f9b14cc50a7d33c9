"""JSON with comments and trailing commas: the same offsets and values, and the position of every key."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemasync.schema.jsonc import DEPTH_LIMIT, FaultKind, line_and_column, scan

from .support import effort

TEXTS = st.one_of(
    st.sampled_from(
        ["a", "b", "//", "/*", "*/", ",", "]", "}", '"', "\\", "\\\\", '\\"', "\n", "é", "\u2028", "😀", ""]
    ),
    st.text(max_size=5),
)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False), TEXTS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=15,
)
GAPS = (
    "",
    "",
    "",
    " ",
    "\n",
    "\t",
    "\r\n",
    "// to the end\n",
    "/* here */",
    '/* " */',
    "/***/",
    "/* // */",
    '// " */ /*\n',
)


class Writer:
    """Writes a value as JSON with comments and blanks, and records the position of each key and item."""

    def __init__(self, seed):
        self.chance, self.text, self.places = random.Random(seed), "", {}

    def gap(self):
        self.text += self.chance.choice(GAPS)

    def scalar(self, value):
        self.text += json.dumps(value, ensure_ascii=self.chance.random() < 0.3)

    def value(self, value, path=()):
        if isinstance(value, dict):
            self.items("{}", list(value.items()), path)
        elif isinstance(value, list):
            self.items("[]", list(enumerate(value)), path)
        else:
            self.scalar(value)

    def items(self, marks, items, path):
        self.text += marks[0]
        self.gap()
        for position, (key, value) in enumerate(items, 1):
            self.places[*path, key] = len(self.text)
            if marks == "{}":
                self.scalar(key)
                self.gap()
                self.text += ":"
                self.gap()
            self.value(value, (*path, key))
            self.gap()
            if position < len(items) or self.chance.random() < 0.3:
                self.text += ","
                self.gap()
        self.text += marks[1]


@effort(80)
@given(VALUES, st.integers(0, 10**9))
def test_every_key_is_where_it_stands_and_every_value_what_it_says(value, seed):
    writer = Writer(seed)
    writer.gap()
    writer.value(value)
    writer.gap()
    found = scan(writer.text)
    assert found.faults == []
    assert found.keys == writer.places
    assert len(found.json) == len(writer.text)
    assert [i for i, c in enumerate(found.json) if c == "\n"] == [i for i, c in enumerate(writer.text) if c == "\n"]
    assert json.loads(found.json) == value


@effort(150)
@given(
    st.lists(
        st.sampled_from(
            ['"a"', '"b"', "1", "NaN", "{", "}", "[", "]", ",", ":", "/*", "*/", "//", "\n", '"', "\\", "/"]
        )
    )
)
def test_no_text_makes_it_stumble(pieces):
    text = " ".join(pieces)
    found = scan(text)
    assert len(found.json) == len(text)
    assert all(0 <= offset < len(text) for offset in found.keys.values())
    assert all(0 <= fault.offset < len(text) for fault in found.faults)


@pytest.mark.parametrize(
    "text",
    [
        *("[,]", "{,}", "[1,,]", "[,1]", '{"a":1,,}', '{"a",}', "[1}", '{"a":1]', "[1 2]", "{'a':1}", "{a:1}", "[+1]"),
        *("[01]", "[.5]", "[1.]", "# no comment", '["\n"]', '["\\x"]', "[1] 2", "", ",", "[undefined]", "['a']"),
        *("[0x1]", "/", "[1]//\n/"),
    ],
)  # fmt: skip
def test_nothing_else_of_json5_is_taken(text):
    found = scan(text)
    if not found.faults:
        with pytest.raises(json.JSONDecodeError):
            json.loads(found.json)


@pytest.mark.parametrize(("text", "json_text"), [
    ("[1,]", "[1 ]"),
    ('{"a": 1, /* b */ }', '{"a": 1          }'),
    ("[1 // one\n]", "[1       \n]"),
    ('["//", "/*", "a\\"//"]', '["//", "/*", "a\\"//"]'),
])  # fmt: skip
def test_comments_and_trailing_commas_become_blanks(text, json_text):
    assert scan(text).json == json_text


@pytest.mark.parametrize(("text", "message", "offset"), [
    ('{"a": "b', "a string is not closed", 6),
    ('{"a": 1 /* b', "a comment is not closed", 8),
    ('{"a": NaN}', "NaN is not a value here", 6),
    ('{"a": -Infinity}', "-Infinity is not a value here", 6),
    ('{"a": ' + "1" * 5000 + "}", "1" * 40 + " is not a value here", 6),
    ("[" * (DEPTH_LIMIT + 1), "more than 64 levels", DEPTH_LIMIT),
])  # fmt: skip
def test_what_the_standard_parser_would_take_or_choke_on_is_a_fault(text, message, offset):
    (fault,) = scan(text).faults
    assert (fault.message, fault.offset) == (message, offset)


def test_the_deepest_that_is_read_has_64_levels():
    assert scan("[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT).faults == []


def test_a_key_given_twice_is_found_however_it_is_spelled():
    (fault,) = scan('{"t": {"a": 1, "\\u0061": 2}}').faults
    assert fault.kind is FaultKind.DUPLICATE
    assert (fault.offset, fault.other) == (15, 7)


def test_a_key_that_is_no_string_is_left_to_the_standard_parser():
    found = scan('{"\\q": 1, "a": 2}')
    assert (found.faults, found.keys[("a",)]) == ([], 10)
    with pytest.raises(json.JSONDecodeError, match="escape"):
        json.loads(found.json)


def test_the_same_key_in_two_objects_is_no_repetition():
    assert scan('{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}').faults == []


@given(st.text(st.sampled_from("a\n\r\té😀"), min_size=1), st.data())
def test_lines_and_columns_are_counted_as_editors_do(text, data):
    offset = data.draw(st.integers(0, len(text) - 1))
    line, column = line_and_column(text, offset)
    assert text.split("\n")[line - 1][column - 1 : column] in (text[offset], "")
    assert sum(len(before) + 1 for before in text.split("\n")[: line - 1]) + column - 1 == offset
