"""Rows for any database that Django made: some hundreds a table, of every kind of value, with valid references."""

from __future__ import annotations

import re
import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.backends.sqlite3._functions import register

from tests.scale.content import tables_of

ROWS = 300
LEFT = {"django_migrations", "sqlite_sequence"}  # Django itself reads the one, and SQLite writes the other
STRIDES = (1, 7, 11, 13, 17, 19, 23, 29)  # so that two references of one row rise at different rates
BEGIN = datetime(2025, 6, 30, 12)


@dataclass(frozen=True)
class Column:
    """A column. `parent`: the table and column that it refers to."""

    name: str
    type: str
    needed: bool
    is_json: bool
    parent: tuple[str, str] | None


def fill(path, rows=ROWS):
    """Fill all tables, and return the number of rows of each. Raise AssertionError if a reference is broken."""
    with closing(sqlite3.connect(path)) as connection:
        register(connection)  # a CHECK may call a function of Django
        connection.execute("PRAGMA foreign_keys = ON")
        names = [name for name in tables_of(connection) if name not in LEFT]
        waiting = {name: _columns(connection, name) for name in names}
        while waiting:
            name = _next(connection, waiting)
            with connection:
                _fill(connection, name, waiting.pop(name), rows)
        _check(connection)
        return {name: count(connection, name) for name in names}


def _check(connection):
    for check in ("integrity_check", "foreign_key_check"):
        found = connection.execute(f"PRAGMA {check}").fetchall()
        assert found in ([("ok",)], []), f"{check}: {found[:5]}"


def _next(connection, waiting):
    """Return the next table to fill: one without empty required parents if possible, and then with the fewest waiting
    parents."""

    def open_parents(name):
        return [c for c in waiting[name] if c.parent is not None and c.parent[0] in waiting and c.parent[0] != name]

    def is_hindered(name):
        return any(c.needed and not count(connection, c.parent[0]) for c in open_parents(name))

    return min(waiting, key=lambda name: (is_hindered(name), len(open_parents(name)), name))


def _fill(connection, table, columns, rows):
    """Insert rows into a table, and leave out rows that violate its constraints."""
    columns = [column for column in columns if column.type != "rowid"]
    if not columns:
        return
    names = ", ".join(f'"{column.name}"' for column in columns)
    marks = ", ".join("?" for _ in columns)
    insert = f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({marks})'
    parents = {column.name: _keys(connection, column.parent) for column in columns if column.parent}
    for number in range(rows):
        row = [_value(column, number, place, parents) for place, column in enumerate(columns)]
        if all(value is not None or not column.needed for value, column in zip(row, columns, strict=True)):
            connection.execute(insert, row)


def _value(column, number, place, parents):
    if not column.needed and (number + place) % 4 == 0:
        return None
    if column.parent is not None:
        keys = parents[column.name]
        return keys[number * STRIDES[place % len(STRIDES)] % len(keys)] if keys else None
    return '{"n": [%d, null, "ä"]}' % number if column.is_json else _of_type(column, number)


def _of_type(column, number):
    kind, moment = column.type, BEGIN + timedelta(hours=number, microseconds=number % 3)
    if kind.startswith("bool"):
        return number % 2
    if "int" in kind:
        return number + 1
    if kind.startswith(("decimal", "real")):
        return (number + 1) / 4  # whole numbers among them, which SQLite keeps as integers
    if kind.startswith("datetime"):
        return str(moment)
    if kind.startswith(("date", "time")):
        return str(moment.date() if kind.startswith("date") else moment.time())
    if kind.startswith("char("):
        return uuid.UUID(int=number).hex
    return f"{column.name} {number}".encode() if kind.startswith("blob") else _text(column, number)


def _text(column, number):
    """Return a text that begins with its number, as the column may be unique, cut to the column's length."""
    length = re.search(r"\((\d+)\)", column.type)
    return f"{number:x} {column.name} äö\N{GRINNING FACE}\n'"[: int(length[1]) if length else None]


def _columns(connection, table):
    (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", [table]).fetchone()
    parents = {key[3]: (key[2], key[4] or "rowid") for key in connection.execute(f'PRAGMA foreign_key_list("{table}")')}
    found = []
    for _, name, kind, needed, _, key, hidden in connection.execute(f'PRAGMA table_xinfo("{table}")'):
        parent, kind = parents.get(name), kind.lower()
        if hidden:  # computed
            continue
        if key and kind == "integer" and parent is None:
            kind = "rowid"
        found.append(Column(name, kind, bool(needed or key), f'JSON_VALID("{name}")' in sql, parent))
    return found


def _keys(connection, parent):
    table, column = parent
    return [key for (key,) in connection.execute(f'SELECT "{column}" FROM "{table}" LIMIT {ROWS}')]


def count(connection, table):
    (count,) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()
    return count
