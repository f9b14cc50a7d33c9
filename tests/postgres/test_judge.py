"""Which values fit a column on PostgreSQL: Python and SQL agree, and a value that fits is the same there."""

from __future__ import annotations

import math
import random
import sqlite3
from decimal import Decimal

import pytest

from schemasync.engines.postgres.connection import Target
from schemasync.engines.postgres.judge import Changed, Fault, Kept, Refusal, fault, judge
from schemasync.engines.postgres.types import (
    Bigint,
    Boolean,
    ByHand,
    Bytea,
    Citext,
    Date,
    DoublePrecision,
    Inet,
    Integer,
    Interval,
    Jsonb,
    Numeric,
    PgColumn,
    Smallint,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)
from schemasync.engines.sqlite.for_postgres.accepted import accepted_type, register
from schemasync.schema.on_postgres import OnMove

TYPES = [
    Bigint(), Integer(), Smallint(), Boolean(), DoublePrecision(), Numeric(), Numeric(10, 2), Numeric(5, 0), Numeric(20, 2),
    Numeric(30, 20), Text(), Varchar(3), Citext(), Bytea(), Date(), Time(), Timestamp(), TimestampTz(), Interval(), Jsonb(), Uuid(),
    Inet(), ByHand("circle"),
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 7, 32767, 32768, -32769, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 99999999, 10**8,
    0.0, -0.0, 1.0, 2.5, 3.105, 1.005, 9.999, 19.99, 99999999.99, 99999999.999, 99999999.995, 123456789.12, 1e15, 1e16, 9.3e18, 1e300,
    12345678901234.56, 345678901234567.8, 5e-324, 0.1 + 0.2, math.inf, -math.inf,
]  # fmt: skip
TEXTS = [
    "", " ", "a", "abc", "abcd", "ab  ", "abc ", "É", "日本語", "a\0b", "\0", "2026-01-01\0", "bad\udcff", "é\udcc3", "12", "12.5", "1_000",
    "0x10", "true", "today", "now", "infinity", "2026-11-29", "2026-02-30", "0000-00-00", "0000-01-01", "2024-02-29", "2023-02-29",
    "10000-01-01", "2026-1-1", "2026-11-29 BC", "2026-11-29 ", "2026-11-29 12:30:00", "2026-11-29T12:30:00", "2026-11-29 12:30",
    "2026-11-29 24:00:00", "2026-11-29 23:59:60", "2026-11-29 23:59:59.5", "2026-11-29 23:59:59.999999", "2026-02-30 00:00:00",
    "2026-11-29 23:59:59.9999999", "2026-11-29 23:59:59.", "2026-11-29 12:30:00Z", "2026-11-29 12:30:00+02:00", "12:30:00", "24:00:00",
    "12:30", "12:30:00.000001", "12:30:00.1234567", "29:00:00", "23:59:59.9999999", "allballs", "{}", "[1, 2.50, 1e16]", '{"a": 1, "a": 2}',
    '{"a": {"b": 1, "b": 1}}', '"\\u0000"', '"\\\\u0000"', '"\\ud800"', '"\\ud83d\\ude00"', "1E400", "1E200000", "1E-20000", "NaN", "[NaN]", "{'a': 1}",
    "[1,]", "true", " null ", "[" * 30000 + "]" * 30000, "9" * 5000, "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789abcdef",
    "01234567-89ab-cdef-0123-456789abcdef", "1.2.3.4", "1.2.3.04", "1.2.3.4/24", "::1", "0:0:0:0:0:0:0:1", "2001:DB8::1",
]  # fmt: skip
BYTES = [b"", b"\0", b"\xff\xfe", b"abc", b"0123456789abcdef"]
VALUES = [*NUMBERS, *TEXTS, *BYTES]


def named(type_):
    return type_.sql


def stored(value):
    """Return SQL for a value as an untyped column may contain it, also for text that Python cannot encode."""
    if isinstance(value, str):
        return f"CAST(x'{value.encode(errors='surrogateescape').hex()}' AS TEXT)"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return repr(value).replace("inf", "9e999")


@pytest.fixture(scope="module")
def sqlite():
    connection = sqlite3.connect(":memory:")
    register(connection)
    connection.execute("CREATE TABLE t (v)")
    for value in VALUES:
        connection.execute(
            f"INSERT INTO t VALUES ({stored(value)})" if not isinstance(value, int) else "INSERT INTO t VALUES (?)",
            (value,) if isinstance(value, int) else (),
        )
    return connection


