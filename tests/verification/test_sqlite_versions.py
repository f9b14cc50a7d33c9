"""The claims of docs/sqlite-versions.md about versions of SQLite, checked with the present one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

HERE = sqlite3.sqlite_version_info
ERROR = "an error"


def asked(sql):
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            return connection.execute(sql).fetchone()[0]
        except sqlite3.OperationalError:
            return ERROR


CLAIMS = {
    "SELECT '{\"a\":1}' ->> 'a'": (ERROR, (3, 38, 0), 1),
    "SELECT json_extract('{a:1}', '$.a')": (ERROR, (3, 43, 2), 1),
    "SELECT 1_000": (ERROR, (3, 46, 0), 1000),
    "SELECT date('2024-02-30')": ("2024-02-30", (3, 46, 0), "2024-03-01"),
    "SELECT CAST(0.1 + 0.2 AS TEXT)": ("0.3", (3, 53, 0), "0.30000000000000004"),
    "SELECT CAST(1e15 AS TEXT)": ("1.0e+15", (3, 53, 0), "1000000000000000.0"),
    "SELECT json_array(0.1 + 0.2)": ("[0.3]", (3, 54, 0), "[0.30000000000000004]"),
    "SELECT time('24:00:00')": ("24:00:00", (3, 54, 0), "00:00:00"),
}
"""By expression: (old result, first version with the new one, new result). Some versions in between were not tried."""


@pytest.mark.parametrize("sql", CLAIMS)
def test_an_expression_gives_what_the_page_says_of_this_version(sql):
    before, since, now = CLAIMS[sql]
    assert asked(sql) == (now if since <= HERE else before)


def test_text_behind_a_nul_goes_into_no_number_since_3_53():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.execute("INSERT INTO t VALUES ('12' || char(0) || 'abc')")
        assert connection.execute("SELECT typeof(a) FROM t").fetchone()[0] == ("integer" if HERE >= (3, 53) else "text")


def test_integrity_check_counts_no_row_that_a_partial_index_has_more_since_3_46():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w TEXT); CREATE INDEX p ON t (w) WHERE v = 'x';
            INSERT INTO t VALUES (1, 'x', 'a'); PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET sql = replace(sql, 'v = ''x', 'v = ''y') WHERE name = 'p';
            PRAGMA writable_schema = RESET;
            """
        )
        lines = [line for (line,) in connection.execute("PRAGMA integrity_check")]
        assert lines == (["ok"] if HERE >= (3, 46) else ["wrong # of entries in index p"])
        assert connection.execute("SELECT id FROM t INDEXED BY p WHERE v = 'y'").fetchall() == [(1,)]
