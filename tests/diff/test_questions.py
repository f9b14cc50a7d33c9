"""The diff asks about possible renames, and the answers become hints in the file."""

from __future__ import annotations

import pytest

from schemasync.diff.compare import compare
from schemasync.diff.questions import answered, choices
from schemasync.errors import Code, Problem
from schemasync.schema import document

OLD = """{
  "Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "fax": "TEXT"},
  "Log": {"id": "INTEGER PRIMARY KEY", "what": "TEXT"}
}"""


class Answers:
    """Answers yes to the named questions, and records all questions."""

    def __init__(self, *yes):
        self.yes, self.asked, self.last = yes, [], []

    def __call__(self, question):
        self.asked.append((question.text, question.table, question.column))
        self.last.append(question.is_last)
        return question.text in self.yes


def settled(new, ask):
    """Return the text with the answers as hints; afterwards the diff has no problem."""
    old, read = document.read(OLD.encode()).schema, document.read(new.encode())
    text = answered(new, choices(compare(old, read.schema, read.hints).problems), ask)
    again = document.read(text.encode())
    found = compare(old, again.schema, again.hints)
    assert not found.problems
    return text


COLUMN = OLD.replace('"name": "TEXT", "fax": "TEXT"}', '"full_name": "TEXT" /* as spoken */, "fax": "TEXT", }')
BOTH = OLD.replace('"name": "TEXT", "fax": "TEXT"', '"full_name": {"type": "TEXT", "was": ["nick"]}, "telefax": "TEXT"')
TABLE = OLD.replace('"Log": {"id"', '"Journal": {\n    // of the site\n    "id"')
NAME, LOG = "Was Users.name renamed to full_name?", "Was the table Log renamed to Journal?"


def test_yes_is_a_was_and_no_is_dropped_and_comments_stay():
    ask = Answers(NAME)
    assert '"full_name": {"type": "TEXT", "was": ["name"]} /* as spoken */, "fax": "TEXT", }' in settled(COLUMN, ask)
    assert ask.asked == [(NAME, "Users", "name")]
    assert '"fax": "TEXT", "_dropped": ["name"], }' in settled(COLUMN, Answers())


def test_earlier_names_stay_behind_the_newest():
    text = settled(BOTH, Answers(NAME, "Was Users.fax renamed to telefax?"))
    assert '"full_name": {"type": "TEXT", "was": ["name", "nick"]}, "telefax": {"type": "TEXT", "was": ["fax"]}' in text


def test_what_one_column_became_is_not_asked_about_another_and_the_last_question_is_known():
    new = OLD.replace('"name": "TEXT", "fax": "TEXT"', '"a": "TEXT", "b": "TEXT"')
    ask = Answers("Was Users.name renamed to b?")
    settled(new, ask)
    assert [text for text, *_ in ask.asked] == [
        "Was Users.name renamed to a?",
        "Was Users.name renamed to b?",
        "Was Users.fax renamed to a?",
    ]
    assert ask.last == [False, True, True]


def test_a_column_of_a_mixin_gets_its_hint_in_the_table():
    mixin = '"_mixins": {"named": {"full_name": "TEXT"}}, "_use_everywhere": [{"mixin": "named", "except": ["Log"]}],'
    new = OLD.replace('"name": "TEXT", ', "").replace("{", "{" + mixin, 1)
    assert '"fax": "TEXT", "full_name": {"type": "TEXT", "was": ["name"]}}' in settled(new, Answers(NAME))


def test_tables_are_asked_about_as_well():
    ask = Answers(LOG)
    assert '"Journal": {\n    "_was": ["Log"],\n    // of the site' in settled(TABLE, ask)
    assert ask.asked == [(LOG, "Log", "")]
    assert '"_dropped": ["Log"]' in settled(TABLE, Answers())
    named = TABLE.replace("// of the site", '"_was": ["Diary"],')
    assert '"_was": ["Log", "Diary"]' in settled(named, Answers(LOG))


@pytest.mark.parametrize("code", [Code.LOST_COLUMN, Code.RENAME_OR_DROP])
def test_nothing_is_asked_while_something_else_stands_in_the_way(code):
    old, read = document.read(OLD.encode()).schema, document.read(COLUMN.encode())
    (problem,) = compare(old, read.schema, read.hints).problems
    assert len(choices([problem])) == 1
    assert choices([problem, Problem(code, "m")]) == ()
