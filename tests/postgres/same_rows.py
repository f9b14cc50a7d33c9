"""Compare the rows of two databases one by one, without any code of the product."""

from __future__ import annotations

import ipaddress
import json
import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db.backends.sqlite3._functions import register
from psycopg.types.string import TextLoader


def assert_same_rows(link, database):
    """Assert that both databases have the same rows, and return their number."""
    count = 0
    with closing(sqlite3.connect(link)) as here, database.connect() as there:
        there.adapters.register_loader("jsonb", TextLoader)  # the JSON value null differs from NULL
        register(here)  # a generated column may call functions that Django adds
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
        for (table,) in here.execute(query).fetchall():
            if table.startswith(("_schema", "sqlite_")):
                continue
            columns = [row[1] for row in here.execute(f'PRAGMA table_xinfo("{table}")')]  # generated columns, too
            listed = ", ".join(f'"{name}"' for name in columns)
            cursor = there.execute(f'SELECT {listed} FROM "{table}"'.encode())
            kinds = [column.type_display for column in cursor.description]
            theirs = sorted((list(map(plain, row, kinds)) for row in cursor.fetchall()), key=repr)
            ours = here.execute(f'SELECT {listed} FROM "{table}"').fetchall()
            ours = sorted((list(map(as_kind, row, kinds)) for row in ours), key=repr)
            assert ours == theirs, (table, [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]][:3])
            count += len(ours)
    return count


def plain(value, kind):
    """Return a value of PostgreSQL in the form that is compared."""
    match value:
        case datetime():
            moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return moment.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value // timedelta(microseconds=1)
        case uuid.UUID():
            return value.hex
        case ipaddress.IPv4Address() | ipaddress.IPv6Address():
            return str(value)
        case Decimal():
            return value.normalize()
        case str() if kind == "jsonb":
            return json.dumps(json.loads(value), sort_keys=True)
        case _:
            return value


def as_kind(value, kind):
    """Return a value of SQLite as the PostgreSQL type represents it, in the form that is compared."""
    if value is None:
        return None
    if kind == "bool":
        return bool(value)
    if kind.startswith("numeric"):
        scale = kind.partition(",")[2].strip(") ")
        exact = Decimal(repr(value))
        return (exact.quantize(Decimal(1).scaleb(-int(scale))) if scale else exact).normalize()
    if kind == "jsonb":
        return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)
    if kind == "text" and isinstance(value, int | float):
        return repr(value)  # as one of the policies does
    return float(value) if kind == "float8" else value
