"""The copy of rows: which rows arrive, which values policies change, counters, and that a failed copy leaves
nothing."""

from __future__ import annotations

import datetime
import ipaddress
import uuid
from decimal import Decimal

import pytest

from schemasync.engines.postgres import copy
from schemasync.engines.postgres.moved import RowIds
from schemasync.engines.postgres.types import FieldKind
from schemasync.engines.sqlite.for_postgres.reading import Changes
from schemasync.errors import Code, Failed

from .moving import both

ALL = {
    "t": {
        "flag": FieldKind("BooleanField"),
        "price": FieldKind("DecimalField", max_digits=10, decimal_places=2),
        "day": FieldKind("DateField"),
        "clock": FieldKind("TimeField"),
        "at": FieldKind("DateTimeField"),
        "at_local": FieldKind("DateTimeField", use_tz=False),
        "took": FieldKind("DurationField"),
        "doc": FieldKind("JSONField"),
        "ref": FieldKind("UUIDField"),
        "host": FieldKind("GenericIPAddressField"),
    }
}
WIDE = """CREATE TABLE t (
    id INTEGER PRIMARY KEY AUTOINCREMENT, whole INTEGER, flag BOOL, price DECIMAL(10, 2), ratio REAL, note TEXT, code VARCHAR(5),
    login TEXT COLLATE NOCASE, data BLOB, day DATE, clock TIME, at DATETIME, at_local DATETIME, took BIGINT, doc TEXT, ref CHAR(32),
    host CHAR(39), twice INTEGER GENERATED ALWAYS AS (whole * 2), spare TEXT
);"""


