"""The demo evolves from schema.json to schema_v2.json and back, and every value of every table is compared.

This module computes the expected rows in Python from the rows before, without any code of schemasync.
"""

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field

from . import content
from .measured import ROOT, manage

SCHEMA_V2 = ROOT / "demo_project" / "schema_v2.json"

UNPAID = ("meeting", "travel")
# The changes of rows by schema_v2.json, from its comments. All other tables keep their rows.
NEW_COLUMNS = {
    "Users": (
        "user_id", "full_name", "email", "role", "status", "department_id", "hired_on",
    ),
    "TimeEntries": (
        "entry_id", "project_id", "user_id", "work_date", "hours", "activity", "billable", "status", "note",
    ),
}  # fmt: skip
NEW_VALUES = {
    "Users": {"full_name": lambda row: row["name"]},
    "TimeEntries": {"billable": lambda row: int(row["activity"] not in UNPAID)},
}
NEW_TABLES = {"Invoices", "Trips", "audit_log", "schemasync_actor"}


@dataclass
class Evolution:
    """The result of an evolution. `rows`: the number of correct rows by table; `seconds`: the time of each step."""

    rows: dict[str, int] = field(default_factory=dict)
    values: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    peak: int = 0
    report: dict = field(default_factory=dict)


def evolve(folder, entries, seed=1):
    """Fill the demo, evolve it, compare all rows, roll back, and compare with the file before."""
    database, before = folder / "db.sqlite3", folder / "before.sqlite3"
    found = Evolution()

    def timed(name, action):
        begun = time.perf_counter()
        value = action()
        found.seconds[name] = time.perf_counter() - begun
        return value

    timed("first sync", lambda: manage(database, "schemasync", "-v0"))
    timed("fill", lambda: manage(database, "filldemo", "--entries", entries, "--seed", seed, "-v0"))
    _use(database)
    _copy(database, before)
    synced = timed("evolve", lambda: manage(database, "schemasync", "--schema", SCHEMA_V2, "--json"))
    found.peak, found.report = synced.peak, json.loads(synced.printed)
    timed("compare all rows", lambda: _compare(before, database, found))
    _integrity(database, found)
    timed("roll back", lambda: manage(database, "schemasync", "rollback", "--noinput", "-v0"))
    found.faults += timed("compare with the old dump", lambda: content.differences(before, database))
    return found


def _use(database):
    """Add data that filldemo lacks: rows in Django's tables, numbers of deleted rows, gaps between row ids."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany("INSERT INTO auth_group (name) VALUES (?)", [(f"group {n}",) for n in range(5)])
        connection.execute("DELETE FROM auth_group WHERE id > 3")
        sessions = [(f"key {n}", "data", "2025-06-30 12:00:00.5") for n in range(50)]
        connection.executemany("INSERT INTO django_session VALUES (?, ?, ?)", sessions)
        connection.execute("DELETE FROM django_session WHERE rowid % 3 = 0")
        connection.execute("DELETE FROM TimeEntries WHERE entry_id % 1000 = 0")
        connection.execute("UPDATE TimeEntries SET note = 'äöü ' || char(0x1F600) || char(10) WHERE entry_id % 97 = 1")


def _copy(database, copy):
    """Copy the database to a file that schemasync does not know."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _compare(before, after, found):
    with closing(sqlite3.connect(before)) as old, closing(sqlite3.connect(after)) as new:
        tables = content.tables_of(old)
        if set(content.tables_of(new)) != {*tables, *NEW_TABLES}:
            found.faults.append(f"tables: {content.tables_of(new)}")
        for table in tables:
            columns = content.columns_of(new, table)
            if columns != list(NEW_COLUMNS.get(table, content.columns_of(old, table))):
                found.faults.append(f"{table}: columns {columns}")
            rows = content.rows_of(new, table)
            found.rows[table] = content.compare(_expected(old, table), rows, table, found.faults)
            found.values += found.rows[table] * len(columns)
        for table in NEW_TABLES:
            rows = _trips(old) if table == "Trips" else ()
            found.rows[table] = content.compare(rows, content.rows_of(new, table), table, found.faults)


def _expected(old, table):
    """Return the rows that the new file must hold, computed from the old ones."""
    rows = content.rows_of(old, table)
    if table not in NEW_COLUMNS:
        return rows
    names = ["rowid", *content.columns_of(old, table)]
    return (_changed(dict(zip(names, row, strict=True)), table) for row in rows)


def _trips(old):
    """Yield the expected rows of the table that a SELECT fills."""
    names = ["rowid", *content.columns_of(old, "TimeEntries")]
    for row in content.rows_of(old, "TimeEntries"):
        entry = dict(zip(names, row, strict=True))
        if entry["activity"] == "travel":
            yield (entry["rowid"], entry["entry_id"], entry["user_id"], entry["work_date"], 0)


def _changed(row, table):
    made = {column: make(row) for column, make in NEW_VALUES[table].items()}
    return (row["rowid"], *[made[name] if name in made else row[name] for name in NEW_COLUMNS[table]])


def _integrity(database, found):
    """Check that indexes agree with their tables, and that no reference dangles."""
    with closing(sqlite3.connect(database)) as connection:
        for check in ("integrity_check", "foreign_key_check"):
            rows = connection.execute(f"PRAGMA {check}").fetchall()
            if rows not in ([("ok",)], []):
                found.faults.append(f"{check}: {rows[:5]}")