@pytest.mark.parametrize("type_", TYPES, ids=named)
def test_sql_and_python_say_the_same_of_each_value(sqlite, type_):
    by_sql = [bool(one) for (one,) in sqlite.execute(f"SELECT {accepted_type(type_, 'v')} FROM t ORDER BY rowid")]
    by_python = [fault(value, type_) is None for value in VALUES]
    differing = [value for value, one, other in zip(VALUES, by_sql, by_python, strict=True) if one != other]
    if isinstance(type_, Numeric) and type_.precision is not None:
        # SQL may refuse a value that Python accepts, as Python decides then
        differing = [value for value, one, other in zip(VALUES, by_sql, by_python, strict=True) if one and not other]
    assert differing == []


def test_sql_keeps_no_decimal_that_python_does_not(sqlite):
    chosen, connection = random.Random(5), sqlite
    types = [Numeric(10, 2), Numeric(12, 4), Numeric(15, 0), Numeric(19, 10)]
    for _ in range(3000):
        type_ = chosen.choice(types)
        value = round(chosen.uniform(-1, 1) * 10.0 ** chosen.randrange(12), chosen.randrange(8))
        value = math.nextafter(value, chosen.choice([0, value, math.inf]))
        (is_kept,) = connection.execute(f"SELECT {accepted_type(type_, '?1')}", (value,)).fetchone()
        assert not is_kept or fault(value, type_) is None, (value, type_)


def test_postgresql_takes_each_value_that_fits_and_gives_it_back(postgres_database):
    with Target.of(postgres_database.params).connection() as connection:
        connection.execute("CREATE EXTENSION citext")
        for number, type_ in enumerate(TYPES):
            fitting = [value for value in VALUES if fault(value, type_) is None]
            got = _there_and_back(connection, f"t{number}", type_, fitting)
            assert len(got) == len(fitting) > 0, type_
            for value, there in zip(fitting, got, strict=True):
                assert _is_same(value, there, type_), (type_, value, there)


def _duration(value):
    """Return microseconds as an interval: PostgreSQL 13 cannot read more than 32 bits of them."""
    sign, (days, rest) = "-" if value < 0 else "", divmod(abs(value), 86_400_000_000)
    return f"{sign}{days} days {sign}{rest // 10**6}.{rest % 10**6:06d} seconds"


def _there_and_back(connection, table, type_, values):
    connection.execute(f"CREATE TABLE {table} (v {'text' if isinstance(type_, ByHand) else type_.sql})")
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for value in values:
            copy.write_row([_duration(value) if isinstance(type_, Interval) else value])
    return [one for (one,) in connection.execute(f"SELECT v FROM {table}").fetchall()]


def _is_same(value, there, type_):
    match type_:
        case Numeric():
            return Decimal(repr(value)) == there
        case Interval():
            return value == there.days * 86_400_000_000 + there.seconds * 1_000_000 + there.microseconds
        case Date() | Time() | Timestamp():
            return type(there).fromisoformat(value) == there
        case TimestampTz():
            return type(there).fromisoformat(value + "+00:00") == there
        case Uuid():
            return there.hex == value
        case Jsonb() | Inet() | ByHand():
            return True  # the verification compares these
        case _:
            return value == there


