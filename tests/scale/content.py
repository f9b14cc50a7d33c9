"""All rows of two databases side by side, read in step, so that a million of them need no memory."""

import sqlite3
from contextlib import closing
from itertools import zip_longest

from schemasync.engines.sqlite.objects import is_own

NOTHING = object()


def tables_of(connection):
    """Every table but the product's own, SQLite's statistics and what virtual tables keep for themselves."""
    query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name"
    names = [name for (name,) in connection.execute(query)]
    return [name for name in names if not is_own(name) and name not in ("sqlite_schema", "sqlite_stat1")]


def columns_of(connection, table):
    """The names of a table's columns in their order."""
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def rows_of(connection, table):
    """Yield (row id, *values) in order of row id; of SQLite's own counters (name, number) of those not the product's."""
    if table == "sqlite_sequence":  # in which order a file has them means nothing
        return (row for row in connection.execute("SELECT * FROM sqlite_sequence ORDER BY name") if not is_own(row[0]))
    return connection.execute(f'SELECT rowid, * FROM "{table}" ORDER BY rowid')


def compare(expected, found, name, faults, limit=5):
    """Count the rows that are the same in value and in type of value; note those that are not."""
    same = 0
    for one, other in zip_longest(expected, found, fillvalue=NOTHING):
        # 1, 1.0 and True are equal to Python; text and bytes are not
        if one == other and list(map(type, one)) == list(map(type, other)):
            same += 1
        elif len(faults) < limit:
            faults.append(f"{name}: expected {shown(one)}, found {shown(other)}")
    return same


def shown(row):
    return "no more rows" if row is NOTHING else repr(row)


def differences(before, after):
    """What is not the same in two files: objects, then rows. Empty where one is the other again."""
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
