"""Hundreds of tables: what writers wait for does not grow with them, and a run that creates or drops the triggers of
all in several transactions loses no write, whatever happens between two of them."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.engines.sqlite import fence
from schemasync.engines.sqlite.capture import changelog
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.fence import FENCE_TABLE
from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.objects import MESSAGE
from schemasync.engines.sqlite.temporary import remove_temporary
from schemasync.engines.sqlite.transactions import transaction
from schemasync.errors import Refused
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.phases import capture
from schemasync.sync.recovery import recover
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.processes import child, sqlite
from tests.crash.worlds import traces, whole

from .beside import QUICK, read

FEW, MANY = 8, 80


def tables(count, **changed):
    body = {"id": "INTEGER PRIMARY KEY", "text": "TEXT NOT NULL DEFAULT ''", "n": "INTEGER", "_indexes": ["n"]}
    return {f"t{number:03}": dict(body) for number in range(count)} | changed


def with_column(count):
    schema = tables(count)
    schema["t000"]["added"] = "TEXT"
    return schema


def made(folder, count):
    link = folder / str(count) / "db.sqlite3"
    link.parent.mkdir()
    sync(target(link), read(tables(count)))
    with sqlite(link) as connection:
        for name in tables(count):
            connection.execute(f"INSERT INTO {name} (id, n) VALUES (1, 10), (2, 20)")
        connection.commit()
    return link


def execute(link, *statements):
    with closing(sqlite3.connect(link, isolation_level=None, timeout=5)) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(link, table="t000"):
    with sqlite(link) as connection:
        return connection.execute(f"SELECT id, n FROM {table} ORDER BY id").fetchall()


def left_over(link):
    with sqlite(link) as connection:
        message = connection.execute("SELECT name FROM sqlite_schema WHERE name = ?", (MESSAGE,)).fetchall()
    return traces(link) + message


# --- what a run asks of SQLite --------------------------------------------------------------------------------------


class Statements:
    """Every statement of a run's connections, with a number for each connection, and the steps of the disk."""

    def __init__(self):
        self.all = []
        self.connections = 0

    def target(self, link):
        def step(when, label):
            self.all.append((0, f"{when} {label}"))

        return replace(target(link, disk=Disk(step), wait=5.0), opener=Opener(self._register))

    def _register(self, connection):
        self.connections += 1
        number = self.connections
        connection.set_trace_callback(lambda sql: self.all.append((number, sql)))

    def own(self):
        """Those that the run itself made, without what SQLite made of them."""
        return [sql for number, sql in self.all if number and not sql.startswith("--")]

    def while_writers_wait(self):
        """From the write lock that ends in the fence until the link has moved."""
        at = next(i for i, (_, sql) in enumerate(self.all) if sql.startswith(f"INSERT INTO {FENCE_TABLE}"))
        number = self.all[at][0]
        begun = max(i for i, one in enumerate(self.all[:at]) if one == (number, "BEGIN IMMEDIATE"))
        moved = self.all.index((0, f"after {DiskStep.CUTOVER_LINK}"))
        return [sql for number, sql in self.all[begun:moved] if number and not sql.startswith("--")]


def seen(folder, count):
    """(statements of a sync, statements of the rollback of it)."""
    link, forward, back = made(folder, count), Statements(), Statements()
    assert sync(forward.target(link), read(with_column(count)), QUICK).result == "synced"
    assert rollback(back.target(link), None, lambda ahead: True) is not None
    return forward, back


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counted")
    return {count: seen(folder, count) for count in (FEW, MANY, 2 * MANY)}


@pytest.mark.parametrize("which", [0, 1], ids=["sync", "rollback"])
def test_while_writers_wait_ten_times_the_tables_are_as_many_statements(counted, which):
    few, many = (counted[count][which].while_writers_wait() for count in (FEW, MANY))
    assert len(many) == len(few) < 60
    assert not [sql for sql in many if "TRIGGER" in sql]


@pytest.mark.parametrize("which", [0, 1], ids=["sync", "rollback"])
def test_twice_the_tables_are_at_most_twice_the_statements(counted, which):
    many, twice = (len(counted[count][which].own()) for count in (MANY, 2 * MANY))
    assert twice < 2.05 * many


def test_each_table_gets_four_triggers_and_the_new_file_loses_them_by_one_statement(counted):
    statements = counted[MANY][0].own()
    history = 3  # a fence alone: its writes are not replayed
    assert len([sql for sql in statements if sql.startswith("CREATE TRIGGER")]) == 4 * MANY + history
    assert not [sql for sql in statements if sql.startswith("DROP TRIGGER")]


DEFENSIVE = pytest.param(
    True,
    id="defensive",
    marks=pytest.mark.skipif(not hasattr(sqlite3.Connection, "setconfig"), reason="Python 3.12 and later can set it"),
)


