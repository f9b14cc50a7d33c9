"""The fast look for dangling references says what SQLite's own check says, whatever the types and collations."""

import sqlite3
import tracemalloc
from contextlib import closing
from itertools import product
from random import Random

import pytest

from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.verify import integrity_check, references

TYPES = (
    "INTEGER",
    "TEXT",
    "REAL",
    "NUMERIC",
    "BLOB",
    "",
    "TEXT COLLATE NOCASE",
    "TEXT COLLATE RTRIM",
    "COLLATE NOCASE",
)
VALUES = (None, 0, 1, 2, 1.0, 1.5, -1, "1", "1.0", " 1", "a", "A", "a ", b"1", b"a", 2**53 + 1, float(2**53), "1e0", "")
PARENTS = ("INTEGER PRIMARY KEY", "INT PRIMARY KEY", *(f"{kind} UNIQUE" for kind in TYPES))


def agree(connection, table):
    found = connection.execute("PRAGMA foreign_key_check(c)").fetchall()
    assert references.dangles(connection, table) is bool(found), (
        connection.execute("SELECT * FROM c").fetchall(),
        found,
    )
    return bool(found)


def memory(*statements):
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    return connection


@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize("child", TYPES)
def test_one_column(parent, child):
    seen = set()
    with closing(memory(f"CREATE TABLE p (k {parent})", f"CREATE TABLE c (r {child} REFERENCES p (k))")) as connection:
        table = inspect(connection).schema.table("c")
        for held, referring in product(VALUES, VALUES):
            connection.execute("DELETE FROM p")
            try:
                connection.execute("INSERT INTO p VALUES (?)", (held,))
            except sqlite3.IntegrityError:
                continue  # no row id
            connection.execute("DELETE FROM c")
            connection.execute("INSERT INTO c VALUES (?)", (referring,))
            seen.add(agree(connection, table))
    assert seen == {True, False}


@pytest.mark.parametrize("seed", range(20))
def test_two_columns_and_a_table_that_refers_to_itself(seed):
    random = Random(seed)
    a, b, x, y = (random.choice(TYPES) for _ in range(4))
    with closing(
        memory(
            f"CREATE TABLE p (a {a}, b {b}, UNIQUE (b, a))",
            f"CREATE TABLE c (id INTEGER PRIMARY KEY, up INTEGER REFERENCES c, x {x}, y {y}, "
            "FOREIGN KEY (x, y) REFERENCES p (a, b))",
        )
    ) as connection:
        table = inspect(connection).schema.table("c")
        for _ in range(40):
            connection.execute("DELETE FROM c")
            connection.execute("DELETE FROM p")
            held = [(random.choice(VALUES), random.choice(VALUES)) for _ in range(4)]
            connection.executemany("INSERT OR IGNORE INTO p VALUES (?, ?)", held)
            rows = [(1, random.choice((None, 1, 2)), *random.choice(held)), (2, 1, *random.choice(held))]
            connection.executemany("INSERT INTO c VALUES (?, ?, ?, ?)", rows)
            agree(connection, table)


def test_dangling_rows_are_counted_and_not_held_in_memory():
    rows = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO c SELECT i FROM n"
    )
    with closing(
        memory("CREATE TABLE p (k INTEGER PRIMARY KEY)", "CREATE TABLE c (r REFERENCES p)", rows)
    ) as connection:
        tracemalloc.start()
        found = integrity_check.dangling_rows(connection)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found == [("c", 20_000)]
    assert most < 500_000


def test_dangling_rows_are_counted_in_the_file_that_is_asked():
    odd = '"it\'s ""c"""'
    statements = [f"CREATE TABLE {odd} (r REFERENCES p)", f"INSERT INTO {odd} VALUES (1), (2), (NULL)"]
    attached = [s.replace("TABLE ", "TABLE old.").replace("INTO ", "INTO old.") for s in statements]
    parents = ["ATTACH ':memory:' AS old", *(f"CREATE TABLE {s}.p (k INTEGER PRIMARY KEY)" for s in ("main", "old"))]
    with closing(memory(*parents, *statements, *attached, "INSERT INTO old.p VALUES (2)")) as connection:
        assert [integrity_check.violations(connection, s, 'it\'s "c"') for s in ("main", "old")] == [2, 1]


def test_a_reference_to_columns_that_are_not_unique_is_no_dangling_row():
    with closing(
        memory("CREATE TABLE p (k)", "CREATE TABLE c (r REFERENCES p (k))", "INSERT INTO c VALUES (1)")
    ) as one:
        assert integrity_check.dangling_rows(one) == []
