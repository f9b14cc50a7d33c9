"""The fast check for dangling references agrees with SQLite's own check, for all types and collations."""

import sqlite3
import tracemalloc
from contextlib import closing
from itertools import product
from random import Random

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.verify import integrity_check, references
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.verification.damaged import make, read

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


def agree(connection, schema):
    table = schema.table("c")
    found = connection.execute("PRAGMA foreign_key_check(c)").fetchall()
    assert references.dangles(connection, table, schema) is bool(found), (
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
        schema = inspect(connection).schema
        for held, referring in product(VALUES, VALUES):
            connection.execute("DELETE FROM p")
            try:
                connection.execute("INSERT INTO p VALUES (?)", (held,))
            except sqlite3.IntegrityError:
                continue  # the value is no row id
            connection.execute("DELETE FROM c")
            connection.execute("INSERT INTO c VALUES (?)", (referring,))
            seen.add(agree(connection, schema))
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
        schema = inspect(connection).schema
        for _ in range(40):
            connection.execute("DELETE FROM c")
            connection.execute("DELETE FROM p")
            held = [(random.choice(VALUES), random.choice(VALUES)) for _ in range(4)]
            connection.executemany("INSERT OR IGNORE INTO p VALUES (?, ?)", held)
            rows = [(1, random.choice((None, 1, 2)), *random.choice(held)), (2, 1, *random.choice(held))]
            connection.executemany("INSERT INTO c VALUES (?, ?, ?, ?)", rows)
            agree(connection, schema)


HELD = ((), (1,), (2, 3, 4), (1, 2, 4), (-1, 0, 1), (2**63 - 1,), (-(2**63), -(2**63) + 1))
REFERRING = (None, 0, 1, 3, 5, 2.0, 2.5, "3", "3.0", "x", b"3", 2**63 - 1, -(2**63), float(2**63))


@pytest.mark.parametrize("kind", TYPES)
def test_row_ids_with_and_without_a_gap_hold_the_same_references(kind):
    seen = set()
    with closing(memory("CREATE TABLE p (k INTEGER PRIMARY KEY)", f"CREATE TABLE c (r {kind} REFERENCES p)")) as one:
        schema = inspect(one).schema
        for held, referring in product(HELD, REFERRING):
            one.execute("DELETE FROM p")
            one.executemany("INSERT INTO p VALUES (?)", [(key,) for key in held])
            for others in ((), held * 8):
                one.execute("DELETE FROM c")
                one.executemany("INSERT INTO c VALUES (?)", [(key,) for key in (*others, referring)])
                seen.add((bool(others), agree(one, schema)))
    assert seen == {(False, True), (False, False), (True, True), (True, False)}


@pytest.mark.parametrize(
    ("held", "referring", "index", "is_looked_up"),
    [
        ((1, 2, 3), [1, 2, 3] * 4, "", False),
        ((1, 2, 3), [1, 2, 3] * 3, "", True),
        ((1, 2, 3), [None] * 12, "", True),
        ((1, 3), [1, 3] * 9, "", True),
        ((1, 2, 3), [1, 2, 3] * 4, "CREATE INDEX i ON c (r)", True),
        ((1, 2, 3), [1, 2, 3] * 4, "CREATE INDEX i ON c (r) WHERE r > 1", False),
    ],
)
def test_what_refers_to_row_ids_without_a_gap_is_looked_up_only_by_an_index(held, referring, index, is_looked_up):
    with closing(memory("CREATE TABLE p (k INTEGER PRIMARY KEY)", "CREATE TABLE c (r INTEGER REFERENCES p)")) as one:
        one.executemany("INSERT INTO p VALUES (?)", [(key,) for key in held])
        one.executemany("INSERT INTO c VALUES (?)", [(key,) for key in referring])
        one.execute(index)
        schema, statements = inspect(one).schema, []
        one.set_trace_callback(statements.append)
        assert not references.dangles(one, schema.table("c"), schema)
    assert any("JOIN" in sql for sql in statements) is is_looked_up


def test_an_index_of_the_column_is_read_in_its_order():
    with closing(memory("CREATE TABLE p (k INTEGER PRIMARY KEY)", "CREATE TABLE c (r INTEGER REFERENCES p, t)")) as one:
        one.execute("CREATE INDEX i ON c (r)")
        schema, statements = inspect(one).schema, []
        one.set_trace_callback(statements.append)
        references.dangles(one, schema.table("c"), schema)
        one.set_trace_callback(None)
        (join,) = [sql for sql in statements if "JOIN" in sql]
        plan = " ".join(detail for *_, detail in one.execute(f"EXPLAIN QUERY PLAN {join}"))
    assert "c USING COVERING INDEX i" in plan


@pytest.mark.parametrize(("parents", "is_looked_up"), [("(1), (2)", False), ("(1), (3)", True)])
def test_the_rows_of_a_new_foreign_key_are_looked_up_only_if_there_is_a_gap(tmp_path, parents, is_looked_up):
    old = {"p": {"id": "INTEGER PRIMARY KEY"}, "c": {"id": "INTEGER PRIMARY KEY", "p": "INTEGER"}}
    rows = ", ".join(f"({number}, 1)" for number in range(20))
    link = make(tmp_path / "w", old, f"INSERT INTO p VALUES {parents}; INSERT INTO c VALUES {rows}")
    statements = []
    where = target(link, opener=Opener(register=lambda connection: connection.set_trace_callback(statements.append)))
    sync(where, read({**old, "c": {**old["c"], "p": "INTEGER REFERENCES p"}}))
    assert any("AS parent" in sql for sql in statements) is is_looked_up
    assert any("AS p ON" in sql for sql in statements) is is_looked_up


def test_two_keys_and_a_key_to_the_same_table_are_checked_each_by_itself():
    tables = "CREATE TABLE c (id INTEGER PRIMARY KEY, up INTEGER REFERENCES c, p INTEGER REFERENCES p)"
    with closing(memory("CREATE TABLE p (k INTEGER PRIMARY KEY)", tables)) as one:
        one.execute("INSERT INTO p VALUES (1), (2)")
        one.executemany("INSERT INTO c VALUES (?, 1, 2)", [(key,) for key in range(1, 20)])
        schema = inspect(one).schema
        assert not agree(one, schema)
        one.execute("UPDATE c SET p = 3 WHERE id = 5")
        assert agree(one, schema)
        one.execute("UPDATE c SET p = 1, up = 20 WHERE id = 5")
        assert agree(one, schema)


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
