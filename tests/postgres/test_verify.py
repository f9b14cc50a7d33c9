"""The verification: rows are equal if their values mean the same, and one planted change of each type is found and
named by key."""

from __future__ import annotations

import math
import random
import struct

import pytest

from schemasync.engines.postgres.types import FieldKind
from schemasync.engines.postgres.verify import pieces
from schemasync.engines.postgres.verify.result import Difference, DifferingRow
from schemasync.engines.postgres.verify.tables import compare_keys, compare_table
from schemasync.errors import Failed

from .moving import both
from .test_copy import ALL, WIDE

COMPOSITE = WIDE.replace("id INTEGER PRIMARY KEY AUTOINCREMENT", "id INTEGER, part TEXT").replace(
    "spare TEXT", "spare TEXT, PRIMARY KEY (id, part)"
)
KEYLESS = WIDE.replace("id INTEGER PRIMARY KEY AUTOINCREMENT", "id INTEGER")
NOCASE = WIDE.replace("id INTEGER PRIMARY KEY AUTOINCREMENT", "id INTEGER").replace(
    "login TEXT COLLATE NOCASE", "login TEXT COLLATE NOCASE PRIMARY KEY"
)
KEYS = pytest.mark.parametrize("ddl", [WIDE, COMPOSITE, KEYLESS, NOCASE], ids=["rowid", "composite", "none", "nocase"])

VALUES = {
    "whole": [0, -1, 2**63 - 1, -(2**63), None],
    "flag": [0, 1, None],
    "price": [0, 5, 19.9, -0.01, 99999999.99, 3.105, 1.005, -0.001, 12345678, None],
    "ratio": [0.0, -0.0, 0.1, 1e16, 7.09e21, 5e-324, math.inf, -math.inf, 9007199254740993.0, 0.1 + 0.2, None],
    "note": ["", "a", "a\x1fb", "a\x1eb", "\\N", "\\.", "é", "e\u0301", "日本\n\t\r", "NULL", "~", " a ", "1", None],
    "code": ["", "abc", "äöüßx", None],
    "login": ["", "Me", "me2", "É", None],
    "data": [b"", b"\x00", b"\x00\xff", b"\\x00", b"abc", None],
    "day": ["2026-11-29", "0001-01-01", "9999-12-31", None],
    "clock": ["00:00:00", "23:59:59.999999", "12:00:00.5", "12:00:00.500", "10:20:30.000000", None],
    "at": ["2026-11-29 00:00:00", "2026-11-29 00:00:00.1", "2026-11-29 00:00:00.100000", "2026-10-25 02:30:00", None],
    "at_local": ["2026-03-29 02:30:00", "9999-12-31 23:59:59.999999", "0001-01-01 00:00:00.000000", None],
    "took": [0, 1, -1, 129_600_000_000, 86_399_999_999, 9_007_199_254_740_993, -(2**53) - 1, None],
    "doc": ["{}", '{"b": 1, "a": 2}', '{"a":1e16}', "[1.50, -0.0, 0.10, 1E2, 1E400]", '["\\u00e9", "\\ud83d\\ude00", "\\u0001/"]', "[]", "null",
            "true", "1", '"1"', ' {"aa": 1, "b": {"z": [], "y": {}}} ', "12345678901234567890123", "0.12345678901234567890123456789012345", None],
    "ref": ["0123456789abcdef0123456789abcdef", "f" * 32, None],
    "host": ["1.2.3.4", "::1", "2001:db8::1", None],
}  # fmt: skip


def fill(pair, rows=60):
    """Insert rows with all values; each column uses them in another order, so that few combinations repeat."""
    chosen = random.Random(1)
    names = [column.name for column in pair.tables["t"].copied if column.name in VALUES]
    extra = [column.name for column in pair.tables["t"].copied if column.name in ("id", "part")]
    for number in range(rows):
        values = [VALUES[name][(number + chosen.randrange(3)) % len(VALUES[name])] for name in names]
        if "login" in [column.name for column in pair.tables["t"].key]:
            values[names.index("login")] = f"User {number} É"
        given = (
            dict(zip(names, values, strict=True))
            | dict.fromkeys(extra, number)
            | ({"part": f"p{number}"} if "part" in extra else {})
        )
        marks = ", ".join("?" * len(given))
        pair.source.execute(f"INSERT INTO t ({', '.join(given)}) VALUES ({marks})", list(given.values()))


