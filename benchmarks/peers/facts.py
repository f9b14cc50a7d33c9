"""Facts about a database before a change, each with a query for whether it is still true afterwards.

Each fact is a database of its own with the table `book`. Every peer makes the same change to it, by its own means:
`pages` becomes NOT NULL. This module needs nothing but Python, because it runs in the environment of each peer.
"""

from __future__ import annotations

import sqlite3
import sys
import warnings
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS = "id INTEGER PRIMARY KEY, title TEXT, pages INTEGER, author_id INTEGER, shelf TEXT"
ROWS = (
    "INSERT INTO book (id, title, pages, author_id, shelf) VALUES (1, 'Dune', 412, 1, 'A'), (2, 'Emma', 474, 2, 'B');"
)
AUTHORS = (
    "CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO author VALUES (1, 'Frank'), (2, 'Jane');"
)


@dataclass(frozen=True)
class Fact:
    """A fact: `made` is the SQL that creates the database, `seen` queries the fact on a connection, and `kept` is the
    result before the change.

    `enforced`: the connection that makes the change has PRAGMA foreign_keys = ON, as many applications set it.
    """

    made: str
    seen: Callable[[sqlite3.Connection], Any]
    kept: Any
    enforced: bool = False


def table(columns: str = COLUMNS, options: str = "", more: str = "") -> str:
    return f"{AUTHORS} CREATE TABLE book ({columns}){options}; {ROWS} {more}"


def changed(old: str, new: str) -> str:
    assert old in COLUMNS
    return COLUMNS.replace(old, new)


