"""Why not `migrate`: the effect of one AlterField on objects made by hand, and that of schemasync.

Each fact has two halves. Both start from the same table, made by hand, which Django knows as the model
`tests.apps.remake.models.Book`; both then state that `pages` may no longer be NULL. One half runs Django's own
`migrate`, the other `schemasync`.
"""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections

from .command.conftest import memory, tmp_path  # noqa: F401  fixtures: a folder that syncs at once

ALIAS = "remake"
PLAIN = "CREATE TABLE remake_book (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, pages INTEGER, shelf TEXT);"
BOOKS = "INSERT INTO remake_book (title, pages, shelf) VALUES ('Dune', 412, 'A'), ('Emma', 474, 'B');"


@dataclass(frozen=True)
class Fact:
    """Something that was made by hand: `made` is its SQL, and `seen` reads it from the database.

    `kept` is the value before any change; `lost` is the value after Django's `migrate`.
    """

    made: str
    seen: Callable[[sqlite3.Connection], object]
    kept: object
    lost: object


def one(connection, sql):
    return connection.execute(sql).fetchone()[0]


def names(connection, kind):
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = ? AND tbl_name = 'remake_book'", (kind,))
    return [name for (name,) in rows if not name.startswith("sqlite_")]


def noted(connection):
    connection.execute("UPDATE remake_book SET title = 'Emma, or so' WHERE title = 'Emma'")
    return one(connection, "SELECT count(*) FROM note")


def takes_words_for_numbers(connection):
    with suppress(sqlite3.IntegrityError):
        connection.execute("INSERT INTO remake_book (title, pages, shelf) VALUES ('Ulysses', 'many', 'C')")
        return True
    return False


def shelf_of_a_new_book(connection):
    connection.execute("INSERT INTO remake_book (title, pages) VALUES ('Ulysses', 730)")
    return one(connection, "SELECT shelf FROM remake_book WHERE title = 'Ulysses'")


def prices(connection):
    try:
        return [price for (price,) in connection.execute("SELECT price FROM remake_book ORDER BY id")]
    except sqlite3.OperationalError as error:
        return str(error)


TRIGGER = Fact(
    PLAIN + BOOKS + "CREATE TABLE note (text TEXT);"
    "CREATE TRIGGER note_title AFTER UPDATE OF title ON remake_book BEGIN INSERT INTO note VALUES (NEW.title); END;",
    noted,
    kept=1,
    lost=0,
)
PARTIAL_INDEX = Fact(
    PLAIN + BOOKS + "CREATE INDEX long_books ON remake_book (title) WHERE pages > 400;",
    lambda connection: names(connection, "index"),
    kept=["long_books"],
    lost=[],
)
EXPRESSION_INDEX = Fact(
    PLAIN + BOOKS + "CREATE INDEX books_by_title ON remake_book (lower(title));",
    lambda connection: names(connection, "index"),
    kept=["books_by_title"],
    lost=[],
)
STRICT = Fact(
    PLAIN.replace(");", ") STRICT;") + BOOKS,
    takes_words_for_numbers,
    kept=False,
    lost=True,
)
COLLATION = Fact(
    PLAIN.replace("title TEXT", "title TEXT COLLATE NOCASE") + BOOKS,
    lambda connection: one(connection, "SELECT count(*) FROM remake_book WHERE title = 'DUNE'"),
    kept=1,
    lost=0,
)
DEFAULT = Fact(
    PLAIN.replace("shelf TEXT", "shelf TEXT DEFAULT 'new'") + BOOKS,
    shelf_of_a_new_book,
    kept="new",
    lost=None,
)
UNNAMED_COLUMN = Fact(
    PLAIN + BOOKS + "ALTER TABLE remake_book ADD COLUMN price INTEGER; UPDATE remake_book SET price = 10 * id;",
    prices,
    kept=[10, 20],
    lost="no such column: price",
)
VIEW = PLAIN + BOOKS + "CREATE VIEW titles AS SELECT title FROM remake_book;"

FACTS = {
    "trigger": TRIGGER,
    "partial index": PARTIAL_INDEX,
    "expression index": EXPRESSION_INDEX,
    "STRICT": STRICT,
    "collation": COLLATION,
    "default": DEFAULT,
    "column that no model names, with its data": UNNAMED_COLUMN,
}
EACH = pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS.keys())


class Shop:
    """A project's database file `db.sqlite3` and its `schema.json`, under Django's alias `remake`."""

    def __init__(self, folder):
        self.path = folder / "db.sqlite3"
        self.schema = folder / "schema.json"

    def make(self, sql):
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(sql)

    def ask(self, question):
        """Return the result of a query function, and roll back its effects."""
        with closing(sqlite3.connect(self.path)) as connection:
            answer = question(connection)
            connection.rollback()
            return answer

    def migrate(self):
        """Run the one AlterField by Django, after faking the migration of the existing table, as is usual."""
        call_command("migrate", "remake", "0001", fake=True, database=ALIAS, verbosity=0)
        call_command("migrate", "remake", "0002", database=ALIAS, verbosity=0)

    def sync(self, *options):
        """Make the same change by schemasync, and return its JSON output."""
        return json.loads(self.run(*options, json=True))

    def run(self, *arguments, **options):
        out = StringIO()
        call_command(
            "schemasync", *arguments, database=ALIAS, schema=self.schema, verbosity=0, stdout=out, stderr=out, **options
        )
        return out.getvalue()

    def edit(self, old, new):
        """Make one edit of schema.json, as a person would."""
        text = self.schema.read_text("utf-8")
        assert text.count(old) == 1
        self.schema.write_text(text.replace(old, new), "utf-8")

    def pages_may_be_null(self):
        return not one_pragma(self.path, "pages")


