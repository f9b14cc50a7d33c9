"""Small databases that tests build, inspect and compare, each in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemasync.engines.sqlite import fence, history_table
from schemasync.files.disk import Disk, Observer
from schemasync.files.layout import Layout
from schemasync.schema import document
from schemasync.schema.document import Document
from schemasync.schema.names import quote
from schemasync.sync.recovery import recover
from schemasync.sync.run.error_translation import translated_errors
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync

from .processes import child, sqlite

NAME = "db.sqlite3"

V1: dict[str, Any] = {
    "ledger": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "note": "TEXT NOT NULL", "euros": "INTEGER DEFAULT 0"},
    "people": {
        "id": "INTEGER PRIMARY KEY",
        "name": "TEXT NOT NULL",
        "fax": "TEXT",
        "_indexes": ["name"],
        "_triggers": {"counted": "AFTER INSERT ON people BEGIN UPDATE counters SET n = n + 1; END"},
    },
    "teams": {
        "code": "TEXT PRIMARY KEY",
        "lead": "INTEGER REFERENCES people(id) ON DELETE SET NULL",
        "_without_rowid": True,
    },
    "counters": {"n": "INTEGER NOT NULL"},
    "papers": {"id": "INTEGER PRIMARY KEY", "body": "BLOB"},
    "_views": {"heads": "SELECT t.code, p.name FROM teams t JOIN people p ON p.id = t.lead"},
}

V2: dict[str, Any] = {
    "ledger": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "note": "TEXT NOT NULL",
        "cents": {"type": "INTEGER NOT NULL DEFAULT 0", "was": ["euros"], "fill": "coalesce(euros, 0) * 100"},
    },
    "people": {
        "id": "INTEGER PRIMARY KEY",
        "full_name": {"type": "TEXT NOT NULL CHECK (length(full_name) > 0)", "was": ["name"]},
        "email": {"type": "TEXT UNIQUE NOT NULL", "fill": "lower(name) || '@example.org'"},
        "_dropped": ["fax"],
        "_indexes": ["full_name"],
        "_triggers": {"counted": "AFTER INSERT ON people BEGIN UPDATE counters SET n = n + 1; END"},
    },
    "squads": {
        "_was": ["teams"],
        "code": "TEXT PRIMARY KEY",
        "lead": "INTEGER NOT NULL REFERENCES people(id) ON DELETE CASCADE",
        "_without_rowid": True,
    },
    "counters": {"n": "INTEGER NOT NULL"},
    "papers": {"id": "INTEGER PRIMARY KEY", "body": "BLOB"},
    "reviews": {"id": "INTEGER PRIMARY KEY", "paper": "INTEGER REFERENCES papers(id)"},
    "_views": {"heads": "SELECT s.code, p.full_name FROM squads s JOIN people p ON p.id = s.lead"},
}

FILL = """
    INSERT INTO counters VALUES (0);
    INSERT INTO ledger (note, euros) VALUES ('first', 3), ('second', NULL), ('third', -7), ('gone', 1);
    DELETE FROM ledger WHERE note = 'gone';
    INSERT INTO people (id, name, fax) VALUES (1, 'Ada', '0'), (5, 'Grace', NULL), (9, 'Edsger', '49');
    INSERT INTO teams VALUES ('ops', 5), ('dev', 1);
    INSERT INTO papers VALUES (1, x'00ff'), (2, zeroblob(9000));
    CREATE TABLE handmade (x, y);
    INSERT INTO handmade VALUES (1.5, 'kept');
"""
"""Rows for V1, and a table that no schema.json names."""

WRITE = "INSERT INTO ledger (note) VALUES (?)"
"""An INSERT that works with V1 and with V2."""


def read(tree: dict[str, Any]) -> Document:
    """Return the schema of a tree. It is parsed once; forked children inherit it."""
    return _read(json.dumps(tree).encode())


@cache
def _read(data: bytes) -> Document:
    return document.read(data)


@dataclass(frozen=True)
class SampleDatabase:
    """One database in its folder."""

    folder: Path

    @property
    def link(self) -> Path:
        return self.folder / NAME

    @property
    def layout(self) -> Layout:
        return Layout(self.link)

    def target(self, observer: Observer | None = None, **parts: Any) -> Target:
        parts = {"wait": 5.0, "actor": "test", "keep": 99, **parts}
        return Target(self.layout, disk=Disk(observer) if observer else Disk(), **parts)

    def copy(self, folder: Path) -> SampleDatabase:
        """Copy the folder to `folder`, with links as links, and return the copy."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return SampleDatabase(folder)

    def names(self) -> dict[str, list[str]]:
        """Return the names in the folder, by "", and in the generations folder, by "generations"."""
        found = {"": sorted(p.name for p in self.folder.iterdir())}
        if self.layout.folder.is_dir():
            found["generations"] = sorted(p.name for p in self.layout.folder.iterdir())
        return found

    def files(self) -> list[Path]:
        """Return the files of the finished generations."""
        return [g.path for g in self.layout.generations() if not g.building]

    def sync(self, tree: dict[str, Any], **parts: Any) -> Any:
        """Sync in a process of its own. Fail the test if the sync fails."""
        return child(lambda: sync(self.target(**parts), read(tree))).result()

    def run(self, script: str) -> None:
        """Run SQL through the link, as any program would."""
        with sqlite(self.link) as connection:
            connection.executescript(script)

    def recovered(self, observer: Observer | None = None) -> tuple[str, ...]:
        """Recover in a process of its own, and return what was repaired. Fail the test if recovery raises."""
        return child(lambda: recovery(self.target(observer))).result()


