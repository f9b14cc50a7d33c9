"""One scan of a table finds all values that PostgreSQL would refuse or change, with the policies that help."""

from __future__ import annotations

import json
import sqlite3

import pytest

from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.judge import Fault
from schemasync.engines.postgres.moved import moved_tables
from schemasync.engines.postgres.types import Bigint, Bytea, Date, FieldKind, Text, Time, Timestamp
from schemasync.engines.sqlite.for_postgres.misfits import listed
from schemasync.engines.sqlite.for_postgres.scan import scan
from schemasync.engines.sqlite.for_postgres.shapes import shapes
from schemasync.engines.sqlite.inspect import inspect
from schemasync.schema.on_postgres import OnMove

KINDS = {
    "small": FieldKind("IntegerField"),
    "flag": FieldKind("BooleanField"),
    "price": FieldKind("DecimalField", max_digits=10, decimal_places=2),
    "large": FieldKind("DecimalField", max_digits=20, decimal_places=2),
    "day": FieldKind("DateField"),
    "at": FieldKind("DateTimeField"),
    "code": FieldKind("CharField", max_length=3),
    "doc": FieldKind("JSONField"),
    "ref": FieldKind("UUIDField"),
}
DDL = """
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE t (
    id INTEGER PRIMARY KEY, whole INTEGER, small INTEGER, flag BOOL, price DECIMAL(10, 2), large DECIMAL(20, 2), ratio REAL,
    day DATE, at DATETIME, code VARCHAR(3), note TEXT, doc TEXT, ref CHAR(32), data BLOB, login TEXT COLLATE NOCASE UNIQUE,
    parent INTEGER REFERENCES parent (id)
);
"""


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(DDL)
    return connection


def scanned(connection, name="t", on_move=None, fields=KINDS):
    schema = inspect(connection).schema
    moves = {name: {column: OnMove(policy) for column, policy in (on_move or {}).items()}}
    tables = moved_tables(schema, columns_of(schema, {name: fields}), moves)
    (table,) = [one for one in tables if one.name == name]
    return scan(connection, table)


def test_one_scan_finds_each_kind_of_fault(database):
    faults = {
        "whole": [("'x'", Fault.NOT_A_NUMBER), ("''", Fault.EMPTY), ("2.5", Fault.NOT_WHOLE), ("9.3e18", Fault.OUT_OF_RANGE)],
        "small": [("3000000000", Fault.OUT_OF_RANGE)],
        "flag": [("2", Fault.NOT_BOOLEAN), ("''", Fault.EMPTY)],
        "price": [("3.105", Fault.ROUNDS), ("1e9", Fault.TOO_MANY_DIGITS), ("9e999", Fault.INFINITE), ("''", Fault.EMPTY)],
        "large": [("345678901234567.8", Fault.DIGITS_LOST)],
        "ratio": [("'x'", Fault.NOT_A_NUMBER)],
        "day": [("'0000-00-00'", Fault.NOT_A_DATE), ("'2026-02-30'", Fault.NOT_A_DATE), ("''", Fault.EMPTY)],
        "at": [("'2026-11-29 23:59:59.9999999'", Fault.NOT_A_DATE), ("'now'", Fault.NOT_A_DATE)],
        "code": [("'abcd'", Fault.TOO_LONG)],
        "note": [("'a' || char(0)", Fault.NUL_BYTE), ("CAST(x'ff' AS TEXT)", Fault.INVALID_UTF8), ("x'00'", Fault.NOT_TEXT)],
        "doc": [("'[1,'", Fault.NOT_JSON), ("'\"\\u0000\"'", Fault.JSON_NUL), ("'{\"a\":1,\"a\":2}'", Fault.JSON_REPEATED_KEYS)],
        "ref": [("'ABC'", Fault.NOT_A_UUID)],
        "data": [("'text'", Fault.NOT_BYTES)],
        "parent": [("77", Fault.DANGLING)],
    }  # fmt: skip
    expected = {}
    for column, several in faults.items():
        for sql, fault in several:
            key = database.execute(f"INSERT INTO t ({column}) VALUES ({sql})").lastrowid
            keys = expected.setdefault((column, fault), [])
            keys.append(str(key))
    for name in ("Ä", "ä", "b"):
        database.execute("INSERT INTO t (login) VALUES (?)", (name,))
    found = {(one.columns[0], one.fault): one for one in scanned(database)}
    clash = found.pop(("login", Fault.UNIQUE_CLASH))
    assert (clash.count, clash.refused) == (2, 2)
    assert {place: list(one.keys) for place, one in found.items()} == expected
    assert {place for place, one in found.items() if not one.stops} == {
        ("price", Fault.ROUNDS),
        ("large", Fault.DIGITS_LOST),
    }
    assert json.loads(json.dumps([one.as_json() for one in found.values()]))


def test_values_that_fit_give_no_finding(database):
    database.execute("INSERT INTO parent VALUES (1)")
    database.execute(
        "INSERT INTO t VALUES (1, -5, 5, 1, 19.99, 5, 0.1, '2026-11-29', '2026-11-29 12:00:00.5', 'äöü', 'é\n', '{\"a\": [1]}',"
        " '0123456789abcdef0123456789abcdef', x'00', 'x', 1)"
    )
    database.execute("INSERT INTO t DEFAULT VALUES")
    assert scanned(database) == ()


