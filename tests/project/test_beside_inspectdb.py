"""Generated models compared with those of Django's inspectdb, for one database: the measurements of the table in
docs/howto/models.md."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from django.db import models

from tests.codegen.imported import imported
from tests.pages import page
from tests.support.site import Site

SCHEMA = {
    "authors": {
        "_comment": "Who writes.",
        "id": "INTEGER PRIMARY KEY",
        "name": {"type": "TEXT NOT NULL COLLATE NOCASE", "comment": "as printed"},
        "state": "TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'known'))",
        "active": "INTEGER NOT NULL CHECK (active IN (0, 1))",
        "fee": "DECIMAL(8,2) NOT NULL CHECK (fee >= 0)",
        "facts": "TEXT CHECK (json_valid(facts))",
    },
    "books": {
        "id": "INTEGER PRIMARY KEY",
        "title": "TEXT NOT NULL",
        "pages": "INTEGER CHECK (pages > 0)",
        "sheets": "INTEGER GENERATED ALWAYS AS (pages / 2) VIRTUAL",
        "author_id": "INTEGER NOT NULL REFERENCES authors ON DELETE CASCADE",
        "editor_id": "INTEGER REFERENCES authors ON DELETE SET NULL",
        "_unique_constraints": [["title", "author_id"]],
        "_checks": [{"name": "no_self_edit", "check": "author_id <> editor_id"}],
        "_indexes": [
            {"name": "books_pages", "columns": ["pages DESC"]},
            {"name": "one_draft", "columns": ["author_id"], "where": "pages IS NULL", "unique": True},
            {"name": "books_lower", "columns": ["lower(title)"]},
        ],
    },
    "shelves": {
        "room": "TEXT NOT NULL",
        "place": "INTEGER NOT NULL",
        "row": "INTEGER NOT NULL",
        "_primary_key": ["room", "place"],
        "_unique_constraints": [{"name": "row_once", "columns": ["room", "row"]}],
    },
    "log": {"what": "TEXT NOT NULL"},
    "anything": {"id": "INTEGER PRIMARY KEY", "value": ""},
    "_views": {"titles": "SELECT id, title FROM books"},
}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The site and the output of each command, by the command."""
    site = Site(tmp_path_factory.mktemp("beside") / "site", "")
    site.schema.write_text(json.dumps(SCHEMA))
    site.done("schemasync")
    site.run_sql("INSERT INTO log VALUES ('begun'); INSERT INTO anything VALUES (1, 5)")
    tables = [name for name in SCHEMA if not name.startswith("_")]
    return {
        "schemasync models": (site, site.done("schemasync", "models").out),
        "inspectdb": (site, site.done("inspectdb", *tables, "titles", "--include-views").out),
    }


class Measured:
    """The models of one command. Each method for a sentence of the page returns whether that is true of them."""

    def __init__(self, site, text):
        self.site, self.text = site, text
        self.models = {model._meta.db_table: model for model in imported(text).values()}

    def field(self, table, column):
        return next(field for field in self.models[table]._meta.local_concrete_fields if field.column == column)

    def rows(self, table):
        """Return the rows that the query of the model finds."""
        with closing(sqlite3.connect(self.site.folder / "db.sqlite3")) as connection:
            return connection.execute(str(self.models[table].objects.all().query)).fetchall()

    def formatted(self):
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", "-"]
        return subprocess.run(command, input=self.text, text=True, capture_output=True, check=False).returncode == 0

    def constraints(self, table):
        return {one.name for one in self.models[table]._meta.constraints}

    def uniques(self, table):
        meta = self.models[table]._meta
        return {*map(tuple, meta.unique_together), *(tuple(one.fields) for one in meta.total_unique_constraints)}

    def indexes(self, table):
        return {one.name for one in self.models[table]._meta.indexes}

    def queried(self, table):
        try:
            return bool(self.rows(table))
        except sqlite3.Error:
            return False


def _rule(field):
    return getattr(field.remote_field.on_delete, "__name__", "")


CLAIMS = {
    "Django's own checks find no fault": lambda m: not [e for one in m.models.values() for e in one.check() if e.level >= 40],
    "an INTEGER PRIMARY KEY is a field that SQLite numbers": lambda m: isinstance(m.field("authors", "id"), models.AutoField),
    "a key over several columns is one": lambda m: isinstance(m.models["shelves"]._meta.pk, models.CompositePrimaryKey),
    "a table without a key can be queried": lambda m: m.queried("log"),
    "ON DELETE": lambda m: _rule(m.field("books", "author_id")).removeprefix("DB_") == "CASCADE",
    "a reference in a partial unique index stays a ForeignKey": lambda m: not m.field("books", "author_id").unique,
    "UNIQUE over several columns, with a name": lambda m: ("room", "row") in m.uniques("shelves"),
    "UNIQUE over several columns, without a name": lambda m: ("title", "author") in m.uniques("books"),
    "CHECK (c IN (…)) as choices": lambda m: bool(m.field("authors", "state").choices),
    "CHECK (c IN (0, 1)) as a BooleanField": lambda m: isinstance(m.field("authors", "active"), models.BooleanField),
    "a CHECK of one column as a validator": lambda m: any(one.limit_value == 1 for one in m.field("books", "pages").validators),
    "a CHECK of several columns": lambda m: "no_self_edit" in m.constraints("books"),
    "CHECK (json_valid(c)) as a JSONField": lambda m: isinstance(m.field("authors", "facts"), models.JSONField),
    "defaults": lambda m: m.field("authors", "state").has_default(),
    "indexes": lambda m: "books_pages" in m.indexes("books"),
    "partial indexes, and those on expressions": lambda m: {"one_draft", "books_lower"} <= m.constraints("books") | m.indexes("books"),
    "generated columns": lambda m: isinstance(m.field("books", "sheets"), models.GeneratedField),
    "the digits of DECIMAL(8,2)": lambda m: (m.field("authors", "fee").max_digits, m.field("authors", "fee").decimal_places) == (8, 2),
    "a value in a column without a type is saved as it was read": lambda m: m.field("anything", "value").get_prep_value(5) == 5,
    "views have a key": lambda m: any(field.primary_key for field in m.models["titles"]._meta.local_fields if not field.auto_created),
    "comments": lambda m: "as printed" in m.field("authors", "name").help_text and m.models["authors"].__doc__ == "Who writes.",
    "the text has the layout of Black": lambda m: m.formatted(),
    "what the models lack is listed": lambda m: bool(re.search(r"^# - triggers|^# - foreign keys", m.text, re.MULTILINE)),
}  # fmt: skip


def test_the_table_of_the_page_is_what_is_measured(both):
    measured = {name: Measured(*given) for name, given in both.items()}
    found = {
        claim: tuple("yes" if holds(measured[name]) else "no" for name in ("schemasync models", "inspectdb"))
        for claim, holds in CLAIMS.items()
    }
    rows = page("docs/howto/models.md").section("Beside inspectdb").splitlines()
    shown = {row[0]: row[1:] for line in rows if len(row := re.findall(r"[^|]+(?= \|)", line.replace("`", ""))) == 3}
    shown = {key.strip(): tuple(value.strip() for value in row) for key, row in shown.items()}
    assert {key: shown.get(key, ("", ""))[0] for key in found} == {key: one[0] for key, one in found.items()}
    assert shown.keys() == found.keys() | {"keeps your code in the file"}
    # another release of sqlparse, with which Django reads constraints, may find fewer, but never more
    assert [key for key, one in found.items() if one[1] == "yes" and shown[key][1] == "no"] == []