def proof(pair, **options):
    return compare_table(pair.source, pair.target, pair.tables["t"], **options)


@KEYS
def test_equal_rows_are_equal_whatever_form_their_values_have(postgres_database, ddl, monkeypatch):
    seen = []
    monkeypatch.setattr(pieces, "MOST", 16)  # makes several pieces
    with both(postgres_database, ddl, ALL) as pair:
        fill(pair)
        pair.copy()
        found = proof(pair, progress=seen.append)
    assert (found.is_equal, found.rows, found.samples) == (True, 60, [])
    assert seen[-1] == 60


CHANGES = {
    "whole": "9",
    "flag": "NOT flag",
    "price": "price + 0.01",
    "ratio": "ratio * (1 + 1e-15::float8)",
    "note": "note || ' '",
    "code": "upper(code)",
    "login": "upper(login::text)",
    "data": "data || '\\x00'::bytea",
    "day": "day + 1",
    "clock": "clock + interval '1 microsecond'",
    "at": "at + interval '1 microsecond'",
    "at_local": "at_local - interval '1 microsecond'",
    "took": "took + interval '1 microsecond'",
    "doc": "doc || '{\"new\": null}'::jsonb",
    "ref": "'0123456789abcdef0123456789abcdee'",
    "host": "host + 1",
}
FULL = {
    name: next(value for value in values if value not in (None, 0, 0.0, b"", "")) for name, values in VALUES.items()
}
FULL |= {"doc": '{"b": 1, "a": [1.5]}', "login": "Mine"}


def one_row(pair, number=30):
    names = [column.name for column in pair.tables["t"].copied]
    given = {name: FULL[name] for name in names if name in FULL}
    given |= {"id": number} | ({"part": "p"} if "part" in names else {})
    pair.source.execute(
        f"INSERT INTO t ({', '.join(given)}) VALUES ({', '.join('?' * len(given))})", list(given.values())
    )


@KEYS
def test_one_changed_value_of_each_type_is_found_and_named(postgres_database, ddl):
    with both(postgres_database, ddl, ALL) as pair:
        one_row(pair)
        pair.copy()
        table = pair.tables["t"]
        keys = {column.name for column in table.key}
        for column, change in CHANGES.items():
            if column in keys:
                continue
            before = pair.target.execute(f"SELECT {column} FROM t").fetchone()[0]
            pair.target.execute(f"UPDATE t SET {column} = {change}")
            found = proof(pair)
            pair.target.execute("TRUNCATE t")
            pair.copy()
            kinds = [row.difference for row in found.samples]
            assert kinds == ([Difference.CHANGED] if keys else [Difference.MISSING, Difference.EXTRA]), (column, before)
            assert not keys or found.samples[0].columns == (column,)
            assert proof(pair).is_equal, column