def one_pragma(path, column):
    with closing(sqlite3.connect(path)) as connection:
        return one(connection, f"SELECT \"notnull\" FROM pragma_table_info('remake_book') WHERE name = '{column}'")


@pytest.fixture
def shop(tmp_path, settings, monkeypatch, django_db_blocker):  # noqa: F811
    settings.INSTALLED_APPS = ["schemasync", "tests.apps.remake"]
    shop = Shop(tmp_path)
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(shop.path)}
    configured = connections.configure_settings({"default": {}, ALIAS: database})
    monkeypatch.setitem(connections.settings, ALIAS, configured[ALIAS])
    with django_db_blocker.unblock():
        yield shop
        connections[ALIAS].close()
        del connections[ALIAS]


# --- parts of a table that Django's model does not know -----------------------------------------------------------


@EACH
def test_migrate_loses_it_without_a_word(shop, fact):
    shop.make(fact.made)
    assert shop.ask(fact.seen) == fact.kept
    shop.migrate()
    assert not shop.pages_may_be_null()
    assert shop.ask(fact.seen) == fact.lost


@EACH
def test_schemasync_keeps_it(shop, fact):
    shop.make(fact.made)
    shop.run("adopt")
    assert shop.ask(fact.seen) == fact.kept
    shop.edit('"pages": "INTEGER"', '"pages": "INTEGER NOT NULL"')
    done = shop.sync()
    assert done["tables"]["remake_book"] == {"action": "alter", "rows": 0}
    assert not shop.pages_may_be_null()
    assert shop.ask(fact.seen) == fact.kept


KNOWN_TO_DJANGO = {
    "remake_book": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "title": "TEXT",
        "pages": "INTEGER",
        "shelf": "TEXT",
    },
}


@pytest.mark.parametrize("name", ["trigger", "partial index", "expression index"])
def test_schemasync_keeps_it_where_schema_json_does_not_name_it_either(shop, name):
    fact = FACTS[name]
    shop.make(fact.made)
    shop.schema.write_text(json.dumps(KNOWN_TO_DJANGO), "utf-8")
    adopted = shop.sync("adopt")
    assert [thing["type"] for thing in adopted["foreign"]][-1] in ("trigger", "index")
    shop.edit('"pages": "INTEGER"', '"pages": "INTEGER NOT NULL"')
    shop.sync()
    assert not shop.pages_may_be_null()
    assert shop.ask(fact.seen) == fact.kept


def test_schemasync_names_the_column_that_schema_json_does_not_name_and_refuses(shop):
    shop.make(UNNAMED_COLUMN.made)
    shop.schema.write_text(json.dumps(KNOWN_TO_DJANGO), "utf-8")
    shop.run("adopt")
    shop.edit('"pages": "INTEGER"', '"pages": "INTEGER NOT NULL"')
    with pytest.raises(
        CommandError, match=r'\[lost-column\] \S+schema.json:1:2: table "remake_book" no longer has the column "price"'
    ) as refused:
        shop.sync()
    assert refused.value.returncode == 3
    assert shop.ask(prices) == [10, 20]


# --- a view -------------------------------------------------------------------------------------------------------


def titles(connection):
    return [title for (title,) in connection.execute("SELECT title FROM titles")]


def test_migrate_is_aborted_by_a_view_on_the_table(shop):
    shop.make(VIEW)
    with pytest.raises(OperationalError, match=r"error in view titles: no such table: main\.remake_book"):
        shop.migrate()
    assert shop.pages_may_be_null()


@pytest.mark.parametrize("named", [True, False], ids=["named in schema.json", "not named there"])
def test_schemasync_changes_a_table_under_a_view(shop, named):
    shop.make(VIEW)
    if not named:
        shop.schema.write_text(json.dumps(KNOWN_TO_DJANGO), "utf-8")
    shop.run("adopt")
    shop.edit('"pages": "INTEGER"', '"pages": "INTEGER NOT NULL"')
    shop.sync()
    assert not shop.pages_may_be_null()
    assert shop.ask(titles) == ["Dune", "Emma"]


# --- several changes of one table ---------------------------------------------------------------------------------


def test_migrate_makes_the_table_anew_for_each_of_three_changes(shop):
    shop.make(PLAIN + BOOKS)
    out = StringIO()
    call_command("sqlmigrate", "remake", "0003", database=ALIAS, stdout=out, no_color=True)
    assert len(re.findall('CREATE TABLE "new__remake_book"', out.getvalue())) == 3
    assert len(re.findall('INSERT INTO "new__remake_book"', out.getvalue())) == 3


def test_schemasync_writes_no_row_for_three_changes_of_the_definition(shop):
    shop.make(PLAIN + BOOKS)
    shop.run("adopt")
    for column in ("title", "shelf"):
        shop.edit(f'"{column}": "TEXT"', f'"{column}": "TEXT NOT NULL"')
    shop.edit('"pages": "INTEGER"', '"pages": "INTEGER NOT NULL"')
    done = shop.sync()
    assert len(done["changes"]) == 3
    assert done["tables"]["remake_book"] == {"action": "alter", "rows": 0}
