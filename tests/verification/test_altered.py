"""Tables whose definition is edited: the checks of their rows, concurrent writers, and edits that SQLite refuses."""

import itertools
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.diff.compare import compare
from schemasync.diff.rewrites import is_constant
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.rebuild.alter import CannotEdit, edit
from schemasync.engines.sqlite.verify.altered import _read_default, altered
from schemasync.errors import Code, Failed
from schemasync.files.disk import Disk, DiskStep
from schemasync.plan.make import make as make_plan
from schemasync.schema.model import Hints, Sql
from schemasync.sync import preview
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.support.defensive import defensive

from .damaged import LIMITS, at, execute, make, read

OLD = {"t": {"id": "INTEGER PRIMARY KEY", "a": "VARCHAR(5)", "n": "INTEGER", "d": "TEXT DEFAULT 'old'"}}
ROWS = "INSERT INTO t (id, a, n) VALUES (1, 'x', 1), (2, 'y', NULL), (3, 'z', 9)"
WIDER = {"t": OLD["t"] | {"a": "VARCHAR(9)"}}


def plan(new):
    before, after = read(OLD), read(new)
    return planned(compare(before.schema, after.schema, after.hints), before.schema, after.schema)


def planned(diff, before, after):
    return make_plan(
        diff,
        before,
        after,
        "1:x",
        base_version=None,
        base_fingerprint=None,
        volatile=lambda table, column: False,
    )


def look_at(folder, new, rows=ROWS, definition=None):
    """Verify the rows of an altered table that no earlier check has read. Raise the error of the verification."""
    link = make(folder / "w", {"t": definition or OLD["t"]}, rows)
    with closing(Opener().write(link)) as connection:
        connection.execute("ATTACH ? AS old", (str(link),))
        made = plan(new)
        connection.execute("BEGIN")
        edit(connection, made)
        (step,) = made.altered
        altered(connection, step)


@pytest.mark.parametrize(
    "column, says",
    [("n", "n IS NULL"), ("a", "CHECK (a < 'z')")],
)
def test_a_row_that_violates_the_edited_definition_is_found_whatever_was_asked_before(tmp_path, column, says):
    changed = {"n": {"n": "INTEGER NOT NULL"}, "a": {"a": "VARCHAR(5) CHECK (a < 'z')"}}[column]
    with pytest.raises(Failed) as caught:
        look_at(tmp_path, {"t": OLD["t"] | changed})
    assert caught.value.problems[0].code == Code.ROWS_VIOLATE_SCHEMA
    assert says in caught.value.problems[0].message


def test_a_default_that_a_row_reads_cannot_be_edited(tmp_path):
    older = {key: value for key, value in OLD["t"].items() if key != "d"}
    new = {"t": OLD["t"] | {"d": "TEXT DEFAULT 'new'"}}
    with pytest.raises(CannotEdit, match="some rows read the default of d"):
        look_at(tmp_path, new, f"{ROWS}; ALTER TABLE t ADD COLUMN d TEXT DEFAULT 'old'", older)


KINDS = ["TEXT", "VARCHAR(5) COLLATE NOCASE", "INTEGER", "REAL", "NUMERIC", "BLOB", ""]
DEFAULTS = ["7", "'7'", "7.0", "'7.50'", "-3", "1e3", "'abc'", "''", "x'00ff'", "TRUE", "'9007199254740993'", "1.0e400"]
UNKNOWN = [
    "CURRENT_TIMESTAMP",
    "(1 + 2)",
    "(abs(-3))",
    "NULL",
]  # defaults that SQLite does not compute for rows without the column


def test_no_row_that_reads_a_default_is_left_out(tmp_path):
    """The comparison reads only rows with the value of the old default, after conversion by the column's affinity."""
    places = {
        f"c{n}": (kind, default) for n, (kind, default) in enumerate(itertools.product(KINDS, DEFAULTS + UNKNOWN))
    }
    path = tmp_path / "old"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO t VALUES (1), (2), (3)")
        for name, (kind, default) in places.items():
            connection.execute(
                f"ALTER TABLE t ADD COLUMN {name} {kind} DEFAULT {'NULL' if default in UNKNOWN else default}"
            )
        (sql,) = connection.execute("SELECT sql FROM sqlite_schema").fetchone()
        for name, (kind, default) in places.items():
            if default in UNKNOWN:
                sql = sql.replace(f"{name} {kind} DEFAULT NULL", f"{name} {kind} DEFAULT {default}")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_schema SET sql = ?", (sql,))
        connection.execute("PRAGMA writable_schema=RESET")
    with closing(Opener().memory()) as connection:
        connection.execute("ATTACH ? AS old", (str(path),))
        with closing(Opener().read(path)) as old:
            before = inspect(old).schema
        for name in places:
            (table,) = before.tables
            columns = [replace(c, default=Sql("'other'")) if c.name == name else c for c in table.columns]
            after = replace(before, tables=(replace(table, columns=tuple(columns)),))
            (step,) = planned(compare(before, after, Hints()), before, after).altered
            condition = _read_default(step, [name])
            found = connection.execute(f"SELECT count(*) FROM old.t WHERE {condition}").fetchone()[0]
            assert found == 3, (name, places[name], condition)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_column_that_is_not_written_reads_what_a_new_row_stores(tmp_path, kind):
    for default in [
        *DEFAULTS,
        "1.50",
        "-0",
        "+5",
        "007",
        "0x10",
        "1.5",
        "-1.50",
        "-0.0",
        "FALSE",
        "9" * 18,
        "9" * 19,
        "9" * 20,
        "NULL",
    ]:
        column = (
            read({"t": {"id": "INTEGER PRIMARY KEY", "a": f"{kind} DEFAULT {default}".strip()}})
            .schema.tables[0]
            .column("a")
        )
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute(f"ALTER TABLE t ADD COLUMN a {kind} DEFAULT {default}")
            connection.execute("INSERT INTO t (id) VALUES (2)")
            older, newer = connection.execute("SELECT typeof(a), quote(a) FROM t").fetchall()
        assert older == newer or not is_constant(column, column.default), (default, older, newer)


