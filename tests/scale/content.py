"""Compare all rows of two databases, read in step, so that a million rows need no memory."""

import sqlite3
from contextlib import closing
from itertools import zip_longest

from schemasync.engines.sqlite.objects import is_own

NOTHING = object()


def tables_of(connection):
    """Return the names of all ordinary tables, without those of schemasync, statistics and shadow tables."""
    query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name"
    names = [name for (name,) in connection.execute(query)]
    return [name for name in names if not is_own(name) and name not in ("sqlite_schema", "sqlite_stat1")]


def columns_of(connection, table):
    """Return the names of a table's columns in their order."""
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def rows_of(connection, table):
    """Return an iterator of (row id, *values) by row id, or for sqlite_sequence of (name, number) by name, without the
    counters of schemasync."""
    if table == "sqlite_sequence":  # their order in the file has no meaning
        return (row for row in connection.execute("SELECT * FROM sqlite_sequence ORDER BY name") if not is_own(row[0]))
    return connection.execute(f'SELECT rowid, * FROM "{table}" ORDER BY rowid')


def compare(expected, found, name, faults, limit=5):
    """Return the number of rows that are equal in values and their types. Add up to `limit` others to `faults`."""
    same, limit = 0, len(faults) + limit
    for one, other in zip_longest(expected, found, fillvalue=NOTHING):
        # types are compared, too, as 1, 1.0 and True are equal in Python
        if one == other and list(map(type, one)) == list(map(type, other)):
            same += 1
        elif len(faults) < limit:
            faults.append(f"{name}: expected {shown(one)}, found {shown(other)}")
    return same


def shown(row):
    return "no more rows" if row is NOTHING else repr(row)


def differences(before, after):
    """Return the differences of two files: of objects, or else of rows. The list is empty if they are equal."""
    with closing(sqlite3.connect(before)) as one, closing(sqlite3.connect(after)) as other:
        objects = [_objects(one), _objects(other)]
        if objects[0] != objects[1]:
            return [f"objects differ: {sorted(objects[0] ^ objects[1], key=str)}"]
        faults = []
        for table in tables_of(one):
            compare(rows_of(one, table), rows_of(other, table), table, faults)
        return faults


def _objects(connection):
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    return {row for row in rows if not is_own(row[1]) and not is_own(row[2]) and row[1] != "sqlite_stat1"}