def recovery(target: Target) -> tuple[str, ...]:
    """Take the lock and recover, as every command that writes does first."""
    with translated_errors(target.layout.link), target.locked():
        return recover(target)


def dump(path: Path) -> dict[str, Any]:
    """Return the schema and rows of a database, without the objects of schemasync."""
    with sqlite(path) as connection:
        schema = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            " AND name NOT LIKE 'schemasync:%'"
            " AND name NOT LIKE '\\_schema%' ESCAPE '\\' AND tbl_name NOT LIKE '\\_schema%' ESCAPE '\\' ORDER BY type, name"
        ).fetchall()
        tables = [name for kind, name, _, sql in schema if kind == "table" and "VIRTUAL" not in sql]
        rows = {
            name: sorted(map(_short, connection.execute(f"SELECT * FROM {quote(name)}")), key=repr) for name in tables
        }
        sequences = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone()
        if sequences[0]:
            rows["sqlite_sequence"] = sorted(
                row
                for row in connection.execute("SELECT name, seq FROM sqlite_sequence")
                if row[0] != "_schema_versions"
            )
        return {"schema": schema, "rows": rows}


def _short(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value for value in row)


def without(found: dict[str, Any], *extra: str) -> dict[str, Any]:
    """Return a dump without the ledger rows that have these notes, and without sqlite_sequence."""
    rows = {name: rows for name, rows in found["rows"].items() if name != "sqlite_sequence"}
    if "ledger" in rows:
        rows["ledger"] = [row for row in rows["ledger"] if row[1] not in extra]
    return {**found, "rows": rows}


def whole(path: Path) -> bool:
    with sqlite(path) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def notes(path: Path) -> set[str]:
    """Return the notes in the ledger."""
    with sqlite(path) as connection:
        return {note for (note,) in connection.execute("SELECT note FROM ledger")}


def fence_of(path: Path) -> fence.Fence | None:
    with sqlite(path) as connection:
        return fence.read_fence(connection)


def is_marked(path: Path) -> bool:
    with sqlite(path) as connection:
        return fence.is_marked(connection)


def history(path: Path) -> tuple[history_table.HistoryRow, ...]:
    with sqlite(path) as connection:
        return history_table.read(connection)


def traces(path: Path) -> list[str]:
    """Return the names of the `_schemasync_` objects, which a live file must not have."""
    query = "SELECT name FROM sqlite_schema WHERE name LIKE '\\_schemasync\\_%' ESCAPE '\\'"
    with sqlite(path) as connection:
        return [name for (name,) in connection.execute(query)]


def write(link: Path, note: str, *, timeout: float = 0) -> str | None:
    """Write a row through the link on a new connection. Return None, or the text of the error."""
    try:
        with sqlite(link, timeout=timeout) as connection:
            connection.execute(WRITE, (note,))
    except sqlite3.OperationalError as error:
        return str(error)
    return None


def tamper(path: Path, work: Callable[[sqlite3.Connection], object]) -> None:
    """Change a file directly, without schemasync, in one transaction."""
    with sqlite(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        work(connection)
        connection.execute("COMMIT")


def point(database: SampleDatabase, name: str) -> None:
    """Point the link at a file of the generations folder, in one step: a reader may resolve it at any moment."""
    new = database.link.with_name("pointed-by-hand")
    new.symlink_to(f"{database.layout.folder.name}/{name}")
    new.replace(database.link)


def first(folder: Path) -> SampleDatabase:
    """An empty folder: there is no database yet."""
    folder.mkdir(parents=True)
    return SampleDatabase(folder)


def filled(folder: Path) -> SampleDatabase:
    """Generation 1 at version 1, with rows."""
    database = first(folder)
    database.sync(V1)
    database.run(FILL)
    return database


def evolved(folder: Path) -> SampleDatabase:
    """Generation 2 at version 2 is live, generation 1 is its archive."""
    database = filled(folder)
    database.sync(V2)
    return database


def changed(tree: dict[str, Any], table: str, **columns: Any) -> dict[str, Any]:
    """Return a schema in which these columns of a table are replaced or added."""
    return {**tree, table: {**tree[table], **columns}}


def plain(folder: Path, journal: str) -> SampleDatabase:
    """A database file that schemasync does not know, in the given journal mode."""
    database = first(folder)
    with sqlite3.connect(database.link, isolation_level=None) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.executescript(PLAIN + FILL)
    connection.close()
    return database


PLAIN = """
    CREATE TABLE ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT NOT NULL, euros INTEGER DEFAULT 0);
    CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, fax TEXT);
    CREATE TABLE teams (code TEXT PRIMARY KEY, lead INTEGER REFERENCES people(id)) WITHOUT ROWID;
    CREATE TABLE counters (n INTEGER NOT NULL);
    CREATE TABLE papers (id INTEGER PRIMARY KEY, body BLOB);
"""
