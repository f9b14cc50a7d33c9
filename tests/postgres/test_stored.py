"""Defaults and generated columns: the values that both engines store."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.ddl import make_ddl
from schemasync.engines.postgres.types import Date, FieldKind, Time, Timestamp, TimestampTz
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.validate import build
from schemasync.errors import Refused
from schemasync.schema.document import read
from tests.support.postgres import Server

from .test_expressions import plain

UUIDS, FLAGS = FieldKind("UUIDField"), FieldKind("BooleanField")
SAME: dict[str, tuple[str, Any]] = {
    "i1": ("INTEGER DEFAULT 5", None),
    "i2": ("INTEGER DEFAULT '7'", None),
    "i3": ("INTEGER DEFAULT -3", None),
    "i4": ("INTEGER DEFAULT TRUE", None),
    "i5": ("INTEGER DEFAULT 2.0", None),
    "i6": ("INTEGER DEFAULT (1 + 2 * 3)", None),
    "r1": ("REAL DEFAULT 1", None),
    "r2": ("REAL DEFAULT 0.1", None),
    "d1": ("DECIMAL(8, 2) DEFAULT 1.25", None),
    "d2": ("DECIMAL(8, 2) DEFAULT 0", None),
    "d3": ("DECIMAL(8, 2) DEFAULT '3'", None),
    "b1": ("BOOLEAN DEFAULT 1", None),
    "b2": ("BOOLEAN DEFAULT FALSE", None),
    "b3": ("bool DEFAULT '0'", FLAGS),
    "t1": ("TEXT DEFAULT ''", None),
    "t2": ("TEXT DEFAULT 'it''s \\n ü'", None),
    "t3": ("TEXT DEFAULT 12", None),
    "t4": ("TEXT DEFAULT ('a' || 1)", None),
    "t5": ("TEXT DEFAULT NULL", None),
    "n1": ("TEXT COLLATE NOCASE DEFAULT 'X'", None),
    "x1": ("BLOB DEFAULT x'00ff'", None),
    "y1": ("DATE DEFAULT '2024-02-29'", Date()),
    "y2": ("DATETIME DEFAULT '2024-02-29 23:59:59'", Timestamp()),
    "y3": ("DATETIME DEFAULT '2024-02-29 23:59:59.000001'", TimestampTz()),
    "y4": ("TIME DEFAULT '23:59:59'", Time()),
    "v1": ("bigint DEFAULT 1500000", FieldKind("DurationField")),
    "u1": ("char(32) DEFAULT '0123456789abcdef0123456789abcdef'", UUIDS),
}
NOW: dict[str, tuple[str, Any, str]] = {
    "a": ("TEXT DEFAULT CURRENT_TIMESTAMP", None, "%Y-%m-%d %H:%M:%S"),
    "b": ("TEXT DEFAULT (datetime('now'))", None, "%Y-%m-%d %H:%M:%S"),
    "c": ("DATETIME DEFAULT CURRENT_TIMESTAMP", Timestamp(), "%Y-%m-%d %H:%M:%S"),
    "d": ("DATETIME DEFAULT (datetime())", TimestampTz(), "%Y-%m-%d %H:%M:%S+00:00"),
    "e": ("DATE DEFAULT CURRENT_DATE", Date(), "%Y-%m-%d"),
    "f": ("DATE DEFAULT (date('now'))", Date(), "%Y-%m-%d"),
    "g": ("TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", None, "%Y-%m-%dT%H:%M:%S.%fZ"),
    "i": ("TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')", None, "%Y-%m-%d %H:%M:%S.%f"),
    "j": ("TEXT DEFAULT (strftime('day %d \"of\" %m \\ %Y', 'now'))", None, 'day %d "of" %m \\ %Y'),
    "h": ("TEXT DEFAULT (date('now'))", None, "%Y-%m-%d"),
}
GENERATED = {
    "g1": "INTEGER AS (i1 * 2)",
    "g2": "TEXT AS (lower(t1) || '-' || i1) STORED",
    "g3": "BOOLEAN AS (i1 > 3)",
    "g4": "INTEGER AS (i1 > 3)",
    "g5": "DECIMAL(12, 2) AS (d1 * i1)",
    "g6": "DECIMAL(12, 4) AS (CAST(d1 * d1 AS NUMERIC))",
    "g7": "REAL AS (r2 * 3)",
    "g8": "TEXT AS (strftime('%Y-%m', y1))",
    "g9": "INTEGER AS (CASE WHEN b1 THEN 1 ELSE 0 END)",
}


def inserted(server: Server, definitions: dict[str, str], kinds: dict[str, Any]) -> tuple[Any, Any]:
    """Return the row that an INSERT of a key alone creates, in SQLite and in PostgreSQL."""
    document = read(json.dumps({"t": {"id": "INTEGER PRIMARY KEY", **definitions}}).encode())
    fields = {name: kind for name, kind in kinds.items() if isinstance(kind, FieldKind)}
    shapes = {name: kind for name, kind in kinds.items() if kind is not None and name not in fields}
    columns = columns_of(document.schema, {"t": fields}, shapes={"t": shapes})
    script = make_ddl(document.schema, columns, document.on_postgres, Opener()).script
    with closing(Opener().memory()) as lite, server.database() as database, database.connect() as pg:
        build(lite, document.schema)
        pg.execute("SET TIME ZONE 'America/New_York'")
        pg.execute(script)
        for connection in (lite, pg):
            connection.execute("INSERT INTO t (id) VALUES (1)")
        pg.execute("SET TIME ZONE 'UTC'")
        names = ", ".join(definitions)
        return lite.execute(f"SELECT {names} FROM t").fetchone(), pg.execute(f"SELECT {names} FROM t").fetchone()


def test_a_default_is_the_value_that_sqlite_stores(postgres: Server) -> None:
    definitions = {name: definition for name, (definition, _) in SAME.items()} | GENERATED
    lite, pg = inserted(postgres, definitions, {name: kind for name, (_, kind) in SAME.items()})
    there = [str(plain(one)).removesuffix("+00:00") if isinstance(one, datetime) else plain(one) for one in pg]
    assert dict(zip(definitions, lite, strict=True)) == dict(zip(definitions, there, strict=True))


def test_a_default_that_is_now_is_computed_at_each_insert_in_utc(postgres: Server) -> None:
    """sqlglot writes `DATE('now')`, which PostgreSQL computes once, when the table is created."""
    definitions = {name: definition for name, (definition, _, _) in NOW.items()}
    lite, pg = inserted(postgres, definitions, {name: kind for name, (_, kind, _) in NOW.items()})
    for name, here, there in zip(definitions, lite, pg, strict=True):
        form = NOW[name][2]
        datetime.strptime(plain(there), form)
        sqlite_form = form.removesuffix("+00:00")
        age = datetime.strptime(plain(there), form).replace(tzinfo=UTC) - datetime.strptime(here, sqlite_form).replace(
            tzinfo=UTC
        )
        assert abs(age.total_seconds()) < 30, (name, here, there)


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        ("INTEGER DEFAULT ''", None),
        ("INTEGER DEFAULT 1.5", None),
        ("INTEGER DEFAULT '01'", None),
        ("BOOLEAN DEFAULT 2", None),
        ("BOOLEAN DEFAULT 't'", None),
        ("DECIMAL(8, 2) DEFAULT 1.255", None),
        ("DATE DEFAULT '2024-2-1'", Date()),
        ("DATE DEFAULT CURRENT_TIMESTAMP", Date()),
        ("DATETIME DEFAULT (datetime('now', 'localtime'))", Timestamp()),
        ('JSON DEFAULT \'{"a": 1, "a": 2}\'', None),
        ("JSON DEFAULT 'x'", None),
        ("TEXT DEFAULT (strftime('%s', 'now'))", None),
        ("TEXT DEFAULT (lower(hex(randomblob(16))))", None),
        ("REAL AS (r * 1.5 / 2) CHECK (round(c, 1) > 1)", None),
        ("DECIMAL(8, 1) AS (d * 1.25)", None),
        ("INTEGER AS (r + 1)", None),
        ("BOOLEAN AS (n + 1)", None),
    ],
)
def test_a_value_that_would_change_is_refused(definition: str, kind: Any) -> None:
    tree = {"t": {"c": definition, "r": "REAL", "d": "DECIMAL(8, 2)", "n": "INTEGER"}}
    document = read(json.dumps(tree).encode())
    columns = columns_of(document.schema, shapes={"t": {"c": kind}} if kind else {})
    with pytest.raises(Refused):
        make_ddl(document.schema, columns, document.on_postgres, Opener())