@pytest.mark.parametrize("defensive", [pytest.param(False, id="usual"), DEFENSIVE])
def test_a_copy_loses_the_log_and_the_fence_and_nothing_else(folder, defensive):
    """Also if SQLite forbids writing into its schema: then each trigger is dropped."""
    path = folder / "copy.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "CREATE TABLE a (id INTEGER PRIMARY KEY, x); CREATE TABLE b (k PRIMARY KEY) WITHOUT ROWID;"
            "CREATE TRIGGER theirs AFTER INSERT ON a BEGIN INSERT INTO b VALUES (NEW.x); END; CREATE INDEX i ON a (x)"
        )
        before = connection.execute("SELECT * FROM sqlite_schema").fetchall()
        for statement in changelog.installation(connection, changelog.logged(inspect(connection).schema.tables)):
            connection.execute(statement)
        assert len(fence.triggers(connection)) == 8
        if defensive:
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        with transaction(connection):
            remove_temporary(connection)
            connection.execute("INSERT INTO a (x) VALUES ('in the same transaction')")
        assert connection.execute("SELECT * FROM sqlite_schema").fetchall() == before
        connection.execute("CREATE TABLE c (x)")
    assert whole(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("INSERT INTO a (x) VALUES ('another connection')")
        assert other.execute("SELECT count(*) FROM b").fetchone() == (2,)


def test_a_sync_inspects_the_live_schema_once_and_three_others(counted):
    """The scratch copy of schema.json, that of the dry run, and the new file: each of them once."""
    inspections = [sql for sql in counted[MANY][0].own() if "pragma_table_list AS t, pragma_table_xinfo" in sql]
    assert len(inspections) == 4


# --- several transactions -------------------------------------------------------------------------------------------


@pytest.fixture
def one_by_one(monkeypatch):
    """Each statement is a transaction of its own; returns a function that sets what happens between them."""
    for name in ("HOLD", "HOLD_READS", "BREATH", "BREATH_READS"):
        monkeypatch.setattr(capture, name, 0.0)
    pause = capture.Turns.pause

    def between(happens):
        count = 0

        def pausing(turns):
            nonlocal count
            count += 1
            happens(count)
            pause(turns)

        monkeypatch.setattr(capture.Turns, "pause", pausing)

    return between


def test_what_is_written_between_the_transactions_is_in_the_new_file(folder, one_by_one):
    link = made(folder, FEW)
    one_by_one(lambda count: execute(link, f"INSERT INTO t{count % FEW:03} (n) VALUES ({100 + count})"))
    assert sync(target(link), read(with_column(FEW)), QUICK).result == "synced"
    found = sorted(n for number in range(FEW) for _, n in rows(link, f"t{number:03}") if n > 100)
    assert found == list(range(101, 101 + len(found)))
    assert len(found) > 4 * FEW
    assert left_over(link) == []


@pytest.mark.parametrize(
    "sql",
    [
        f"DROP TRIGGER {FENCE_TABLE}_1_inserted",
        "DROP TABLE t007",
        "ALTER TABLE t007 ADD COLUMN by_hand TEXT",
        "CREATE TABLE another (x)",
    ],
)
def test_a_schema_that_somebody_changes_between_the_transactions_ends_the_run(folder, one_by_one, sql):
    link = made(folder, FEW)
    one_by_one(lambda count: execute(link, sql) if count == 12 else None)
    with pytest.raises(Refused) as refused:
        sync(target(link), read(with_column(FEW)), QUICK)
    assert [str(problem.code) for problem in refused.value.problems] == ["changed-during-run"]
    assert left_over(link) == []
    assert rows(link) == [(1, 10), (2, 20)]


def test_rows_that_violate_the_schema_and_come_between_the_transactions_are_refused(folder, one_by_one):
    link = made(folder, FEW)
    stricter = tables(FEW, t001={**tables(1)["t000"], "n": "INTEGER CHECK (n < 100)"})
    one_by_one(lambda count: execute(link, "INSERT INTO t001 (id, n) VALUES (7, 700)") if count == 3 else None)
    with pytest.raises(Refused) as refused:
        sync(target(link), read(stricter), QUICK)
    assert "check-fails" in {str(problem.facts.get("code", problem.code)) for problem in refused.value.problems}
    assert left_over(link) == []


def killed_at(number):
    def die(count):
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


@pytest.mark.parametrize("number", [1, 3, 20])
def test_a_kill_between_the_transactions_leaves_the_old_file_live_and_nothing_behind(folder, one_by_one, number):
    link = made(folder, FEW)
    one_by_one(killed_at(number))
    ended = child(lambda: sync(target(link), read(with_column(FEW)), QUICK).result)
    assert ended.killed
    assert left_over(link)
    execute(link, "INSERT INTO t000 VALUES (3, '', 30)")
    one_by_one(lambda count: None)
    assert child(lambda: len(recover(target(link)))).result() == 1
    assert left_over(link) == []
    assert sync(target(link), read(with_column(FEW)), QUICK).result == "synced"
    assert rows(link) == [(1, 10), (2, 20), (3, 30)]


def synced(folder):
    link = made(folder, FEW)
    assert sync(target(link), read(with_column(FEW)), QUICK).result == "synced"
    return link


def test_a_kill_between_the_transactions_of_a_rollback_leaves_one_whole_file_live(folder, one_by_one):
    """Before the swap the newer file is live, after it the older one; the next command removes what is left."""
    link, pauses = synced(folder), []
    shutil.copytree(link.parent, folder / "tried", symlinks=True)
    one_by_one(pauses.append)
    assert rollback(target(folder / "tried" / link.name), None, lambda ahead: True) is not None
    last = len(pauses)
    for number, moved in ((1, False), (3 * FEW - 1, False), (last - 4 * FEW + 2, True), (last, True)):
        copy = folder / f"killed-{number}" / link.name
        shutil.copytree(link.parent, copy.parent, symlinks=True)
        newer = copy.readlink()
        one_by_one(killed_at(number))
        assert child(lambda at=copy: rollback(target(at), None, lambda ahead: True)).killed
        assert (copy.readlink() != newer) is moved, number
        execute(copy, "INSERT INTO t000 (id, n) VALUES (3, 30)")
        one_by_one(lambda count: None)
        assert child(lambda at=copy: len(recover(target(at)))).result() == 1
        assert left_over(copy) == []
        assert rows(copy) == [(1, 10), (2, 20), (3, 30)]
        assert whole(copy)


def test_what_is_written_between_the_transactions_of_a_rollback_is_on_one_side_and_counted(folder, one_by_one):
    link = synced(folder)
    newer = link.resolve()
    one_by_one(lambda count: execute(link, f"INSERT INTO t{count % FEW:03} (n) VALUES ({100 + count})"))
    done = rollback(target(link), None, lambda ahead: True)
    sides = [{n for number in range(FEW) for _, n in rows(path, f"t{number:03}") if n > 100} for path in (newer, link)]
    assert sides[0] | sides[1] == set(range(101, 101 + len(sides[0]) + len(sides[1])))
    assert sum(one.added for one in done.preview.tallies) == len(sides[0]) > 0
    assert left_over(link) == []


def test_a_rollback_that_fails_leaves_no_fence_in_the_live_file(folder):
    link = synced(folder)
    with closing(sqlite3.connect(link, isolation_level=None)) as writer:

        def hold(when, label):
            if (when, label) == ("after", DiskStep.CAPTURE_INSTALL):
                writer.execute("BEGIN IMMEDIATE")

        with pytest.raises(Exception, match="held"):
            rollback(target(link, disk=Disk(hold), wait=0.1), None, lambda ahead: True)
        writer.execute("ROLLBACK")
    recover(target(link))
    assert left_over(link) == []


def test_a_rollback_that_stops_within_a_transaction_leaves_no_fence_in_the_live_file(folder, monkeypatch):
    """A signal may arrive right after a BEGIN: the connection can then begin no other transaction."""
    link = synced(folder)
    is_prepared = fence.is_prepared

    def stopped(connection):
        if is_prepared(connection):
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(fence, "is_prepared", stopped)
    with pytest.raises(BaseException):  # noqa: B017  whatever it is: what counts is what it leaves behind
        rollback(target(link), None, lambda ahead: True)
    assert left_over(link) == []


def test_a_key_that_a_conflict_clause_leaves_out_names_no_row(folder):
    """INSERT OR IGNORE of a NULL key fires the triggers and writes no row."""
    link = folder / "db.sqlite3"
    keyed = {"t": {"k": "TEXT", "n": "INTEGER", "_primary_key": ["k"], "_without_rowid": True}}
    sync(target(link), read(keyed))
    execute(link, "INSERT INTO t VALUES ('a', 1), ('b', 2)")

    def ignored(when, label):
        if (when, label) == ("after", DiskStep.CAPTURE_INSTALL):
            execute(link, "INSERT OR IGNORE INTO t VALUES (NULL, 3)", "UPDATE t SET n = 4 WHERE k = 'b'")

    wanted = {"t": {**keyed["t"], "added": "TEXT"}}
    assert sync(target(link, disk=Disk(ignored)), read(wanted), QUICK).result == "synced"
    with sqlite(link) as connection:
        assert connection.execute("SELECT k, n FROM t ORDER BY k").fetchall() == [("a", 1), ("b", 4)]
