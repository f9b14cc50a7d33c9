"""The oracle: one run with statements of an application in between, and the same statements before a run without.

Rows written while a new file is built must end up exactly as if they had been written before a run that makes writers
wait, and the application must get the same answers.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from schemasync.files.disk import Disk
from schemasync.schema import document
from schemasync.schema.names import quote
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

NAME = "db.sqlite3"


@dataclass(frozen=True)
class Case:
    """One case. `before`: SQL that fills the old tables. `meanwhile`: the statements of the application during the run.

    `first`: statements on its connection before the run begins, such as PRAGMAs and TEMP triggers.
    """

    old: dict
    new: dict
    meanwhile: list[str]
    before: str = ""
    first: list[str] = field(default_factory=list)
    numbered: bool = True  # False if SQLite assigns the row ids of the new table
    transforms: tuple = ()

    @property
    def wanted(self):
        return document.with_transforms(read(self.new), self.transforms)


def read(tree):
    return document.read(json.dumps(tree).encode())


def made(folder: Path, case: Case) -> Path:
    """Make the old database, fill it, and return its link."""
    folder.mkdir()
    link = folder / NAME
    sync(target(link), read(case.old))
    with closing(sqlite3.connect(link)) as connection:
        connection.executescript(case.before)
    return link


def application(link: Path, case: Case) -> sqlite3.Connection:
    """Open the connection of the application, and run the statements `first`."""
    connection = sqlite3.connect(link, isolation_level=None, timeout=5)
    connection.execute("PRAGMA foreign_keys=ON")
    for statement in case.first:
        connection.execute(statement).fetchall()
    return connection


def answers(connection: sqlite3.Connection, statements: list[str]) -> list[object]:
    """Return what the application sees after each statement: rows or error, changes, last row id, open transaction."""
    seen = []
    for statement in statements:
        try:
            rows = connection.execute(statement).fetchall()
        except sqlite3.Error as error:
            rows = f"{type(error).__name__}: {error}"
        state = connection.execute("SELECT changes(), last_insert_rowid()").fetchone()
        if "VACUUM" in statements:  # it copies all tables, also those of schemasync, and so moves the last row id
            state = state[:1]
        seen.append((statement, rows, state, connection.in_transaction))
    return seen


def beside(link: Path, case: Case, label, options: SyncOptions | None = None):
    """Sync, with the statements `meanwhile` at this label, ("before" or "after", step). Return (report, answers)."""
    seen: list[object] = []
    when, step = label
    with closing(application(link, case)) as connection:

        def observer(at, passed):
            if (at, passed) == (when, step) and not seen:
                seen.extend(answers(connection, case.meanwhile))

        report = sync(target(link, disk=Disk(observer), wait=5.0), case.wanted, options or QUICK)
    assert seen, f"the run never came to {label}"
    return report, seen


QUICK = SyncOptions(limits=Limits(max_pause=1.0, cutover_timeout=20.0))


def waited(link: Path, case: Case, *, rebuild_all: bool = False):
    """Run the statements first, then a sync that makes writers wait. Return (report, answers)."""
    with closing(application(link, case)) as connection:
        seen = answers(connection, case.meanwhile)
    return sync(target(link), case.wanted, SyncOptions(block_writers=True, rebuild_all=rebuild_all)), seen


def content(link: Path, *, numbered: bool = True) -> dict:
    """Return the content of a file without the history: objects, rows with row ids and types of values, counters."""
    with closing(sqlite3.connect(link)) as connection:
        connection.text_factory = lambda data: data.decode(errors="surrogateescape")
        found = {
            "objects": connection.execute(
                "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE '\\_schema%' ESCAPE '\\'"
                " AND tbl_name NOT LIKE '\\_schema%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'"
                " ORDER BY type, name"
            ).fetchall(),
            "numbers": [connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("user_version", "application_id")],
        }
        tables = "SELECT name FROM pragma_table_list WHERE type IN ('table', 'virtual', 'shadow')"
        for (name,) in connection.execute(tables).fetchall():
            if not name.startswith(("_schema", "sqlite_stat", "sqlite_schema", "sqlite_temp")):
                found[name] = _rows(connection, name, numbered)
        found["checks"] = [
            connection.execute(f"PRAGMA {p}").fetchall() for p in ("integrity_check", "foreign_key_check")
        ]
        return found


def _rows(connection, name, numbered):
    columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({quote(name)})") if row[6] != 1]
    values = ", ".join(f"typeof({quote(c)}), quote({quote(c)})" for c in columns)
    if name == "sqlite_sequence":
        return sorted(connection.execute("SELECT name, seq FROM sqlite_sequence WHERE name <> '_schema_versions'"))
    try:
        rowid = "rowid" if numbered else "NULL"
        return sorted(connection.execute(f"SELECT {rowid}, {values} FROM {quote(name)}").fetchall())
    except sqlite3.OperationalError:  # a table without row ids
        return sorted(connection.execute(f"SELECT {values} FROM {quote(name)}").fetchall())
