"""A warning names the losses of a `migrate` in advance, and is true: Django's own `migrate` then causes them."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections

from schemasync.databases import opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.orm.migrate_risks import ABORTS, RiskKind, beyond, migrate_risks
from schemasync.orm.models import modelled

ALIAS = "stake"
AUTHOR = "CREATE TABLE stake_author (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);"
BOOK = (
    "CREATE TABLE stake_book (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, pages INTEGER, shelf TEXT,"
    " author INTEGER);"
)
ROWS = "INSERT INTO stake_book (id, title, pages) VALUES (1, 'Dune', 412), (2, 'Emma', 474);"


@dataclass(frozen=True)
class Made:
    """Something made by hand: a replacement in the SQL of the book's table, and SQL after it.

    `name` is its name in the message; `word` is in the schema for as long as the thing exists.
    """

    kind: RiskKind
    name: str = ""
    word: str = ""
    instead: tuple[str, str] = ("", "")
    after: str = ""
    rows: int | None = None

    @property
    def sql(self):
        return AUTHOR + BOOK.replace(*self.instead) + ROWS + self.after


LOST = {
    "a trigger": Made(
        RiskKind.TRIGGER,
        "shout",
        "trigger shout",
        after="CREATE TRIGGER shout AFTER INSERT ON stake_book BEGIN"
        " UPDATE stake_book SET title = upper(title) WHERE id = NEW.id; END;",
    ),
    "a raw index": Made(RiskKind.INDEX, "raw", "index raw", after="CREATE INDEX raw ON stake_book (title, shelf);"),
    "a partial index": Made(RiskKind.INDEX, "raw", "index raw", after="CREATE INDEX raw ON stake_book (title) WHERE pages;"),
    "an expression index": Made(RiskKind.INDEX, "raw", "index raw", after="CREATE INDEX raw ON stake_book (lower(title));"),
    "a unique index": Made(RiskKind.INDEX, "raw", "index raw", after="CREATE UNIQUE INDEX raw ON stake_book (title);"),
    "STRICT": Made(RiskKind.STRICT, "", "strict", (");", ") STRICT;")),
    "WITHOUT ROWID": Made(
        RiskKind.WITHOUT_ROWID, "", "without rowid", (BOOK, BOOK.replace(" AUTOINCREMENT", "").replace(");", ") WITHOUT ROWID;"))
    ),
    "a column that no model names": Made(
        RiskKind.COLUMN, "price", "price", (" shelf", " price TEXT, shelf"), "UPDATE stake_book SET price = 9 WHERE id = 1;", 1
    ),
    "a collation": Made(RiskKind.COLLATION, "title", "collate", ("title TEXT", "title TEXT COLLATE NOCASE")),
    "a default": Made(RiskKind.DEFAULT, "shelf", "default", ("shelf TEXT", "shelf TEXT DEFAULT 'new'")),
    "a generated column": Made(RiskKind.GENERATED, "shelf", "upper", ("shelf TEXT", "shelf TEXT AS (upper(title))")),
    "NOT NULL": Made(RiskKind.NOT_NULL, "title", "title text not null", ("title TEXT", "title TEXT NOT NULL")),
    "a CHECK": Made(RiskKind.CHECK, "short", "check", ("pages INTEGER", "pages INTEGER CONSTRAINT short CHECK (pages < 999)")),
    "UNIQUE": Made(RiskKind.UNIQUE, "", "unique", ("author INTEGER", "author INTEGER, UNIQUE (title, shelf)")),
    "a foreign key": Made(
        RiskKind.FOREIGN_KEY, "", "references", ("author INTEGER", "author INTEGER REFERENCES stake_author (id)")
    ),
    "a virtual table": Made(
        RiskKind.VIRTUAL, "", "virtual", (BOOK, "CREATE VIRTUAL TABLE stake_book USING fts5(id, title, pages, shelf, author);")
    ),
}  # fmt: skip
ABORTING = {
    "a view": Made(RiskKind.VIEW, "titles", after="CREATE VIEW titles AS SELECT title FROM stake_book;"),
    "a view that only counts": Made(RiskKind.VIEW, "number", after="CREATE VIEW number AS SELECT count(*) FROM stake_book;"),
    "a trigger of another table": Made(
        RiskKind.OTHER_TRIGGER,
        "noted",
        after="CREATE TABLE note (text); CREATE TRIGGER noted AFTER INSERT ON note BEGIN"
        " INSERT INTO stake_book (title) VALUES (NEW.text); END;",
    ),
    "a view of something that is gone": Made(
        RiskKind.BROKEN_VIEW, "old", after="CREATE VIEW old AS SELECT * FROM dropped_long_ago;"
    ),
    "a trigger that writes to something that is gone": Made(
        RiskKind.BROKEN_TRIGGER,
        "note",
        after="CREATE TABLE note (text); CREATE TRIGGER of_note AFTER INSERT ON note BEGIN"
        " INSERT INTO dropped_long_ago VALUES (NEW.text); END;",
    ),
}  # fmt: skip


class Stock:
    """A database file under Django's alias `stake`, under migrations."""

    def __init__(self, path):
        self.path = path

    def make(self, sql):
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(sql)

    def reported(self):
        return migrate_risks(ALIAS, self.path, modelled(ALIAS))

    def migrate(self):
        call_command("migrate", "stake", "0001", fake=True, database=ALIAS, verbosity=0)
        call_command("migrate", "stake", "0002", database=ALIAS, verbosity=0)

    def schema(self):
        """Return the SQL of the whole schema, in lower case and without quotes."""
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql NOT LIKE '%django_migrations%'")
            return "\n".join(sql for (sql,) in rows).lower().replace('"', "")


