"""SQL in the canonical spelling of the history is displayed as it was written."""

from __future__ import annotations

import json

import pytest

from schemasync.plan.model import Create, Drop
from schemasync.schema import digest, document, lexer
from schemasync.schema.model import Schema
from schemasync.schema.spelling import respelled, spaced, texts
from schemasync.schema.write import write

WRITTEN = """{
  "Project": {
    "id": "INTEGER PRIMARY KEY",
    "Status": "TEXT DEFAULT 'new' CHECK (Status IN ('new','done'))",
    "created": "DATETIME DEFAULT CURRENT_TIMESTAMP",
    "_indexes": [{"name": "open", "columns": ["Lower(Status)"], "where": "Status <> 'done'"}],
    "_triggers": {"touch": "AFTER UPDATE ON Project BEGIN UPDATE Project SET created = CURRENT_TIMESTAMP; END"}
  },
  "tag": {"id": "integer PRIMARY KEY", "status": "TEXT CHECK (status in ('new', 'done'))"},
  "_views": {"v": "SELECT Count(*) AS Number FROM Project"}
}"""


def schema(text: str = WRITTEN) -> Schema:
    return document.read(text.encode()).schema


def stored(text: str = WRITTEN) -> Schema:
    """Return the schema as the history stores it."""
    return digest.from_json(digest.to_json(schema(text)))


def test_what_the_history_stores_is_shown_as_it_was_written() -> None:
    found = respelled(stored(), texts([schema()]))
    assert found == stored()
    assert write(found) == write(schema())
    assert digest.version(found) == digest.version(schema())


def test_two_tables_that_spell_the_same_sql_differently_keep_their_own_spelling() -> None:
    shown = write(respelled(stored(), texts([schema()])))
    assert '"INTEGER PRIMARY KEY"' in shown
    assert '"integer PRIMARY KEY"' in shown
    assert "CHECK (Status IN ('new','done'))" in shown
    assert "CHECK (status in ('new', 'done'))" in shown


def test_a_table_of_a_file_that_is_gone_gets_the_usual_spaces() -> None:
    shown = write(respelled(stored(), {}))
    assert "CHECK (status in ('new', 'done'))" in shown
    assert '"lower(status)"' in shown
    assert "after update on project begin update project set created = current_timestamp; end" in shown
    assert digest.version(respelled(stored(), {})) == digest.version(schema())


def test_text_of_another_table_is_better_than_none() -> None:
    known = texts([schema('{"other": {"a": "TEXT", "b": "TEXT", "_checks": ["a  ||  B = UPPER(a)"]}}')])
    one = stored('{"t": {"a": "TEXT", "b": "TEXT", "_checks": ["a || b = upper(a)"]}}')
    assert "a  ||  B = UPPER(a)" in write(respelled(one, known))


def test_the_schemas_inside_of_other_values_are_respelled_too() -> None:
    (project, tag), known = stored().tables, texts([schema()])
    steps = respelled((Create(project), Drop(tag)), known)
    assert steps == (Create(project), Drop(tag))
    assert steps[0].new.triggers[0].body.text.startswith("AFTER UPDATE ON Project BEGIN")


@pytest.mark.parametrize(
    "text",
    [
        "status in ('planned', 'done')",
        "count(*) > -1",
        "a - -1 < 2 - 3",
        "~a & 1",
        "(-a, +b)",
        "case when a = -1 then 'x' else raise(abort, 'no') end",
        "cast(a as integer) between -1 and +1",
        'new."select" is null',
        '"odd name"(a)',
        "select a, b from t where exists (select 1); end",
        "x -> '$.a' ->> 'b'",
        "a = -1",
        "",
    ],
)
def test_the_usual_spaces(text: str) -> None:
    assert spaced(lexer.join(lexer.tokens(text))) == text
    assert lexer.join(lexer.tokens(spaced(text))) == lexer.join(lexer.tokens(text))


@pytest.mark.parametrize(
    "written",
    [
        'fts4(body TEXT, tokenize=unicode61 "remove_diacritics=0", prefix="2,4")',
        "fts4(a, b, notindexed=b, order=desc)",
        "fts5(body, content='', columnsize=0)",
        "rtree(id, x0, x1)",
        "dbstat",
    ],
)
def test_the_arguments_of_a_virtual_table_have_no_space_at_the_equals_sign(written: str) -> None:
    found = schema(json.dumps({"v": {"_virtual": written}}))
    again = respelled(digest.from_json(digest.to_json(found)), {})
    assert [table.virtual.text for table in again.tables if table.virtual is not None] == [written]
    assert again == found
