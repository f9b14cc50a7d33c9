"""Tables whose definition is edited: what is asked of their rows, writers beside it, and where SQLite refuses the edit."""

import sqlite3
from contextlib import closing

import pytest

from schemasync.diff.compare import compare
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.rebuild.alter import CannotEdit, edit
from schemasync.engines.sqlite.verify.altered import altered
from schemasync.errors import Code, Failed
from schemasync.files.disk import Disk, DiskStep
from schemasync.plan.make import make as make_plan
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
    diff = compare(before.schema, after.schema, after.hints)
    return make_plan(
        diff,
        before.schema,
        after.schema,
        "1:x",
        base_version=None,
        base_fingerprint=None,
        volatile=lambda table, column: False,
    )


def look_at(folder, new, rows=ROWS, definition=None):
    """What the verification says of the rows, if nothing has looked at them before."""
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
