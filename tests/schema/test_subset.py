"""The part of a schema that another schema names, and the differences of two schemas."""

from __future__ import annotations

from schemasync.schema import document
from schemasync.schema.model import Schema
from schemasync.schema.subset import differing, ours


def schema(text: str) -> Schema:
    return document.read(text.encode()).schema


ALL = """{
  "books": {"id": "INTEGER PRIMARY KEY", "title": "TEXT",
    "_indexes": [{"name": "by_title", "columns": ["title"]}, {"name": "by_hand", "columns": ["title", "id"]}],
    "_triggers": {"logged": "AFTER DELETE ON books BEGIN SELECT 1; END",
                  "hand_made": "AFTER INSERT ON books BEGIN SELECT 1; END"}},
  "hand_made_table": {"id": "INTEGER PRIMARY KEY"},
  "_views": {"titles": "SELECT title FROM books", "hand_made_view": "SELECT 1 AS one"}
}"""
NAMED = """{
  "BOOKS": {"id": "INTEGER PRIMARY KEY", "_indexes": [{"name": "By_Title", "columns": ["id"]}],
    "_triggers": {"logged": "AFTER DELETE ON BOOKS BEGIN SELECT 2; END"}},
  "_views": {"titles": "SELECT 3 AS title"}
}"""


def test_the_part_that_is_named_keeps_what_it_says_itself() -> None:
    found = ours(schema(ALL), schema(NAMED))
    assert [table.name for table in found.tables] == ["books"]
    (books,) = found.tables
    assert [index.name for index in books.indexes] == ["by_title"]
    assert [trigger.name for trigger in books.triggers] == ["logged"]
    assert [column.name for column in books.columns] == ["id", "title"]
    assert [view.name for view in found.views] == ["titles"]


def test_tables_and_views_that_differ_are_named() -> None:
    assert differing(schema(ALL), schema(ALL)) == set()
    less = schema('{"books": {"id": "INTEGER PRIMARY KEY"}, "_views": {"titles": "SELECT 1 AS title"}}')
    assert differing(schema(ALL), less) == {"books", "hand_made_table", "titles", "hand_made_view"}