def test_each_finding_has_the_policies_that_help_and_the_one_that_acts(database):
    database.executescript("""
        INSERT INTO t (id, flag, day, note, code) VALUES (1, 2, '2026-11-29 00:00:00', 'a' || char(0), 'abcd'), (2, 'perhaps', 'x', NULL, NULL);
        INSERT INTO t (id, price) VALUES (3, 3.105);
    """)
    found = {one.columns[0]: one for one in scanned(database, on_move={"flag": "null", "note": "clean"})}
    assert found["flag"].policies == (OnMove.NULL, OnMove.TEXT)  # 'perhaps' is neither true nor false
    assert (found["flag"].policy, found["flag"].refused, found["flag"].count) == (OnMove.NULL, 0, 2)
    assert (found["note"].policies, found["note"].stops) == ((OnMove.NULL, OnMove.CLEAN), False)
    assert (found["day"].policy, found["day"].refused) == (None, 2)
    assert found["code"].policies == (OnMove.NULL, OnMove.TEXT)
    assert (found["price"].policies, found["price"].policy) == ((OnMove.AS_SHOWN, OnMove.AS_STORED), OnMove.AS_SHOWN)
    as_text = scanned(database, on_move={"flag": "text", "day": "text", "code": "text", "note": "null"})
    assert [one.columns[0] for one in as_text if one.stops] == []


def test_a_policy_that_does_not_help_with_all_values_still_stops(database):
    database.execute("INSERT INTO t (flag) VALUES (2), ('perhaps')")
    (found,) = scanned(database, on_move={"flag": "clean"})
    assert (found.count, found.refused, found.policy) == (2, 1, None)


def test_rows_that_clash_only_once_a_policy_has_changed_them_are_found(database):
    database.executescript(
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT UNIQUE); INSERT INTO u (v) VALUES ('a'), ('a' || char(0))"
    )
    found = scanned(database, "u", {"v": "clean"}, {})
    assert [(one.fault, one.count, one.keys) for one in found] == [
        (Fault.NUL_BYTE, 1, ("2",)),
        (Fault.UNIQUE_CLASH, 2, ("1 and 2",)),
    ]


def test_null_in_a_primary_key_which_sqlite_allows_is_found(database):
    database.executescript("CREATE TABLE k (a TEXT PRIMARY KEY, b TEXT); INSERT INTO k VALUES (NULL, 'x')")
    (found,) = scanned(database, "k", {}, {})
    assert (found.fault, found.keys, found.policies, found.stops) == (Fault.NULL, ("NULL",), (), True)


def test_a_database_in_utf_16_is_scanned_too():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        "PRAGMA encoding='UTF-16le'; CREATE TABLE t (note TEXT); INSERT INTO t VALUES ('é日'), ('a' || char(0))"
    )
    assert [(one.fault, one.count) for one in scanned(connection, fields={})] == [(Fault.NUL_BYTE, 1)]


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ("DATE", ["2026-11-29", None], Date()),
        ("DATETIME", ["2026-11-29 12:00:00", "2026-11-29 12:00:00.123456"], Timestamp()),
        ("DATETIME", ["2026-11-29", "2026-11-30"], Date()),  # as in Northwind
        ("DATETIME", ["2026-11-29", "2026-11-29 12:00:00"], None),
        ("DATETIME", [1764400000], None),
        ("TIME", ["12:00:00"], Time()),
        ("DATETIME", [None], None),
        ("", [1, 2], Bigint()),
        ("", [b"a"], Bytea()),
        ("", [1, "a"], None),
        ("JSON", ['{"a": 1}', "[1]"], None),
        ("JSON", ["no json"], Text()),
        ("TEXT", ["2026-11-29"], None),
    ],
)
def test_the_form_of_the_values_decides_where_nothing_else_does(declared, values, expected):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(f"CREATE TABLE T (V {declared})")
    connection.executemany("INSERT INTO T VALUES (?)", [(value,) for value in values])
    schema = inspect(connection).schema
    found = shapes(connection, schema, columns_of(schema), {})
    assert found == ({"t": {"v": expected}} if expected else {})
    assert shapes(connection, schema, columns_of(schema), {"t": ["v"]}) == {}
    if expected:
        assert columns_of(schema, shapes=found)["T"][0].type == expected


@pytest.mark.parametrize(("encoding", "half"), [("UTF-8", "ff"), ("UTF-16le", "00d8"), ("UTF-16be", "d800")])
def test_a_value_that_json_does_not_have_is_listed_as_sql_that_makes_it(encoding, half):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT, flag BOOL)"
    )
    connection.execute(f"INSERT INTO t VALUES (1, CAST(x'{half}' AS TEXT), 9e999), (2, 'fits', 1)")
    schema = inspect(connection).schema
    moves = {"t": {"note": OnMove("clean"), "flag": OnMove("null")}}
    (table,) = moved_tables(schema, columns_of(schema, {}), moves)
    found = [json.loads(line) for _, line in listed(connection, table)]
    assert [(one["column"], one["new"]) for one in found] == [("note", "\ufffd"), ("flag", None)]
    for one in found:
        (is_same,) = connection.execute(f"SELECT {one['column']} IS {one['old']['sql']} FROM t WHERE id = 1").fetchone()
        assert is_same