@pytest.fixture
def stock(tmp_path, settings, monkeypatch, django_db_blocker):
    settings.INSTALLED_APPS = ["schemasync", "tests.apps.stake"]
    stock = Stock(tmp_path / "db.sqlite3")
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(stock.path)}
    monkeypatch.setitem(
        connections.settings, ALIAS, connections.configure_settings({"default": {}, ALIAS: database})[ALIAS]
    )
    with django_db_blocker.unblock():
        yield stock
        connections[ALIAS].close()
        del connections[ALIAS]


def as_reported(found):
    return [(one.kind, one.name, one.rows) for one in found]


@pytest.mark.parametrize("made", LOST.values(), ids=LOST.keys())
def test_what_is_reported_is_lost_in_a_migrate(stock, made):
    stock.make(made.sql)
    assert as_reported(stock.reported()) == [(made.kind, made.name, made.rows)]
    assert made.word in stock.schema()
    stock.migrate()
    assert made.word not in stock.schema()
    assert stock.reported() == ()


@pytest.mark.parametrize("made", ABORTING.values(), ids=ABORTING.keys())
def test_what_is_reported_to_abort_a_migrate_aborts_it(stock, made):
    stock.make(made.sql)
    assert as_reported(stock.reported()) == [(made.kind, made.name, None)]
    before = stock.schema()
    with pytest.raises(OperationalError, match=made.name):
        stock.migrate()
    assert stock.schema() == before


def test_each_kind_of_thing_is_shown_to_be_true():
    shown = {made.kind for made in (*LOST.values(), *ABORTING.values())}
    assert shown == set(RiskKind)
    assert {made.kind for made in ABORTING.values()} == ABORTS


def test_each_kind_of_thing_is_explained():
    text = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for kind in RiskKind:
        assert any(f"`{kind}`" in line.split(" | ")[0] for line in rows), kind


def test_a_view_of_a_view_is_reported_for_the_table_below(stock):
    stock.make(AUTHOR + BOOK + "CREATE VIEW a AS SELECT title AS t FROM stake_book; CREATE VIEW b AS SELECT t FROM a;")
    assert [(one.name, one.table) for one in stock.reported()] == [("a", "stake_book"), ("b", "stake_book")]


def test_what_migrations_made_is_in_no_danger(stock):
    call_command("migrate", "stake", "0002", database=ALIAS, verbosity=0)
    stock.make("CREATE TABLE mine (id INTEGER PRIMARY KEY, x TEXT COLLATE NOCASE) STRICT; CREATE INDEX x ON mine (x);")
    stock.make("CREATE VIEW stake_titles AS WITH stake_book AS (SELECT x FROM mine) SELECT x FROM stake_book;")
    assert stock.reported() == ()


def test_where_there_is_no_database_nothing_is_in_danger_and_none_is_made(stock):
    assert stock.reported() == ()
    assert not stock.path.exists()


MODEL = "CREATE TABLE t (a INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED, b TEXT);"
SAME = {
    "an index under another name": ("CREATE INDEX by_a ON t (a);", "CREATE INDEX t_a_1234 ON t (a);"),
    "a unique index where the model has a constraint": ("CREATE UNIQUE INDEX u ON t (a, b);", "UNIQUE (a, b)"),
    "a constraint where the model has a unique index": ("UNIQUE (a, b)", "CREATE UNIQUE INDEX u ON t (b, a);"),
    "a key that is not deferred": ("", " DEFERRABLE INITIALLY DEFERRED"),
    "a CHECK whose name says which it is": (
        "CONSTRAINT c CHECK (a > 1 AND b <> '')",
        "CONSTRAINT c CHECK ((a > 1 AND NOT b = ''))",
    ),
    "an expression that another Django spelled": (
        "CREATE INDEX i ON t (lower(b));",
        "CREATE INDEX i ON t ((lower(b)));",
    ),
}
MORE = {
    "a foreign key that deletes": (
        " DEFERRABLE INITIALLY DEFERRED",
        " ON DELETE CASCADE",
        RiskKind.FOREIGN_KEY,
    ),
    "a UNIQUE that replaces": ("UNIQUE (a, b)", "UNIQUE (a, b) ON CONFLICT REPLACE", RiskKind.UNIQUE),
    "an index of the model's name that is partial": (
        "CREATE INDEX i ON t (b);",
        "CREATE INDEX i ON t (b) WHERE a > 1;",
        RiskKind.INDEX,
    ),
}


def database(part):
    """Return a database in memory with the table t, which contains this part at its usual place."""
    connection = opener().memory()
    table = "CREATE TABLE t (a INTEGER REFERENCES p (id){}, b TEXT{});"
    keys = part if part.startswith((" DEFERRABLE", " ON")) else ""
    inside = f", {part}" if part.startswith(("UNIQUE", "CONSTRAINT")) else ""
    connection.executescript("CREATE TABLE p (id INTEGER PRIMARY KEY);" + table.format(keys, inside))
    connection.executescript("" if keys or inside else part)
    return connection


def reported_between(model, found):
    with closing(database(model)) as one, closing(database(found)) as other:
        return [one.kind for one in beyond(other, inspect(other).schema, inspect(one).schema)]


@pytest.mark.parametrize("name", SAME)
def test_what_the_model_does_in_other_words_is_in_no_danger(name):
    found, model = SAME[name]
    assert reported_between(model, found) == []


@pytest.mark.parametrize("name", MORE)
def test_what_the_model_does_less_of_is_reported(name):
    model, found, kind = MORE[name]
    assert reported_between(model, found) == [kind]
