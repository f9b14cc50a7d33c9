"""A masked copy made while the application writes: it holds the state of one moment, and no unmasked value."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

from schemasync.masking.masker import MaskKind
from schemasync.masking.rules import Rules
from schemasync.sync.adopt import adopt
from schemasync.sync.masked_snapshot import masked_snapshot
from schemasync.sync.run.target import target
from tests.crash.databases import read
from tests.crash.processes import child

SCHEMA = {
    "people": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL", "total": "INTEGER NOT NULL"},
    "orders": {
        "id": "INTEGER PRIMARY KEY",
        "person": "INTEGER NOT NULL REFERENCES people (id)",
        "n": "INTEGER NOT NULL",
    },
}
FILL = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, total INTEGER NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people (id), n INTEGER NOT NULL);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO people SELECT i, 'secretperson' || i, 0 FROM n;
"""
WRONG = "SELECT count(*) FROM people AS p WHERE total <> (SELECT total(n) FROM orders WHERE person = p.id)"


def _write(link, is_done):
    """Run transactions over both tables until the copy is made. Return their number."""
    with closing(sqlite3.connect(link, isolation_level=None, timeout=20)) as connection:
        count = 0
        while not is_done.is_set():
            count += 1
            person = count % 2000 + 1
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO orders (person, n) VALUES (?, 3)", (person,))
            connection.execute("UPDATE people SET total = total + 3, name = name || 'x' WHERE id = ?", (person,))
            connection.execute("COMMIT")
    return count


def _copy_beside_a_writer(link, copy):
    written, is_done = [], threading.Event()
    writer = threading.Thread(target=lambda: written.append(_write(link, is_done)))
    writer.start()
    masked_snapshot(target(link), copy, Rules({"people": {"name": MaskKind.TEXT}}))
    is_done.set()
    writer.join()
    return written[0]


def test_it_holds_one_moment_of_a_database_that_is_written_meanwhile(tmp_path):
    link, copy = tmp_path / "db.sqlite3", tmp_path / "copy.sqlite3"
    with closing(sqlite3.connect(link)) as connection:
        connection.executescript(FILL)
    child(lambda: adopt(target(link), read(SCHEMA)) and None).result()
    assert child(lambda: _copy_beside_a_writer(link, copy)).result() > 1
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute(WRONG).fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (2000,)
    assert b"secretperson" not in copy.read_bytes()
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute(WRONG).fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM people WHERE name GLOB 'secretperson*'").fetchone() == (2000,)