def test_null_is_neither_empty_nor_zero_nor_gone(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        for number, column in enumerate(sorted(FULL)):
            pair.source.execute("DELETE FROM t")
            one_row(pair, number)
            pair.target.execute("TRUNCATE t")
            pair.copy()
            pair.target.execute(f"UPDATE t SET {column} = NULL")
            assert proof(pair).samples == [DifferingRow(str(number), Difference.CHANGED, (column,))]


def test_two_rows_that_changed_places_are_found(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.executescript("INSERT INTO t (note, whole) VALUES ('a', 1), ('b', 2), (NULL, 3), ('', 4)")
        pair.copy()
        pair.target.execute("UPDATE t SET note = CASE note WHEN 'a' THEN 'b' WHEN 'b' THEN 'a' ELSE note END")
        assert [row.key for row in proof(pair).samples] == ["1", "2"]
        pair.target.execute("UPDATE t SET note = (ARRAY['a', 'b', '', NULL])[id]")
        assert [row.key for row in proof(pair).samples] == ["3", "4"]


def test_text_that_moved_from_one_row_to_the_next_is_found(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.executescript("INSERT INTO t (note, data) VALUES ('ab', x'0102'), ('c', x'03')")
        pair.copy()
        pair.target.execute("UPDATE t SET note = CASE id WHEN 1 THEN 'a' ELSE 'bc' END")
        assert proof(pair).differing == 2
        pair.target.execute(
            "UPDATE t SET note = CASE id WHEN 1 THEN 'ab' ELSE 'c' END, data = CASE id WHEN 1 THEN '\\x01'::bytea ELSE '\\x0203' END"
        )
        assert proof(pair).differing == 2


@KEYS
def test_missing_and_extra_rows_are_found_before_within_and_after_the_others(postgres_database, ddl):
    with both(postgres_database, ddl, ALL) as pair:
        fill(pair, 40)
        pair.copy()
        pair.target.execute("DELETE FROM t WHERE id = 20")
        column = "login" if ddl is NOCASE else "part" if ddl is COMPOSITE else None
        for number in (-5, 1000):
            more = {"id": number} | ({column: f"'x{number}'"} if column else {})
            pair.target.execute(f"INSERT INTO t ({', '.join(more)}) VALUES ({', '.join(map(str, more.values()))})")
        found = proof(pair)
    assert (found.rows, found.differing) == (40, 3)
    kinds = sorted(row.difference for row in found.samples)
    assert kinds == [Difference.EXTRA, Difference.EXTRA, Difference.MISSING]
    assert found.samples[0].as_json()["difference"] in ("missing", "extra")


def test_a_row_that_is_there_twice_differs_from_one_that_is_there_once(postgres_database):
    with both(postgres_database, KEYLESS, ALL) as pair:
        pair.source.executescript("INSERT INTO t (note) VALUES ('a'), ('a'), ('b')")
        pair.copy()
        pair.target.execute("UPDATE t SET note = 'b' WHERE ctid = (SELECT min(ctid) FROM t WHERE note = 'a')")
        found = proof(pair)
    assert [(row.difference, row.key) for row in found.samples] == [(Difference.MISSING, "2"), (Difference.EXTRA, "?")]


def test_empty_tables_are_equal_and_rows_without_a_counterpart_are_extra(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        assert proof(pair).is_equal
        pair.target.execute("INSERT INTO t (id) VALUES (1), (2)")
        assert (proof(pair).differing, proof(pair).rows) == (2, 0)


def test_what_a_policy_changed_is_compared_as_the_policy_makes_it(postgres_database):
    moves = {"t": {"day": "null", "note": "clean", "price": "as-stored"}}
    with both(postgres_database, WIDE, ALL, moves) as pair:
        pair.source.execute("INSERT INTO t (day, note, price) VALUES ('0000-00-00', 'a' || char(0), 3.105)")
        pair.copy()
        assert proof(pair).is_equal
        pair.target.execute("UPDATE t SET day = '2026-11-29', note = 'b', price = 3.10")
        assert proof(pair).samples == [DifferingRow("1", Difference.CHANGED, ("price", "note", "day"))]


def test_floats_are_compared_by_their_bits(postgres_database):
    """Text is no substitute: for 50 of 200,000 random floats PostgreSQL's text differs from Python's."""
    chosen = random.Random(7)
    numbers = [struct.unpack(">d", chosen.randbytes(8))[0] for _ in range(2000)]
    numbers += [chosen.randrange(2**53, 2**63) for _ in range(500)]
    numbers += [float(f"{chosen.randrange(1000)}e{chosen.randrange(-30, 30)}") for _ in range(500)]
    with both(postgres_database, "CREATE TABLE t (id INTEGER PRIMARY KEY, v REAL)") as pair:
        pair.source.executemany("INSERT INTO t (v) VALUES (?)", [(one,) for one in numbers if one == one])
        pair.copy()
        assert proof(pair).is_equal
        pair.source.execute("UPDATE t SET v = 0.1 WHERE id = 77")
        pair.target.execute("UPDATE t SET v = 0.10000000000000002 WHERE id = 77")
        assert proof(pair).samples == [DifferingRow("77", Difference.CHANGED, ("v",))]


def test_rows_are_read_from_postgresql_only_where_digests_differ(postgres_database, monkeypatch):
    read = []
    monkeypatch.setattr(pieces, "differing_rows", lambda *given: read.append(given) or ())
    with both(postgres_database, WIDE, ALL) as pair:
        fill(pair)
        pair.source.execute(
            "UPDATE t SET doc = replace(replace(doc, '1e16', '5'), '1E400', '5'), price = 0 WHERE price < 0"
        )
        pair.source.execute("UPDATE t SET doc = NULL WHERE doc LIKE '%1e16%' OR doc LIKE '%1E2%'")
        pair.source.execute("UPDATE t SET price = round(price, 2)")
        pair.copy()
        assert proof(pair).rows == 60
        assert read == []
        pair.target.execute("UPDATE t SET whole = 1 WHERE id = 50")
        proof(pair)
        assert len(read) == 1


def test_the_rows_of_given_keys_are_compared_alone(postgres_database):
    with both(postgres_database, COMPOSITE, ALL) as pair:
        fill(pair, 20)
        pair.copy()
        pair.target.execute("UPDATE t SET whole = 77 WHERE id IN (3, 4)")
        pair.target.execute("DELETE FROM t WHERE id = 5")
        pair.source.execute("DELETE FROM t WHERE id = 6")
        keys = [(3, "p3"), (5, "p5"), (6, "p6"), (7, "p7"), (99, "gone")]
        found = compare_keys(pair.source, pair.target, pair.tables["t"], keys)
    assert found.rows == 3
    assert found.samples == [
        DifferingRow("3, 'p3'", Difference.CHANGED, ("whole",)),
        DifferingRow("5, 'p5'", Difference.MISSING),
        DifferingRow("6, 'p6'", Difference.EXTRA),
    ]


def test_a_table_that_differs_everywhere_is_compared_in_bounded_memory(postgres_database, monkeypatch):
    from schemasync.engines.postgres.verify import unordered

    monkeypatch.setattr(unordered, "MOST", 50)
    with both(postgres_database, KEYLESS, ALL) as pair:
        pair.source.executemany("INSERT INTO t (whole) VALUES (?)", [(number,) for number in range(500)])
        pair.copy()
        pair.target.execute("UPDATE t SET whole = whole + 1000")
        found = proof(pair)
    assert not found.is_equal
    assert len(found.samples) == 5


def test_columns_that_a_model_does_not_know_are_compared_too(postgres_database):
    fields = {"t": {"v": FieldKind("DecimalField", max_digits=30, decimal_places=10)}}
    ddl = "CREATE TABLE t (id INTEGER PRIMARY KEY, v DECIMAL(30, 10), w NUMERIC, x)"
    with both(postgres_database, ddl, fields) as pair:
        pair.source.executescript(
            "INSERT INTO t (v, w, x) VALUES (1.5, 0.1, 'a'), (123456789012, 1e20, 'b'), (NULL, 7, 'c')"
        )
        pair.copy()
        assert proof(pair).is_equal
        pair.target.execute("UPDATE t SET w = w + 0.00000000000000000000000000001 WHERE id = 1")
        assert proof(pair).samples == [DifferingRow("1", Difference.CHANGED, ("w",))]


def test_what_a_policy_would_make_is_not_taken_for_what_rounding_makes(postgres_database):
    """1.015 is stored as slightly less: rounded by its bits it is 1.01, displayed and rounded by PostgreSQL 1.02."""
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.execute("INSERT INTO t (price) VALUES (1.015)")
        pair.copy()
        assert str(pair.target.execute("SELECT price FROM t").fetchone()[0]) == "1.02"
        assert proof(pair).is_equal
        pair.target.execute("UPDATE t SET price = 1.01")
        assert proof(pair).differing == 1


def test_json_whose_repeated_keys_nobody_allowed_to_go_is_refused_and_not_equal(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.execute("""INSERT INTO t (doc) VALUES ('{"a": 1, "a": {"b": 2}}')""")
        pair.target.execute("""INSERT INTO t (id, doc) VALUES (1, '{"a": {"b": 2}}')""")
        with pytest.raises(Failed, match="json-repeated-keys"):
            proof(pair)


def test_a_value_that_does_not_fit_has_no_equal(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.execute("INSERT INTO t (day) VALUES ('2026-02-30')")
        pair.target.execute("INSERT INTO t (id, day) VALUES (1, '2026-03-02')")
        with pytest.raises(Failed, match="not-a-date"):
            proof(pair)


def test_json_that_is_none_is_refused(postgres_database):
    with both(postgres_database, WIDE, ALL) as pair:
        pair.source.execute("INSERT INTO t (doc) VALUES ('{\"a\": 1}'), ('[1,')")
        pair.target.execute("""INSERT INTO t (doc) VALUES ('{"a": 1}'), ('[1]')""")
        with pytest.raises(Failed, match=r"row 2 does not fit .* \(not-json\)"), pair.target.transaction():
            proof(pair)