def test_each_type_arrives_as_it_was(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.execute(
            "INSERT INTO t VALUES (7, -9223372036854775808, 1, 19.9, 0.1, 'é\t\\N\n', 'äöüßx', 'Me', x'00ff', '2026-11-29', '23:59:59.5',"
            " '2026-11-29 23:59:59.999999', '0001-01-01 00:00:00', -90061000001, '{\"b\": 1e16, \"a\": [1.50]}',"
            " '0123456789abcdef0123456789abcdef', '2001:db8::1', NULL)"
        )
        assert pair.copy() == 1
        (row,) = pair.target.execute("SELECT * FROM t").fetchall()
    assert row[:9] == (7, -(2**63), True, Decimal("19.90"), 0.1, "é\t\\N\n", "äöüßx", "Me", b"\x00\xff")
    assert row[9:13] == (
        datetime.date(2026, 11, 29),
        datetime.time(23, 59, 59, 500000),
        datetime.datetime(2026, 11, 29, 23, 59, 59, 999999, datetime.UTC),
        datetime.datetime(1, 1, 1),
    )
    assert row[13] == datetime.timedelta(microseconds=-90061000001)
    assert row[14:] == (
        {"a": [1.5], "b": 10**16},
        uuid.UUID("0123456789abcdef0123456789abcdef"),
        ipaddress.ip_address("2001:db8::1"),
        None,
    )


def test_durations_keep_each_microsecond(postgres_database):
    given = [0, 1, -1, 86_399_999_999, -86_400_000_000, 9_007_199_254_740_993, 2**63 - 1, 1 - 2**63]
    parts = ", ".join(f"extract({part} FROM took)::bigint" for part in ("day", "hour", "minute", "microseconds"))
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.executemany("INSERT INTO t (took) VALUES (?)", [(one,) for one in given])
        pair.copy()
        rows = pair.target.execute(f"SELECT {parts} FROM t ORDER BY id").fetchall()
    assert [((days * 24 + hours) * 60 + minutes) * 60_000_000 + rest for days, hours, minutes, rest in rows] == given


def test_what_a_policy_changes_is_sent_as_it_makes_it(postgres_database):
    changes = Changes()
    with both(postgres_database, WIDE, ALL, {"t": {"day": "null", "note": "clean", "flag": "text"}}) as pair:
        pair.source.executemany(
            "INSERT INTO t (day, note, flag, price) VALUES (?, ?, ?, ?)", [("0000-00-00", "a\0b", 2, 3.105)] * 20
        )
        pair.source.execute("INSERT INTO t (day, note, flag, price) VALUES ('2026-11-29', 'a', 1, 3.1)")
        assert pair.copy(changes=changes) == 21
        rows = pair.target.execute("SELECT day, note, flag, price FROM t ORDER BY id").fetchall()
    assert rows[0] == (None, "ab", "2", Decimal("3.10"))
    assert rows[-1] == (datetime.date(2026, 11, 29), "a", "1", Decimal("3.10"))
    assert changes.columns == {("t", column) for column in ("day", "note", "flag", "price")}


def test_a_value_that_does_not_fit_ends_the_copy_and_leaves_nothing(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.execute("INSERT INTO t (day) VALUES ('2026-11-29'), ('today')")
        with pytest.raises(
            Failed, match=r"t\.day: the value in the row 2 does not fit on PostgreSQL \(not-a-date\)"
        ) as raised:
            pair.copy()
        assert raised.value.code == Code.POSTGRES_VALUES
        assert pair.target.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_columns_of_which_a_scan_found_nothing_are_copied_as_they_are(postgres_database):
    with both(postgres_database, WIDE, ALL, {"t": {"note": "clean"}}) as pair:
        pair.source.execute("INSERT INTO t (note, day) VALUES ('a' || char(0), '2026-11-29')")
        pair.copy(judged={"note"})
        assert pair.target.execute("SELECT note, day FROM t").fetchone() == ("a", datetime.date(2026, 11, 29))


def test_a_part_is_the_rows_between_two_ids(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.executemany("INSERT INTO t (id) VALUES (?)", [(number,) for number in range(1, 11)])
        assert pair.copy(part=RowIds(1, 4)) == 4
        assert pair.copy(part=RowIds(5, 10)) == 6
        assert pair.target.execute("SELECT count(*), sum(id) FROM t").fetchone() == (10, 55)


@pytest.mark.parametrize(
    ("ddl", "expected"),
    [
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (5), (90); DELETE FROM t WHERE id = 90",
            91,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (5); UPDATE sqlite_sequence SET seq = 1",
            6,
        ),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (5); DELETE FROM t", 6),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (5), (90); DELETE FROM t WHERE id = 90", 6),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)", 1),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (-3)", 1),
        ('CREATE TABLE "T x" ("Id" INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO "T x" VALUES (7)', 8),
    ],
)
def test_the_next_id_is_past_the_highest_that_was_ever_given_out(postgres_database, ddl, expected):
    with both(postgres_database, ddl) as pair:
        (name,) = pair.tables
        pair.copy(name)
        assert pair.target.execute(f'INSERT INTO "{name}" DEFAULT VALUES RETURNING *').fetchone() == (expected,)


def test_the_planner_knows_how_full_a_table_is(postgres_database):
    with both(postgres_database, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)") as pair:
        pair.source.executemany("INSERT INTO t (a) VALUES (?)", [("x",)] * 500)
        seen = []
        pair.copy(progress=seen.append)
        assert pair.target.execute("SELECT reltuples FROM pg_class WHERE relname = 't'").fetchone() == (500,)
        assert seen == [500]


def test_a_server_that_ends_the_connection_in_the_middle_leaves_nothing(postgres_database, monkeypatch):
    monkeypatch.setattr(copy, "EVERY", 1000)

    def cut(rows):
        with postgres_database.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s)", (pair.target.info.backend_pid,))

    rows = [("x" * 1000,)] * 20_000
    ddl = "CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT)"
    with pytest.raises(Failed) as raised, both(postgres_database, ddl) as pair:
        pair.source.executemany("INSERT INTO t (note) VALUES (?)", rows)
        pair.copy(progress=cut)
    assert raised.value.code == Code.POSTGRES_LOST
    with postgres_database.connect() as other:
        assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)