def one(connection: sqlite3.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchone()[0]


def column(connection: sqlite3.Connection, sql: str) -> list[Any]:
    return [value for (value,) in connection.execute(sql)]


def after(sql: str, question: str) -> Callable[[sqlite3.Connection], Any]:
    """Return a function that runs a statement and returns the first column of the query `question`."""

    def seen(connection: sqlite3.Connection) -> Any:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.executescript(sql)
        return column(connection, question)

    return seen


def accepts(sql: str) -> Callable[[sqlite3.Connection], bool]:
    """Return a function that returns whether the database accepts a statement."""

    def seen(connection: sqlite3.Connection) -> bool:
        connection.execute("PRAGMA foreign_keys = ON")
        try:
            connection.executescript(sql)
        except sqlite3.IntegrityError:
            return False
        return True

    return seen


def asks(sql: str) -> Callable[[sqlite3.Connection], Any]:
    return lambda connection: column(connection, sql)


NEW = "INSERT INTO book (title, pages, author_id) VALUES ('Ulysses', 730, 1)"
INDEXES = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'book' AND sql IS NOT NULL"

LOANS = """
CREATE TABLE loan (id INTEGER PRIMARY KEY, book_id INTEGER REFERENCES book (id) ON DELETE CASCADE);
INSERT INTO loan VALUES (1, 1), (2, 2);
"""

FACTS = {
    "index": Fact(table(more="CREATE INDEX by_title ON book (title);"), asks(INDEXES), ["by_title"]),
    "unique index": Fact(
        table(more="CREATE UNIQUE INDEX by_title ON book (title);"),
        accepts("INSERT INTO book (title, pages) VALUES ('Dune', 1)"),
        False,
    ),
    "partial index": Fact(
        table(more="CREATE INDEX long_books ON book (title) WHERE pages > 400;"),
        asks("SELECT partial FROM pragma_index_list('book')"),
        [1],
    ),
    "index on an expression": Fact(
        table(more="CREATE INDEX by_lower ON book (lower(title));"), asks(INDEXES), ["by_lower"]
    ),
    "descending index": Fact(
        table(more="CREATE INDEX by_pages ON book (pages DESC);"),
        asks("SELECT x.desc FROM pragma_index_xinfo('by_pages') AS x WHERE x.name = 'pages'"),
        [1],
    ),
    "UNIQUE constraint": Fact(
        table(changed("title TEXT", "title TEXT UNIQUE")),
        accepts("INSERT INTO book (title, pages) VALUES ('Dune', 1)"),
        False,
    ),
    "CHECK, unnamed": Fact(
        table(changed("shelf TEXT", "shelf TEXT CHECK (shelf <> 'Z')")),
        accepts("UPDATE book SET shelf = 'Z'"),
        False,
    ),
    "CHECK, named": Fact(
        table(f"{COLUMNS}, CONSTRAINT no_z CHECK (shelf <> 'Z')"), accepts("UPDATE book SET shelf = 'Z'"), False
    ),
    "NOT NULL of another column": Fact(
        table(changed("title TEXT", "title TEXT NOT NULL")), accepts("UPDATE book SET title = NULL"), False
    ),
    "DEFAULT, a constant": Fact(
        table(changed("shelf TEXT", "shelf TEXT DEFAULT 'new'")),
        after(NEW, "SELECT shelf FROM book WHERE title = 'Ulysses'"),
        ["new"],
    ),
    "DEFAULT, an expression": Fact(
        table(changed("shelf TEXT", "shelf TEXT DEFAULT (lower('NEW'))")),
        after(NEW, "SELECT shelf FROM book WHERE title = 'Ulysses'"),
        ["new"],
    ),
    "COLLATE": Fact(
        table(changed("title TEXT", "title TEXT COLLATE NOCASE")),
        asks("SELECT id FROM book WHERE title = 'DUNE'"),
        [1],
    ),
    "declared type": Fact(
        table(changed("shelf TEXT", "shelf VARCHAR(20)")),
        asks("SELECT upper(type) FROM pragma_table_info('book') WHERE name = 'shelf'"),
        ["VARCHAR(20)"],
    ),
    "generated column": Fact(
        table(f"{COLUMNS}, twice INTEGER GENERATED ALWAYS AS (2 * pages) VIRTUAL"),
        after("UPDATE book SET pages = 100", "SELECT twice FROM book"),
        [200, 200],
    ),
    "stored generated column": Fact(
        table(f"{COLUMNS}, twice INTEGER GENERATED ALWAYS AS (2 * pages) STORED"),
        after("UPDATE book SET pages = 100", "SELECT twice FROM book"),
        [200, 200],
    ),
    "foreign key": Fact(
        table(changed("author_id INTEGER", "author_id INTEGER REFERENCES author (id)")),
        accepts("UPDATE book SET author_id = 99"),
        False,
    ),
    "ON DELETE of a foreign key": Fact(
        table(changed("author_id INTEGER", "author_id INTEGER REFERENCES author (id) ON DELETE CASCADE")),
        after("DELETE FROM author WHERE id = 1", "SELECT id FROM book"),
        [2],
    ),
    "DEFERRABLE foreign key": Fact(
        table(changed("author_id INTEGER", "author_id INTEGER REFERENCES author (id) DEFERRABLE INITIALLY DEFERRED")),
        lambda connection: (
            accepts("BEGIN; UPDATE book SET author_id = 3; INSERT INTO author VALUES (3, 'Ann'); COMMIT")(connection),
            accepts("UPDATE book SET author_id = 99")(connection),
        ),
        (True, False),
    ),
    "rows that refer to the table, ON DELETE CASCADE": Fact(
        table(more=LOANS), asks("SELECT book_id FROM loan"), [1, 2]
    ),
    "the same, with PRAGMA foreign_keys = ON": Fact(
        table(more=LOANS), asks("SELECT book_id FROM loan"), [1, 2], enforced=True
    ),
    "AUTOINCREMENT, and the number it is at": Fact(
        table(
            changed("PRIMARY KEY", "PRIMARY KEY AUTOINCREMENT"),
            more="INSERT INTO book (id, pages) VALUES (50, 1); DELETE FROM book WHERE id = 50;",
        ),
        after(NEW, "SELECT id FROM book WHERE title = 'Ulysses'"),
        [51],
    ),
    "STRICT": Fact(
        table(options=" STRICT"), accepts("INSERT INTO book (title, pages) VALUES ('Ulysses', 'many')"), False
    ),
    "WITHOUT ROWID": Fact(
        table(changed("INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY NOT NULL"), " WITHOUT ROWID"),
        asks("SELECT wr FROM pragma_table_list('book')"),
        [1],
    ),
    "trigger": Fact(
        table(
            more="CREATE TABLE note (text TEXT); CREATE TRIGGER noted AFTER UPDATE OF title ON book "
            "BEGIN INSERT INTO note VALUES (NEW.title); END;"
        ),
        after("UPDATE book SET title = 'Emma, again' WHERE id = 2", "SELECT text FROM note"),
        ["Emma, again"],
    ),
    "view on the table": Fact(
        table(more="CREATE VIEW titles AS SELECT title FROM book;"), asks("SELECT title FROM titles"), ["Dune", "Emma"]
    ),
    "types of values": Fact(
        table(more="UPDATE book SET shelf = x'00ff' WHERE id = 1; UPDATE book SET author_id = 'nobody' WHERE id = 2;"),
        asks("SELECT typeof(shelf) || ' ' || typeof(author_id) FROM book"),
        ["blob integer", "text text"],
    ),
    "row ids of a table without INTEGER PRIMARY KEY": Fact(
        table(
            changed("id INTEGER PRIMARY KEY", "id INTEGER"),
            more="INSERT INTO book (rowid, title, pages) VALUES (70, 'Ulysses', 730);",
        ),
        asks("SELECT rowid FROM book"),
        [1, 2, 70],
    ),
    "a row that the change forbids": Fact(
        table(more="UPDATE book SET pages = NULL WHERE id = 2;"), asks("SELECT pages FROM book"), [412, None]
    ),
}

Change = Callable[[Path, str], object]
"""A function that makes `pages` NOT NULL in the database at a path, for the fact of that name. It may raise."""


def asked(path: Path, fact: Fact) -> Any:
    """Return the result of the fact's query, run on a copy in memory, as the query may write."""
    with closing(sqlite3.connect(":memory:")) as copy:
        with closing(sqlite3.connect(path)) as connection:
            connection.backup(copy)
        return fact.seen(copy)


def is_changed(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(one(connection, "SELECT \"notnull\" FROM pragma_table_info('book') WHERE name = 'pages'"))


def outcome(path: Path, name: str, change: Change) -> str:
    """Let a peer make the change for one fact. Return `kept`, `lost` with the result now, `refused` with the error, or
    `not done`."""
    fact = FACTS[name]
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(fact.made)
    assert asked(path, fact) == fact.kept, name
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            change(path, name)
        except Exception as error:  # noqa: BLE001  any exception of a peer counts as its refusal
            return refused(path, fact, error)
    if not is_changed(path):
        return "not done: pages may still be NULL"
    said = f"; it warned: {short(warned[0].message)}" if warned else ""
    try:
        answer = asked(path, fact)
    except sqlite3.Error as error:
        return f"lost: {error}{said}"
    return "kept" if answer == fact.kept else f"lost: {answer!r}, before {fact.kept!r}{said}"


def refused(path: Path, fact: Fact, error: Exception) -> str:
    is_whole = not is_changed(path) and asked(path, fact) == fact.kept
    return f"refused, the file is {'as before' if is_whole else 'CHANGED'}: {type(error).__name__}: {short(error)}"


def short(message: object) -> str:
    return " ".join(str(message).replace(sys.argv[1], "…").split())[:200]


def report(peer: str, change: Change, names: Collection[str] = tuple(FACTS)) -> None:
    """Let a peer make the change for each of these facts, in the folder of the command line. Print a line for each."""
    print(f"{peer}, SQLite {sqlite3.sqlite_version}")
    for number, name in enumerate(FACTS):
        if name in names:
            folder = Path(sys.argv[1]) / peer.replace(" ", "-")
            folder.mkdir(exist_ok=True)
            print(f"  {name}: {outcome(folder / f'{number}.sqlite3', name, change)}")