def test_a_default_that_no_row_reads_can(tmp_path):
    look_at(tmp_path, {"t": OLD["t"] | {"d": "TEXT DEFAULT 'new'"}})


def test_what_is_written_beside_an_edit_is_in_the_new_file(tmp_path):
    link = make(tmp_path / "w", OLD, ROWS)
    writes = "INSERT INTO t (a) VALUES ('late'); UPDATE t SET a = 'w', n = 5 WHERE id = 2; DELETE FROM t WHERE id = 1"
    new = {"t": OLD["t"] | {"a": "VARCHAR(9)", "more": "TEXT DEFAULT 'm'"}}
    observer = at(("after", DiskStep.BUILD_RENAME), lambda: execute(link, writes))
    report = sync(target(link, disk=Disk(observer), wait=5.0), read(new), SyncOptions(limits=LIMITS))
    assert {name: str(table["action"]) for name, table in report.tables.items()} == {"t": "alter"}
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT * FROM t ORDER BY id").fetchall() == [
            (2, "w", 5, "old", "m"),
            (3, "z", 9, "old", "m"),
            (4, "late", None, "old", "m"),
        ]


def pages(link, table):
    """Return the pages of a table and its indexes, by number."""
    with closing(sqlite3.connect(link)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        names = "SELECT name FROM sqlite_schema WHERE tbl_name = ? AND type IN ('table', 'index')"
        found = connection.execute(f"SELECT pageno FROM dbstat WHERE name IN ({names})", (table,)).fetchall()
    data = link.read_bytes()
    return {number: data[(number - 1) * size : number * size] for (number,) in found}


@pytest.mark.parametrize(
    "edited",
    [
        {"a": "VARCHAR(9)"},
        {"n": "INTEGER NOT NULL"},
        {"n": "INTEGER CHECK (n > 0)"},
        {"n": "INTEGER REFERENCES u (id)"},
        {"d": "TEXT DEFAULT 'new'"},
        {"more": "TEXT DEFAULT 'm'"},
    ],
)
def test_no_page_of_an_edited_table_is_written_whatever_else_the_plan_does(tmp_path, edited):
    kept = OLD["t"] | {"_indexes": [{"name": "t_a", "columns": ["a"]}]}
    others = {"u": {"id": "INTEGER PRIMARY KEY", "b": "TEXT"}, "v": {"id": "INTEGER PRIMARY KEY", "b": "TEXT"}}
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
    rows = "".join(
        f"INSERT INTO {name} ({columns}) {numbers} SELECT {values} FROM n;"
        for name, columns, values in [
            ("t", "id, a, n", "i, 'v' || i, i"),
            ("u", "id, b", "i, i"),
            ("v", "id, b", "i, 'row of v'"),
        ]
    )
    link = make(tmp_path / "w", {"t": kept, **others}, rows)
    before = pages(link, "t")
    new = {"t": kept | edited, "u": {**others["u"], "b": "INTEGER"}, "w": {"id": "INTEGER PRIMARY KEY"}}
    report = sync(target(link, wait=5.0), read({**new, "_dropped": ["v"]}), SyncOptions(limits=LIMITS))
    assert {name: str(table["action"]) for name, table in report.tables.items() if name in "tu"} == {
        "t": "alter",
        "u": "rewrite",
    }
    assert len(before) > 20
    assert pages(link, "t") == before


def test_a_row_that_violates_a_new_check_when_it_is_written_beside_the_edit_refuses_the_swap(tmp_path):
    link = make(tmp_path / "w", OLD, ROWS)
    observer = at(("after", DiskStep.BUILD_RENAME), lambda: execute(link, "UPDATE t SET n = -1 WHERE id = 1"))
    new = {"t": OLD["t"] | {"n": "INTEGER CHECK (n > 0)"}}
    options = SyncOptions(limits=LIMITS.__class__(max_pause=1.0, cutover_timeout=0.5))
    with pytest.raises(Failed) as caught:
        sync(target(link, disk=Disk(observer), wait=5.0), read(new), options)
    assert caught.value.problems[0].code == Code.ROWS_VIOLATE_SCHEMA


def test_a_table_is_rewritten_where_connections_are_defensive_and_the_plan_says_so(tmp_path):
    link = make(tmp_path / "w", OLD, ROWS)
    where = target(link, opener=Opener(register=defensive), wait=5.0)
    (table,) = preview.outlook(where, read(WIDER), SyncOptions()).tables
    assert (str(table.action), table.why) == (
        "rewrite",
        "SQLite refuses to edit it here: table sqlite_master may not be modified",
    )
    report = sync(where, read(WIDER))
    assert report.tables["t"]["action"] == "rewrite"
    assert report.rows == 3
