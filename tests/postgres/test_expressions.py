"""Expressions in both engines over the same rows: a translation means the same, and all else is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.expressions.syntax import Reader
from schemasync.engines.postgres.expressions.translate import TableExpressions, Untranslated
from schemasync.engines.postgres.types import Date, FieldKind, Time, Timestamp, TimestampTz
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.validate import build
from schemasync.schema.document import read
from schemasync.schema.model import IndexedColumn, Sql
from schemasync.schema.names import fold, quote
from tests.support.postgres import Server

TREE = {
    "T": {
        "id": "INTEGER PRIMARY KEY",
        "n": "INTEGER",
        "m": "INTEGER",
        "small": "INTEGER",
        "f": "REAL",
        "price": "DECIMAL(12, 2)",
        "on_": {"type": "BOOLEAN"},
        "txt": "TEXT",
        "name": "TEXT COLLATE NOCASE",
        "raw": "BLOB",
        "day": "DATE",
        "at": "DATETIME",
        "local": "DATETIME",
        "clock": "TIME",
        "meta": "JSON",
        "uid": "char(32)",
        "order": "TEXT",
    }
}
KINDS = {"small": FieldKind("IntegerField"), "uid": FieldKind("UUIDField")}
SHAPES = {"day": Date(), "at": TimestampTz(), "local": Timestamp(), "clock": Time()}
MOMENTS = ["2024-02-29 23:59:59", "2024-02-29 23:59:59.999600", "1999-12-31 00:00:00", None, "2024-01-01 12:00:00"]
TEXTS = ["", "a", "A", "Éa", "éA", "a%b", "a_b", " x ", None, "Zz", "a\nb", "\\", "'", "ab-1", "7", "x"]
ROWS: list[dict[str, Any]] = [
    {
        "id": number + 1,
        "n": [0, 1, -1, 7, -7, None, 2**40, 3][number % 8],
        "m": [2, 0, -2, None, 5, 3, 1, -3][number % 8],
        "small": [2**31 - 1, -(2**31), 0, 1, None, 2, 5, -1][number % 8],
        "f": [0.0, 0.5, -0.5, 1.5, 2.5, None, 1e300, 0.1][number % 8],
        "price": [0, 0.5, 10.25, 3, -1.1, None, 0.1, 0.3][number % 8],
        "on_": [1, 0, None][number % 3],
        "txt": TEXTS[number % len(TEXTS)],
        "name": TEXTS[(number * 7 + 2) % len(TEXTS)],
        "raw": [b"", b"\x00\xff", b"A", None][number % 4],
        "day": ["2024-02-29", "1999-12-31", None, "0999-01-01"][number % 4],
        "at": MOMENTS[number % 5],
        "local": MOMENTS[(number + 1) % 5],
        "clock": ["00:00:00", "23:59:59.999999", None][number % 3],
        "meta": ["{}", '{"a": [1]}', None, "3"][number % 4],
        "uid": ["0" * 32, "0123456789abcdef" * 2, None][number % 3],
        "order": TEXTS[(number * 5) % len(TEXTS)],
    }
    for number in range(48)
]  # fmt: skip


class Both:
    """A table with the same rows in SQLite and PostgreSQL."""

    def __init__(self, lite: Any, pg: Any, tree: dict[str, Any]) -> None:
        self.lite, self.pg = lite, pg
        schema = read(json.dumps(tree).encode()).schema
        (self.table,) = schema.tables
        (self.columns,) = columns_of(schema, {"t": KINDS}, shapes={"t": SHAPES}).values()
        build(lite, schema)
        by_name = {fold(column.name): column for column in self.columns}
        self.to = TableExpressions(Reader(lite), self.table, by_name)
        c_ = ' COLLATE "C"'
        body = ", ".join(f"{quote(c.name)} {c.type.sql}{c_ * bool(c.collation)}" for c in self.columns)
        pg.execute(f"CREATE EXTENSION citext; SET TIME ZONE 'Asia/Tokyo'; CREATE TABLE \"T\" ({body})")
        names = ", ".join(map(quote, TREE["T"]))
        lite.executemany(
            f'INSERT INTO "T" ({names}) VALUES ({", ".join("?" * len(names.split(",")))})',
            [tuple(row.values()) for row in ROWS],
        )
        for row in ROWS:
            values = [bool(v) if k == "on_" and v is not None else v for k, v in row.items()]
            values = [f"{v}+00" if k == "at" and v is not None else v for k, v in zip(row, values, strict=True)]
            pg.execute(f'INSERT INTO "T" ({names}) VALUES ({", ".join(["%s"] * len(values))})', values)

    def results(self, sql: str, translated: str) -> tuple[list[Any], list[Any]]:
        lite = self.lite.execute(f'SELECT {sql} FROM "T" ORDER BY id').fetchall()
        pg = self.pg.execute(f'SELECT {translated} FROM "T" ORDER BY id').fetchall()
        return [plain(row[0]) for row in lite], [plain(row[0]) for row in pg]

    def value(self, sql: str) -> str:
        """Return the translation of an expression, if an index may contain it."""
        return self.to.key(IndexedColumn(expression=Sql(sql)))


def plain(value: Any) -> Any:
    """Return a value of PostgreSQL as SQLite represents it."""
    match value:
        case bool():
            return int(value)
        case Decimal():
            return float(value)
        case memoryview():
            return bytes(value)
        case timedelta():
            return value // timedelta(microseconds=1)
        case UUID():
            return value.hex
        case datetime() | date() | time():
            return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
        case _:
            return value


@pytest.fixture(scope="module")
def both(postgres: Server) -> Iterator[Both]:
    with postgres.database() as database, closing(Opener().memory()) as lite, database.connect() as pg:
        yield Both(lite, pg, TREE)


SAME = """
n + m ; n - m ; n * m ; n / m ; n % m ; -n ; n / 2 ; n % 2 ; 1 / 0 ; n + 1.5 ; f * 2 ; f / m ; f / 0 ; n / f ; small + small ; small * small ; small - 1
round(f) ; round(price) ; round(n) ; round(price * 2) = price * 2 ; round(0.49999999999999994) ; round(f + 4503599627370497.5) ; round(-2.5) ; CAST('1.5' AS NUMERIC) ; pi() ; f = '0.5' ; n IN ('7', '1') ; 'A' IN ('', name) ; txt IN (name COLLATE NOCASE) ; CASE n WHEN '7' THEN 1 END
n & m ; n & 6 ; n | 1 ; 2147483647 + n ; -small ; abs(n) ; abs(small) ; abs(f) ; -f ; (n + 1) * 2 - m ; n - m - 1 ; n / m * 2
n > 0 ; n = 1 ; n <> 1 ; n == 1 ; n > 0.5 ; f > 0.1 ; f = 0.1 ; f >= n ; price = 0.1 ; price = '0.1' ; price > '0' ; n = '7' ; n > '-2' ; f <= '0.5' ; '1.5' > f ; price > 0.3 ; price + price = 0.2 ; price * 3 = 0.3 ; price <= f ; price > n
n IS NULL ; n IS NOT NULL ; n NOTNULL ; n ISNULL ; n IS 1 ; n IS NOT m ; n IS TRUE ; n IS NOT TRUE ; on_ IS FALSE
n BETWEEN 0 AND 2 ; n NOT BETWEEN m AND 5 ; n IN (1, 7) ; n NOT IN (1, NULL) ; n IN (m, 3) ; f IN (0.5, 1) ; txt IN ('a', 'É')
n AND m ; n OR m ; NOT n ; NOT f ; price AND 1 ; n > 0 AND NOT m = 2 OR on_ ; NOT n IS NULL
on_ = 1 ; on_ = 0 ; 1 = on_ ; on_ IN (0, 1) ; on_ <> 1 ; on_ > 0 ; on_ < 2 ; on_ + 1 ; on_ ; NOT on_ ; on_ AND n ; (n > 1) = on_ ; (n > 0) + (m > 0) ; (n > 0) = 1 ; on_ BETWEEN 0 AND 1 ; on_ = n
txt = 'a' ; txt < 'a' ; txt > 'Z' ; txt >= name ; txt = name ; name = txt ; name = 'A' ; 'A' = name ; name <> 'zZ' ; name < 'b' ; name IN ('ZZ', 'éa') ; name = 'éa' ; txt COLLATE NOCASE = 'ZZ'
name COLLATE BINARY = 'a' ; txt = 'x ' COLLATE RTRIM ; txt = name COLLATE NOCASE ; name BETWEEN 'a' AND 'B' ; txt > '' ; 'a' < 'B' ; txt = "order" ; "order" > 'a'
lower(txt) ; upper(txt) ; lower(name) ; lower(name) = 'a' ; length(txt) ; length(name) ; length(raw) ; txt || name ; n || txt ; txt || n || '%' ; 'x' || on_ ; upper('é')
substr(txt, 1, 1) ; substr(txt, 2) ; substr(name, 1, 2) ; substr(txt, 40) ; trim(txt) ; ltrim(txt) ; rtrim(txt) ; trim(txt, 'ax ') ; replace(txt, 'a', 'é') ; replace(txt, '', 'x') ; instr(txt, 'b') ; instr(txt, '') ; instr(name, 'A')
txt LIKE 'a%' ; txt LIKE 'é%' ; txt LIKE 'É_' ; txt LIKE '%\\%' ; name LIKE 'ZZ' ; txt NOT LIKE '_' ; txt LIKE 'a!%b' ESCAPE '!' ; txt LIKE name ; NOT txt LIKE 'a' ; txt LIKE '%' || name ; txt LIKE '' ; lower(txt) LIKE '%A%'
txt GLOB 'a*' ; txt GLOB '[a-z]*' ; txt GLOB '[^a-z]*' ; txt GLOB '?' ; txt GLOB 'é*' ; txt NOT GLOB '*b' ; txt GLOB '[]a]*' ; txt GLOB '[a-]b-1' ; name GLOB 'a*' ; txt GLOB '.' ; txt GLOB '\\' ; txt GLOB '' ; txt GLOB '*[0-9]' ; txt GLOB '[!-/]*' ; txt GLOB 'a?b'
coalesce(n, m, 0) ; ifnull(txt, '-') ; coalesce(n, f) ; coalesce(name, txt) = 'A' ; nullif(n, 0) ; nullif(txt, 'a') ; nullif(name, 'A') ; iif(n > 0, 'p', 'q') ; iif(n, 1, NULL) ; CASE WHEN n > 0 THEN 1 WHEN m THEN 2 END
CASE n WHEN 1 THEN 'one' WHEN 7 THEN 'seven' ELSE 'more' END ; CASE on_ WHEN 1 THEN txt ELSE name END ; CASE name WHEN 'A' THEN 1 ELSE 0 END ; CASE WHEN on_ THEN n > 1 ELSE 0 END ; max(n, m) ; min(n, m, 1) ; max(f, 0.5) ; max(n, f)
CAST(n AS TEXT) ; CAST(n AS REAL) ; CAST(f / 1e299 AS INTEGER) ; CAST(f AS INTEGER) ; CAST(-f AS INTEGER) ; CAST(price AS INTEGER) ; CAST(n AS INTEGER) ; CAST(on_ AS INTEGER) ; CAST(on_ AS TEXT) ; CAST(txt AS TEXT) ; CAST(price AS NUMERIC) > 1
typeof(n) ; typeof(txt) ; typeof(f) ; typeof(raw) ; typeof(on_) ; typeof(day) ; hex(raw) ; raw = x'41' ; raw > x'00' ; raw IS NULL ; json_valid(meta) IS TRUE ; json_valid(meta) OR meta IS NULL
day = '2024-02-29' ; day > '2000-01-01' ; day BETWEEN '1000-01-01' AND '2024-02-29' ; at >= '2024-02-29 23:59:59' ; at > '2024-02-29 23:59:59.999500' ; local < '2024-01-01 12:00:00' ; clock = '00:00:00' ; clock <= '23:59:59' ; day IN ('1999-12-31')
strftime('%Y', day) ; strftime('%Y-%m', day) = '2024-02' ; date(day) ; strftime('%d.%m.%Y', day) ; strftime('%j', day) ; uid = '0123456789abcdef0123456789abcdef' ; uid > '00000000000000000000000000000000' ; uid IS NULL ; rowid ; rowid > 3
1 ; 1.5 ; 'it''s' ; NULL ; TRUE ; x'00ff' ; 0x10 ; 1e3 ; -1 ; - 1.5 ; FALSE OR n
"""


@pytest.mark.parametrize("line", [pytest.param(line, id=line.split(" ; ")[0]) for line in SAME.strip().splitlines()])
def test_what_is_translated_means_the_same(both: Both, line: str) -> None:
    wrong = []
    for sql in line.split(" ; "):
        try:
            translated = both.value(sql)
            lite, pg = both.results(sql, translated)
            with both.pg.transaction(force_rollback=True):  # an index may contain only immutable functions
                both.pg.execute(f'CREATE INDEX ON "T" (({translated}))')
        except (Untranslated, psycopg.Error) as error:
            both.pg.rollback()
            wrong.append(f"{sql}: {type(error).__name__}: {error}")
            continue
        pairs = [(row, a, b) for row, a, b in zip(ROWS, lite, pg, strict=True) if a != b]
        if pairs:
            row, a, b = pairs[0]
            wrong.append(f"{sql} -> {translated}: {a!r}, there {b!r} in {row}")
    assert not wrong, "\n".join(wrong)


REFUSED = """
7 = '7' | the comparison of an integer with text
txt = 7 | the comparison of text with an integer
'7' IN (n) | the comparison of text with an integer
n = 'x' | the comparison of an integer with text
n = '07' | the comparison of an integer with text
n + 1 = '8' | the comparison of an integer with text
at > '2024-01-01' | the comparison of a moment with text
at = day | the comparison of a moment with a date
at = local | the comparison of a moment with a date with a time
day = '2024-02-30' | the comparison of a date with text
clock > '9:00' | the comparison of a time with text
meta = '{}' | the comparison of JSON with text
substr(txt, -2) | substr() with a start or a length that is no positive number
substr(txt, 0, 2) | substr() with a start or a length that is no positive number
substr(txt, 1, n) | substr() with a start or a length that is no positive number
strftime('%f', day) | strftime() with %f
strftime('%w', day) | strftime() with %w
strftime('%s', day) | strftime() with %s
strftime('%Y', at) | date functions of a moment
date(local) | date functions of a date with a time
date(day, '+1 day') | the function date()
datetime(txt) | the function datetime()
julianday(day) | the function julianday()
unixepoch(at) | the function unixepoch()
round(f, 0) | round() to a number of digits
round(price, 1) | round() to a number of digits
round(txt) | round() to a number of digits
CAST(txt AS INTEGER) | CAST of text AS INT
CAST(f AS TEXT) | CAST of a float AS TEXT
CAST(f AS NUMERIC) | CAST of a float AS DECIMAL
f || 'x' | a float as text
day || 'x' | a date as text
price / 2 | / with a decimal and an integer
f % 2 | % with a float and an integer
n << 2 | n << 2
txt + 1 | + with text
txt AND n | text as a condition
json_extract(meta, '$.a') | the function
meta ->> '$.a' | the function
txt GLOB name | GLOB with this pattern
txt GLOB '[a' | GLOB with this pattern
txt LIKE name ESCAPE '!' | LIKE with ESCAPE and a pattern that is not complete
txt LIKE 'a!' ESCAPE '!' | LIKE with ESCAPE and a pattern that is not complete
n LIKE '1%' | LIKE of an integer
length(n) | length() of an integer
max(txt, name) | max() or min() of several values that are no numbers
coalesce(n, txt) | a result that is an integer or text
randomblob(4) | the function randomblob()
quote(n) | the function quote()
printf('%d', n) | the function printf()
char(65) | the function
unicode(txt) | the function unicode()
9223372036854775808 | the number 9223372036854775808
1e400 | the number 1e400
(SELECT 1) | (SELECT 1)
n IN (SELECT 1) | IN with a SELECT or an empty list
uid = 'ABC' | the comparison of a UUID with text
hex(txt) | hex() of text
meta | an index over JSON
julianday(day) || quote(txt) | the function julianday()
"""


def test_what_may_mean_something_else_is_refused_by_name(both: Both) -> None:
    wrong = []
    for line in REFUSED.strip().splitlines():
        sql, _, reason = line.rpartition(" | ")
        try:
            wrong.append(f"{sql} -> {both.value(sql)}")
        except Untranslated as error:
            if not any(one.startswith(reason) for one in error.reasons):
                wrong.append(f"{sql}: {error.reasons}")
    assert not wrong, "\n".join(wrong)


def test_all_that_is_refused_in_an_expression_is_named_at_once(both: Both) -> None:
    with pytest.raises(Untranslated) as caught:
        both.value("julianday(day) > 1 AND quote(txt) = 'x' AND julianday(at) < 2")
    assert caught.value.reasons == ("the function julianday()", "the function quote()")


def test_what_sqlglot_reads_otherwise_than_sqlite_is_refused(both: Both) -> None:
    """sqlglot gives LIKE precedence over =; SQLite evaluates both from left to right."""
    with pytest.raises(Untranslated, match="another way"):
        both.value("n = txt LIKE 'a'")
    both.value("(n = 1) = (txt LIKE 'a')")
