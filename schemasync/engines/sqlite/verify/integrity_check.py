"""Runs SQLite's own checks of a whole file, which read every page."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from ....errors import Code, Failed
from ....schema.names import quote
from ....schema.text import count
from ..connection import Connection
from ..inspect import references_of
from ..name_errors import is_unknown_name
from ..unknown_names import run_with_stand_ins
from .broken_checks import broken_checks

SAMPLES = 5  # messages that are shown
MOST = 100_000  # messages: SQLite stops after 100, and those may all be false ones
NO_NULL = "NULL value in "
# A value that its column does not take, or would convert today, and a row that its table does not allow: no damage.
OF_VALUES = (NO_NULL, "TEXT value in ", "NUMERIC value in ")
OF_ROWS = (*OF_VALUES, "CHECK constraint failed")
OF_ORDER = ("row not in PRIMARY KEY order",)  # of which a stand-in for a collation knows nothing
NOT_CHECKED = ": not checked: "  # rows of a table that uses a name which is unknown to this process


def faults(connection: Connection) -> list[str]:
    """The problems that integrity_check and foreign_key_check find; empty for a whole file."""
    found = list(integrity(connection))
    for table, rows in dangling_rows(connection):
        found.append(f"{table}: {count(rows, 'row refers', 'rows refer')} to missing rows")
    return found


def quick(connection: Connection) -> tuple[str, ...]:
    """The messages of quick_check, each once, which reads every page, and no index against its table.
    https://www.sqlite.org/pragma.html#pragma_quick_check"""
    return tuple(dict.fromkeys((*_quick(connection), *broken_checks(connection))))


def _quick(connection: Connection) -> tuple[str, ...]:
    return tuple(line for line in _checked(connection, "main", "quick_check") if line != "ok")


def damage(connection: Connection) -> tuple[str, ...]:
    """The messages of quick_check about pages, without those about values and rows."""
    return _of_pages(_quick(connection))


def damage_by_table(connection: Connection) -> tuple[str, ...]:
    """The same, table by table: without WAL a writer waits while a page is read. Free pages are not checked."""
    names = [
        name
        for (name,) in connection.execute("SELECT name FROM main.sqlite_schema WHERE rootpage > 0 AND type = 'table'")
    ]
    return _of_pages(
        line for name in names for line in of_table(connection, "main", name, "quick_check") if line != "ok"
    )


def damage_of_table(connection: Connection, schema: str, table: str) -> tuple[str, ...]:
    """Return the messages of integrity_check about the pages and indexes of one table, without those about values and
    rows; SQLite's error if it cannot read the table."""
    try:
        return _of_pages(line for line in of_table(connection, schema, table) if line != "ok")
    except sqlite3.DatabaseError as error:
        return (f"{table}: {error}",)


def whole_damage(connection: Connection) -> tuple[str, ...]:
    """The messages of integrity_check about pages, and about indexes and their tables."""
    return _of_pages(integrity(connection))


def _of_pages(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if not line.startswith(OF_ROWS) and NOT_CHECKED not in line)


def integrity(connection: Connection, schema: str = "main") -> tuple[str, ...]:
    """The messages of integrity_check, each once. https://www.sqlite.org/pragma.html#pragma_integrity_check

    SQLite 3.40.1 reports a NULL in each row of a healthy `CREATE TABLE t (p TEXT NOT NULL, k TEXT PRIMARY KEY) WITHOUT
    ROWID`: such a message counts only if the table holds a NULL.
    """
    found: dict[str, None] = {}
    for line in _checked(connection, schema, "integrity_check"):
        found[line] = None
    found.pop("ok", None)
    found |= dict.fromkeys(broken_checks(connection, schema))
    if any(line.startswith(NO_NULL) for line in found):
        for line in _false_nulls(connection, schema):
            found.pop(line, None)
    return tuple(found)