def column(type_, **more):
    return PgColumn("a", type_, **more)


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        ("a\0b", Text(), Changed(Fault.NUL_BYTE, "ab")),
        ("bad\udcff", Text(), Changed(Fault.INVALID_UTF8, "bad\ufffd")),
        (7, Text(), Changed(Fault.NOT_TEXT, "7")),
        (b"\xff", Text(), Refusal(Fault.NOT_TEXT)),
        ("abc   ", Varchar(3), Changed(Fault.TOO_LONG, "abc")),
        ("abcd", Varchar(3), Refusal(Fault.TOO_LONG)),
        ("", Bigint(), Refusal(Fault.EMPTY)),
        (" 12 ", Bigint(), Changed(Fault.NOT_A_NUMBER, 12)),
        ("1_000", Bigint(), Refusal(Fault.NOT_A_NUMBER)),
        (2.0, Integer(), Changed(Fault.NOT_WHOLE, 2)),
        (2.5, Integer(), Refusal(Fault.NOT_WHOLE)),
        (2**31, Integer(), Refusal(Fault.OUT_OF_RANGE)),
        (2, Boolean(), Changed(Fault.NOT_BOOLEAN, 1)),
        ("perhaps", Boolean(), Refusal(Fault.NOT_BOOLEAN)),
        ("12.5", Numeric(10, 2), Changed(Fault.NOT_A_NUMBER, 12.5)),
        ("12345678901234567.89", Numeric(20, 2), Refusal(Fault.NOT_A_NUMBER)),
        ("2026-11-29 23:59:59.9999999", Timestamp(), Changed(Fault.NOT_A_DATE, "2026-11-29 23:59:59.999999")),
        ("2026-11-29T12:30:00+02:00", TimestampTz(), Changed(Fault.NOT_A_DATE, "2026-11-29 10:30:00")),
        ("2026-11-29T12:30:00+02:00", Timestamp(), Refusal(Fault.NOT_A_DATE)),
        ("2026-11-29", TimestampTz(), Changed(Fault.NOT_A_DATE, "2026-11-29 00:00:00")),
        ("2026-11-29 00:00:00", Date(), Changed(Fault.NOT_A_DATE, "2026-11-29")),
        ("2026-11-29 00:00:01", Date(), Refusal(Fault.NOT_A_DATE)),
        ("0000-00-00", Date(), Refusal(Fault.NOT_A_DATE)),
        ('{"a": 1, "a": 2}', Jsonb(), Changed(Fault.JSON_REPEATED_KEYS, '{"a": 2}')),
        ('["\\u0000x"]', Jsonb(), Changed(Fault.JSON_NUL, '["x"]')),
        ("01234567-89AB-cdef-0123-456789abcdef", Uuid(), Changed(Fault.NOT_A_UUID, "0123456789abcdef0123456789abcdef")),
        ("2001:DB8::1", Inet(), Changed(Fault.NOT_AN_ADDRESS, "2001:db8::1")),
        ("text", Bytea(), Changed(Fault.NOT_BYTES, b"text")),
    ],
)  # fmt: skip
def test_clean_makes_the_form_that_fits_where_there_is_no_doubt(value, type_, expected):
    assert judge(value, column(type_), OnMove.CLEAN) == expected
    assert judge(value, column(type_), None) == Refusal(expected.fault)
    assert judge(value, column(type_), OnMove.NULL) == Changed(expected.fault, None)
    assert judge(value, column(type_, not_null=True), OnMove.NULL) == Refusal(expected.fault)


def test_decimals_are_as_shown_unless_they_are_to_be_as_stored():
    price = column(Numeric(10, 2))
    assert judge(3.105, price, None) == Changed(Fault.ROUNDS, "3.10")  # as Django displays it
    assert judge(3.105, price, OnMove.AS_SHOWN) == Changed(Fault.ROUNDS, "3.10")
    assert judge(3.105, price, OnMove.AS_STORED) == Changed(Fault.ROUNDS, "3.11")  # as PostgreSQL rounds it
    assert judge(3.1, price, None) == Kept()
    assert judge(math.inf, price, None) == Refusal(Fault.INFINITE)
    assert judge(99999999.995, price, None) == Refusal(Fault.TOO_MANY_DIGITS)
    assert judge(3.105, price, OnMove.REFUSE) == Refusal(Fault.ROUNDS)
    long = column(Numeric(20, 2))
    assert judge(345678901234567.8, long, None) == Changed(Fault.DIGITS_LOST, "345678901234568.00")
    assert judge(345678901234567.8, long, OnMove.AS_STORED) == Changed(Fault.DIGITS_LOST, "345678901234567.80")


def test_what_is_shown_is_what_django_shows():
    from django.db import connection as ours
    from django.db import models
    from django.db.models.expressions import Col

    field = models.DecimalField(max_digits=10, decimal_places=2)
    convert = ours.ops.get_decimalfield_converter(Col("a", field))
    chosen = random.Random(3)
    for _ in range(2000):
        value = chosen.choice(
            [chosen.uniform(0, 1e5), round(chosen.uniform(0, 100), 2) * 1.1, chosen.randrange(10**6) / 1000]
        )
        found = judge(value, column(Numeric(10, 2)), None)
        sent = Decimal(found.value) if isinstance(found, Changed) else Decimal(repr(value))
        assert sent == convert(value, Col("a", field), None), value


@pytest.mark.parametrize("text", ["1e16", "[-0.0]", '{"a": [1E400]}', "-0e0"])
def test_a_number_of_json_that_has_another_form_there_is_said_and_goes_as_it_is(text):
    assert judge(text, column(Jsonb()), None) == Changed(Fault.JSON_NUMBERS, text)


@pytest.mark.parametrize(
    "text", ["1.5e3x", "-1.50", "[1.50, -1, 0.0, 12345678901234567890]", '{"-0.0": "1e16"}', "1e-5", "-2.5E-7"]
)
def test_other_numbers_of_json_fit(text):
    assert fault(text, Jsonb()) is (Fault.NOT_JSON if "x" in text else None)


def test_null_where_none_may_be_is_refused():
    assert judge(None, column(Text(), not_null=True), OnMove.CLEAN) == Refusal(Fault.NULL)
    assert judge(None, column(Text()), None) == Kept()
