"""A query that somebody typed can only read, whatever it is, and ends within its limits."""

import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.one_query import QueryLimits, run
from schemasync.errors import Code, Failed, Refused, UsageError


@pytest.fixture(params=["open in another process", "closed"])
def path(request, tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA journal_mode=WAL; CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);"
            "INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, '[4, 5]');"
            "CREATE VIRTUAL TABLE words USING fts5(word); INSERT INTO words VALUES ('hello world'), ('bye');"
            "CREATE VIRTUAL TABLE boxes USING rtree(id, low, high); INSERT INTO boxes VALUES (1, 2, 3)"
        )
        if request.param == "closed":
            connection.close()
        yield path


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count(*) AS n, max(b) FROM t", ((3, "two"),)),
        ("WITH x AS (SELECT a FROM t WHERE a > 2) SELECT * FROM x", ((3,),)),
        ("VALUES (1), (2)", ((1,), (2,))),
        ("SELECT value FROM t, json_each(b) WHERE a = 3", ((4,), (5,))),
        ("SELECT highlight(words, 0, '<', '>') FROM words('hello')", (("<hello> world",),)),
        ("SELECT id FROM boxes WHERE low < 5", ((1,),)),
        ("SELECT name FROM pragma_table_info('t')", (("a",), ("b",))),
    ],
)
def test_what_reads_is_run(path, sql, rows):
    assert run(Opener(), path, sql, QueryLimits()).rows == rows


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t", "INSERT INTO t VALUES (9, 'x') RETURNING a", "UPDATE t SET b = 1", "DROP TABLE t",
        "CREATE TABLE u (a)", "REPLACE INTO words(rowid, word) VALUES (1, 'x')", "PRAGMA user_version = 3",
        "PRAGMA query_only = OFF", "PRAGMA journal_mode = DELETE", "PRAGMA wal_checkpoint", "VACUUM", "BEGIN IMMEDIATE",
        "SELECT 1; DELETE FROM t", "SELECT ?", "", "-- nothing",
    ],
)  # fmt: skip
def test_what_does_more_than_read_is_an_error_of_whoever_typed_it(path, sql):
    before = _content(path)
    with pytest.raises(UsageError) as found:
        run(Opener(), path, sql, QueryLimits())
    assert found.value.code is Code.BAD_OPTION
    assert _content(path) == before


def test_no_other_file_is_read_or_made(path, tmp_path):
    other = tmp_path / "other.sqlite3"
    for sql in (f"ATTACH '{other}' AS other", f"VACUUM INTO '{other}'"):
        with pytest.raises(UsageError):
            run(Opener(), path, sql, QueryLimits())
    assert not other.exists()


@pytest.mark.parametrize(
    ("sql", "most", "message"),
    [
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
            5,
            "longer than 0.2 s",
        ),
        ("SELECT a FROM t", 2, "more than 2 rows"),
        ("SELECT length(randomblob(20000000))", 5, "more than 16 MB"),
    ],
)
def test_a_query_ends_at_its_limits(path, sql, most, message):
    with pytest.raises(Failed, match=message) as found:
        run(Opener(), path, sql, QueryLimits(0.2, most))
    assert found.value.code is Code.QUERY_LIMIT


def test_a_query_that_does_not_fit_the_file_is_refused_with_the_words_of_sqlite(path):
    with pytest.raises(Refused, match="no such column: c") as found:
        run(Opener(), path, "SELECT c FROM t", QueryLimits())
    assert found.value.code is Code.SQLITE_ERROR


def _content(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return list(connection.iterdump()), connection.execute("PRAGMA journal_mode").fetchone()