def _checked(connection: Connection, schema: str, pragma: str) -> list[str]:
    """The messages of one of SQLite's two checks; table by table if one of them uses a name that this process does not
    know."""
    try:
        return _lines(connection.execute(f"PRAGMA {schema}.{pragma}({MOST})"))
    except sqlite3.OperationalError as error:
        if not is_unknown_name(str(error)):
            raise
    tables = "SELECT name FROM pragma_table_list WHERE schema = ? AND type = 'table'"
    names = connection.execute(tables, (schema,)).fetchall()
    return [line for (name,) in names for line in of_table(connection, schema, name, pragma)]


def _lines(rows: Iterable[tuple[str]]) -> list[str]:
    """One message each: SQLite has all about the pages of a database in one row, below a line with its name."""
    return [line for (row,) in rows for line in str(row).splitlines() if not line.startswith("*** in database ")]


def of_table(connection: Connection, schema: str, table: str, pragma: str = "integrity_check") -> list[str]:
    """The messages of a check about one table and its indexes; about its pages alone if it uses an unknown name."""
    try:
        return _lines(connection.execute(f"PRAGMA {schema}.{pragma}({quote(table)})"))
    except sqlite3.OperationalError as error:
        if not is_unknown_name(str(error)):
            raise
        rows = run_with_stand_ins(connection, f"PRAGMA {schema}.quick_check({quote(table)})")
        pages = [line for line in _lines(rows) if not line.startswith((*OF_ROWS, *OF_ORDER))]
        return [*pages, f"{table}{NOT_CHECKED}{error}"]


def _false_nulls(connection: Connection, schema: str) -> list[str]:
    """The messages that integrity_check may have about columns without a NULL."""
    columns = connection.execute(
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name, t.schema) AS c"
        " WHERE t.schema = ? AND t.type = 'table' AND c.\"notnull\"",
        (schema,),
    ).fetchall()
    return [
        f"{NO_NULL}{table}.{column}"
        for table, column in columns
        # by typeof: SQLite evaluates `IS NULL` of such a column to false without reading it
        if not connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM {schema}.{quote(table)} WHERE typeof({quote(column)}) = 'null')"
        ).fetchone()[0]
    ]


def dangling_rows(connection: Connection) -> list[tuple[str, int]]:
    """(table, rows that refer to missing rows), for tables in which foreign_key_check finds any."""
    found = [(table, violations(connection, "main", table)) for table in references_of(connection)]
    return [(table, rows) for table, rows in found if rows]


def violations(connection: Connection, schema: str, table: str) -> int:
    """How many rows foreign_key_check finds in a table. SQLite counts them: there may be millions."""
    try:
        query = "SELECT count(*) FROM pragma_foreign_key_check(?, ?)"
        return int(connection.execute(query, (table, schema)).fetchone()[0])
    except sqlite3.OperationalError as error:
        if "mismatch" in str(error):
            return 0  # a reference to columns that are not unique, which never holds
        raise


def compare_integrity(connection: Connection) -> tuple[str, ...]:
    """integrity_check of both files. Raises Failed with messages about the new one that do not apply to the old one.

    Returns a note on messages about the old one: its owner has to fix these.
    """
    new, old = integrity(connection, "main"), integrity(connection, "old")
    if added := [line for line in new if line not in set(old) and NOT_CHECKED not in line]:
        raise Failed.of(Code.VERIFY_DIFFERS, f"integrity_check of the new file: {listed(added)}", "Please report it.")
    notes = []
    if new:
        notes.append(f"integrity_check of the old file and of the new one: {listed(new)}")
    if fixed := [line for line in old if line not in set(new)]:
        notes.append(f"integrity_check of the old file, and not of the new one: {listed(fixed)}")
    return tuple(notes)


def listed(lines: Sequence[str]) -> str:
    """The first messages, and the number of others."""
    more = f"; and {len(lines) - SAMPLES} more" if len(lines) > SAMPLES else ""
    return "; ".join(lines[:SAMPLES]) + more
