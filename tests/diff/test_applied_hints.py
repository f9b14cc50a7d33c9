"""Hints that do not act again leave the file, and nothing else does."""

from __future__ import annotations

from schemasync.diff.applied_hints import applied_hints, without_hints
from schemasync.diff.compare import compare
from schemasync.diff.hint_keys import all_hints
from schemasync.schema import document

OLD = {
    "all": """{
      "Kept": {"a": "INT"},
      "Users": {"id": "INTEGER PRIMARY KEY", "full_name": "TEXT", "phone": "TEXT", "x": "TEXT", "was": "TEXT", "z": "TEXT"}
    }""",
}
NEW = """{
  // all tables
  "_dropped": ["Gone", "Kept"],
  "Users": {
    "_was": ["People"], // since May
    "_from": {"select": "SELECT * FROM old.People", "may_drop_rows": true},
    "id": "INTEGER PRIMARY KEY",
    // as on the passport
    "full_name": {"type": "TEXT", "was": ["name"]},
    "phone": {
      "type": "TEXT",
      "was": ["tel", "telephone"],
      "fill": "trim(tel)" // with blanks
    },
    "x": {"fill": "1", "type": "TEXT", "comment": "one"},
    "was": "TEXT",
    "_dropped": ["fax", "z"],
    "_triggers": {"fill": "AFTER INSERT ON Users BEGIN SELECT 1; END"}
  },
  "New": {"a": "INT", "_dropped": ["b"]}
}
"""
LEFT = """{
  // all tables
  "_dropped": ["Kept"],
  "Users": {
    // since May
    "id": "INTEGER PRIMARY KEY",
    // as on the passport
    "full_name": "TEXT",
    "phone": {
      "type": "TEXT"
 // with blanks
    },
    "x": {"type": "TEXT", "comment": "one"},
    "was": "TEXT",
    "_dropped": ["z"],
    "_triggers": {"fill": "AFTER INSERT ON Users BEGIN SELECT 1; END"}
  },
  "New": {"a": "INT", "_dropped": ["b"]}
}
"""


def found(new, recorded=None):
    read = document.read(new.encode())
    keys = all_hints(read.hints) if recorded is None else recorded
    hints = applied_hints(read, compare(document.read(OLD["all"].encode()).schema, read.schema, read.hints, keys))
    return read, hints


def test_applied_hints_are_removed_and_comments_order_and_version_stay():
    read, hints = found(NEW)
    assert [hint.text for hint in hints] == [
        "_dropped of Gone",
        "_was on Users",
        "_from on Users",
        "was on Users.full_name",
        "was on Users.phone",
        "was on Users.phone",
        "fill on Users.phone",
        "fill on Users.x",
        "_dropped of Users.fax",
    ]
    text = without_hints(read, hints)
    assert [line.rstrip() for line in text.splitlines()] == [line.rstrip() for line in LEFT.splitlines()]
    assert document.read(text.encode()).version == read.version
    assert found(text)[1] == ()


def test_hints_that_the_database_has_not_applied_stay():
    _, hints = found(NEW, frozenset())
    assert [hint.text for hint in hints] == ["_dropped of Gone", "_dropped of Users.fax"]


def test_of_several_earlier_names_only_those_that_were_applied_go():
    read = document.read(NEW.encode())
    keys = frozenset(key for key in all_hints(read.hints) if getattr(key, "old", "") != "telephone")
    read, hints = found(NEW, keys)
    assert '"was": ["telephone"]' in without_hints(read, hints)
