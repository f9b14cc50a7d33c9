"""A small database of every kind of key, for tests of a move."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from schemasync.schema import document as documents
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

SCHEMA = {
    "parent": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT NOT NULL UNIQUE", "note": "TEXT"},
    "child": {
        "id": "INTEGER PRIMARY KEY",
        "parent": "INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
        "amount": "REAL",
    },
    "tag": {"code": "TEXT PRIMARY KEY", "label": "TEXT COLLATE NOCASE"},
    "pair": {"a": "INTEGER", "b": "TEXT", "value": "BLOB", "_primary_key": ["a", "b"]},
    "keyless": {"x": "INTEGER", "y": "TEXT"},
}


def document():
    return documents.read(json.dumps(SCHEMA).encode())


def make(link):
    """Create and fill the database."""
    sync(target(link), document())
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.executemany("INSERT INTO parent (name, note) VALUES (?, ?)", [(f"p{n}", None) for n in range(200)])
        connection.execute("DELETE FROM parent WHERE id > 190")
        rows = [(n % 100 + 1, n / 7) for n in range(500)]
        connection.executemany("INSERT INTO child (parent, amount) VALUES (?, ?)", rows)
        connection.executemany("INSERT INTO tag VALUES (?, ?)", [("a", "A"), ("A", "b"), ("é", "")])
        connection.executemany("INSERT INTO pair VALUES (?, ?, ?)", [(1, "x", b"\x00\xff"), (1, "y", None)])
        connection.executemany("INSERT INTO keyless VALUES (?, ?)", [(1, "same"), (1, "same")])


def rows_here(link, table):
    with closing(sqlite3.connect(link)) as connection:
        return sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)


def rows_there(database, table):
    with database.connect() as connection:
        return sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)


def assert_equal(link, database):
    """Assert that both databases have the same rows; this shares no code with the product."""
    for table in SCHEMA:
        assert rows_there(database, table) == rows_here(link, table), table
