"""Hundreds of tables: the work while writers wait does not grow with them. A run that creates or drops their triggers
in several transactions loses no write, whatever happens between two of them."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.engines.sqlite import fence, triggers
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
from tests.crash.databases import traces, whole
from tests.crash.processes import child, sqlite
from tests.support.defensive import defensive

from .oracle import QUICK, read

FEW, MANY = 8, 104  # tables; MANY have more triggers than a run creates by DDL


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


# --- the statements of a run ----------------------------------------------------------------------------------------


class Statements:
    """The statements of a run, each with the number of its connection, and its disk steps, with the number 0."""

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
        """Return the statements of the run itself, without those that SQLite runs inside, such as triggers."""
        return [sql for number, sql in self.all if number and not sql.startswith("--")]

    def within(self, label):
        """Return the statements between the beginning and the end of this disk step."""
        begun, ended = (self.all.index((0, f"{when} {label}")) for when in ("before", "after"))
        return [sql for number, sql in self.all[begun:ended] if number and not sql.startswith("--")]

    def while_writers_wait(self):
        """Return the statements from the write lock that ends in the fence until the link has moved."""
        return [sql for number, sql in self.locked() if number and not sql.startswith("--")]

    def locked(self):
        """Return all events of while_writers_wait(), also disk steps and statements inside triggers."""
        at = next(i for i, (_, sql) in enumerate(self.all) if sql.startswith(f"INSERT INTO {FENCE_TABLE}"))
        number = self.all[at][0]
        begun = max(i for i, one in enumerate(self.all[:at]) if one == (number, "BEGIN IMMEDIATE"))
        moved = self.all.index((0, f"after {DiskStep.CUTOVER_LINK}"))
        return self.all[begun:moved]


def seen(folder, count):
    """Sync and roll back. Return (statements of the sync, statements of the rollback)."""
    link, forward, back = made(folder, count), Statements(), Statements()
    assert sync(forward.target(link), read(with_column(count)), QUICK).result == "synced"
    assert rollback(back.target(link), None, lambda ahead: True) is not None
    return forward, back


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counted")
    return {count: seen(folder, count) for count in (FEW, MANY, 2 * MANY)}


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1], ids=["sync", "rollback"])
def test_while_writers_wait_a_hundred_tables_more_are_one_statement_more(counted, which):
    few, many = (counted[count][which].while_writers_wait() for count in (FEW, MANY))
    assert len(few) <= len(many) <= len(few) + 1 < 60
    assert not [sql for sql in many if "TRIGGER" in sql]


def test_while_writers_wait_no_schema_is_read_although_rows_were_written_meanwhile(tmp_path):
    """Reading the schema of a thousand tables takes 75 ms."""
    link, statements = made(tmp_path, FEW), Statements()
    goal = statements.target(link)
    note = goal.disk.observer

    def observer(when, label):
        if (when, label) == ("after", DiskStep.BUILD_RENAME):
            execute(link, "UPDATE t001 SET n = 11 WHERE id = 1")
        note(when, label)

    assert sync(replace(goal, disk=Disk(observer)), read(with_column(FEW)), QUICK).followed.keys > 0
    assert rows(link, "t001") == [(1, 11), (2, 20)]
    waited = statements.while_writers_wait()
    assert not [sql for sql in waited if "writable_schema" in sql or "SELECT type, name, tbl_name, sql" in sql]
    assert len([sql for sql in waited if "sqlite_schema" in sql]) <= 8


@pytest.mark.parametrize("which", [0, 1], ids=["sync", "rollback"])
def test_twice_the_tables_are_at_most_twice_the_statements(counted, which):
    many, twice = (len(counted[count][which].own()) for count in (MANY, 2 * MANY))
    assert twice < 2.05 * many


def test_each_table_gets_four_triggers_and_the_new_file_loses_them_by_one_statement(counted):
    history = 3  # triggers of the fence only, as writes to the history are not replayed
    for count, create in ((FEW, "CREATE TRIGGER"), (MANY, "INSERT INTO main.sqlite_schema")):
        statements = counted[count][0].own()
        assert len([sql for sql in statements if sql.startswith(create)]) == 4 * count + history
        assert not [sql for sql in statements if sql.startswith("DROP TRIGGER")]


@pytest.mark.parametrize(
    ("which", "label"), [(0, DiskStep.CAPTURE_INSTALL), (1, DiskStep.CAPTURE_INSTALL), (1, DiskStep.CAPTURE_REMOVE)]
)
def test_the_triggers_of_hundreds_of_tables_take_two_transactions(counted, which, label):
    """They use no CREATE TRIGGER or DROP TRIGGER, for each of which SQLite would search the whole schema."""
    statements = counted[2 * MANY][which].within(label)
    assert len([sql for sql in statements if sql.startswith("BEGIN IMMEDIATE")]) == 2
    assert not [sql for sql in statements if sql.startswith(("CREATE TRIGGER", "DROP TRIGGER"))]
    locked = "\n".join(statements).split("BEGIN IMMEDIATE")[1:]
    assert not [sql for sql in locked if "CREATE TRIGGER" in sql.split("COMMIT")[0].replace("0, 'CREATE TRIGGER", "")]


@pytest.fixture
def garbage():
    """Make Python collect garbage at each new object. A list that gets an entry for each collection."""
    found, threshold = [], gc.get_threshold()

    def note(when, info):
        found.append((0, "garbage"))

    gc.set_threshold(1)
    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)
    gc.set_threshold(*threshold)
    assert gc.isenabled()


def test_python_does_not_look_for_garbage_while_writers_wait(folder, garbage):
    """With thousands of tables, garbage collection takes longer than all other work under the lock."""
    link, forward, back = made(folder, FEW), Statements(), Statements()
    for statements, action in (
        (forward, lambda: sync(forward.target(link), read(with_column(FEW)), QUICK)),
        (back, lambda: rollback(back.target(link), None, lambda ahead: True)),
    ):
        statements.all = garbage
        action()
        assert (0, "garbage") in garbage
        assert (0, "garbage") not in statements.locked()
        garbage.clear()


@pytest.mark.parametrize("is_defensive", [False, True], ids=["usual", "defensive"])
def test_a_copy_loses_the_log_and_the_fence_and_nothing_else(folder, is_defensive):
    """If SQLite forbids writes to its schema, each trigger is dropped by DROP TRIGGER."""
    path = folder / "copy.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "CREATE TABLE a (id INTEGER PRIMARY KEY, x); CREATE TABLE b (k PRIMARY KEY) WITHOUT ROWID;"
            "CREATE TRIGGER theirs AFTER INSERT ON a BEGIN INSERT INTO b VALUES (NEW.x); END; CREATE INDEX i ON a (x)"
        )
        before = connection.execute("SELECT * FROM sqlite_schema").fetchall()
        logged = changelog.logged(inspect(connection).schema.tables)
        for step in changelog.installation(connection, logged).steps(connection):
            step.run(connection)
        assert len(fence.trigger_names(connection)) == 8
        if is_defensive:
            defensive(connection)
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
    """The other three are the scratch copy of schema.json, that of the dry run, and the new file."""
    inspections = [sql for sql in counted[MANY][0].own() if "pragma_table_list AS t, pragma_table_xinfo" in sql]
    assert len(inspections) == 4


def test_a_rollback_inspects_each_of_the_two_files_twice(counted):
    """Once for the preview, and once more later, as somebody may have added a table since."""
    inspections = [sql for sql in counted[MANY][1].own() if "pragma_table_list AS t, pragma_table_xinfo" in sql]
    assert len(inspections) == 4


# --- several transactions -------------------------------------------------------------------------------------------


def pausing(monkeypatch):
    """Return a function that sets a callback for the pauses between two transactions."""
    for name in ("HOLD", "HOLD_READS", "BREATH", "BREATH_READS"):
        monkeypatch.setattr(capture, name, 0.0)
    pause = capture.Turns.pause

    def between(happens):
        count = 0

        def paused(turns):
            nonlocal count
            count += 1
            happens(count)
            pause(turns)

        monkeypatch.setattr(capture.Turns, "pause", paused)

    return between


@pytest.fixture
def one_by_one(monkeypatch):
    """Make each statement a transaction of its own. A function that sets a callback for the pauses between them."""
    return pausing(monkeypatch)


@pytest.fixture
def by_rows(monkeypatch):
    """Write even a few triggers as rows of sqlite_schema, in two transactions. A function that sets a callback for the
    pause between them."""
    monkeypatch.setattr(triggers, "FEW", 0)
    return pausing(monkeypatch)


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
    """Before the swap the newer file is live, after it the older one. The next command removes the remains."""
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


# --- triggers as rows of the schema ----------------------------------------------------------------------------------

KINDS = """
CREATE TABLE a (id INTEGER PRIMARY KEY, x UNIQUE, y TEXT COLLATE NOCASE);
CREATE TABLE "it's ""b"" c" (k TEXT, n INTEGER, PRIMARY KEY (k, n)) WITHOUT ROWID;
CREATE TABLE Ünïcode (a ANY, x INTEGER NOT NULL DEFAULT 1 UNIQUE) STRICT;
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, g AS (id + 1) UNIQUE);
CREATE UNIQUE INDEX partial ON a (y DESC, lower(x)) WHERE y > 'a';
CREATE VIRTUAL TABLE fts USING fts5 (body);
CREATE VIEW v AS SELECT * FROM a;
CREATE TRIGGER theirs AFTER INSERT ON a BEGIN UPDATE counted SET id = id; END;
CREATE TRIGGER of_view INSTEAD OF INSERT ON v BEGIN INSERT INTO a (x) VALUES (NEW.x); END;
"""


def opened(path):
    return closing(sqlite3.connect(path, isolation_level=None))


def schema_rows(connection):
    return connection.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid").fetchall()


def installed(path, monkeypatch, few):
    monkeypatch.setattr(triggers, "FEW", few)
    with opened(path) as connection:
        connection.executescript(KINDS)
        found = inspect(connection).schema.tables
        wanted = changelog.installation(connection, changelog.logged([table for table in found if not table.virtual]))
        before = schema_rows(connection)
        for step in wanted.steps(connection):
            with transaction(connection):
                step.run(connection)
        return before, schema_rows(connection)


def test_triggers_that_are_written_as_rows_are_byte_for_byte_those_of_ddl(folder, monkeypatch):
    ddl, rows = folder / "ddl.sqlite3", folder / "rows.sqlite3"
    assert installed(ddl, monkeypatch, 1000) == installed(rows, monkeypatch, 0)
    writes = "INSERT INTO a (x, y) VALUES (1, 'b'); UPDATE a SET x = 2; DELETE FROM a; INSERT INTO counted VALUES (7)"
    logs = []
    for path in (ddl, rows):
        assert whole(path)
        with opened(path) as connection:
            connection.executescript(writes)
            logs.append(connection.execute("SELECT * FROM _schemasync_log").fetchall())
    assert logs[0] == logs[1]
    assert len(logs[0]) > 4


@pytest.mark.parametrize("few", [0, 1000], ids=["rows", "ddl"])
def test_a_connection_that_was_open_before_logs_its_writes_from_then_on(folder, monkeypatch, few):
    path, insert = folder / "db.sqlite3", "INSERT INTO t (x) VALUES (1)"
    monkeypatch.setattr(triggers, "FEW", few)
    path.touch()
    with closing(Opener().write(path)) as connection, opened(path) as other:
        other.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
        tables = changelog.logged(inspect(connection).schema.tables)
        steps = changelog.installation(connection, tables).steps(connection)
        for step in steps:
            other.execute(insert)
            with transaction(connection):
                step.run(connection)
        last = len(steps) + 1
        other.execute(insert)
        assert connection.execute("SELECT max(k0) FROM _schemasync_log").fetchall() == [(last,)]


@pytest.mark.parametrize("few", [0, 1000], ids=["rows", "ddl"])
def test_a_change_log_that_is_removed_leaves_the_schema_as_it_was(folder, monkeypatch, few):
    path = folder / "db.sqlite3"
    before, _ = installed(path, monkeypatch, few)
    with opened(path) as connection, opened(path) as other:
        other.execute("INSERT INTO a (x) VALUES ('it knows the triggers')")
        for step in changelog.removal(connection):
            with transaction(connection):
                step.run(connection)
        assert schema_rows(connection) == before
        other.execute("INSERT INTO a (x) VALUES ('it has read the schema again')")
    assert whole(path)


def test_a_table_that_another_connection_drops_gets_no_trigger(folder):
    """A trigger without its table would make the whole schema unreadable. SQLite notices a change of the schema only
    when it runs a statement, and not when it compiles one."""
    path = folder / "db.sqlite3"
    path.touch()
    with closing(Opener().write(path)) as connection, opened(path) as other:
        other.execute("CREATE TABLE t (x)")
        connection.execute("SELECT * FROM t")
        step = triggers.InsertTriggers(
            [triggers.Trigger("g", "t", "CREATE TRIGGER g BEFORE INSERT ON t BEGIN SELECT 1; END")]
        )
        step.prepare(connection)
        other.execute("DROP TABLE t")
        with pytest.raises(sqlite3.OperationalError, match="no such table"), transaction(connection):
            step.run(connection)
        other.execute("CREATE TABLE t (x)")
        step.prepare(connection)
        other.execute("DROP TABLE t")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            step.prepare(connection)
        other.execute("CREATE TABLE t (x)")
        with transaction(connection):
            step.run(connection)
        with pytest.raises(sqlite3.OperationalError, match="already exists"), transaction(connection):
            step.run(connection)
        assert len(schema_rows(other)) == 2


def test_a_file_is_closed_to_writers_at_once_however_its_triggers_are_made(folder, by_rows):
    """As with --block-writers and in an adoption, where the file has no triggers of the fence before."""
    path = folder / "db.sqlite3"
    with opened(path) as connection, opened(path) as stale:
        connection.executescript(KINDS)
        before = schema_rows(connection)
        stale.execute("SELECT * FROM a").fetchall()
        with transaction(connection):
            fence.raise_fence(connection, fence.Fence(1, "0002-x", "now"))
        for table in ("a", '"it\'s ""b"" c"', "Ünïcode", "counted"):
            with pytest.raises(sqlite3.OperationalError, match="superseded"):
                stale.execute(f"DELETE FROM {table}")
        with transaction(connection):
            fence.lower_fence(connection)
        assert schema_rows(connection) == before
        stale.execute("SELECT * FROM a").fetchall()
        stale.execute("DELETE FROM a")


@pytest.mark.parametrize("block_writers", [False, True])
def test_a_run_and_its_rollback_keep_every_write_and_trigger_with_triggers_as_rows(folder, by_rows, block_writers):
    link, pauses = made(folder, FEW), []
    execute(link, "CREATE TRIGGER theirs AFTER INSERT ON t001 BEGIN UPDATE t002 SET n = n + 1; END")

    def happens(count):
        pauses.append(count)
        execute(link, f"INSERT INTO t{len(pauses) % FEW:03} (n) VALUES ({100 + len(pauses)})")

    by_rows(happens)
    options = replace(QUICK, block_writers=block_writers)
    assert sync(target(link), read(with_column(FEW)), options).result == "synced"
    execute(link, "INSERT INTO t001 (n) VALUES (1000)")
    assert rollback(target(link), None, lambda ahead: True) is not None
    assert left_over(link) == []
    newer = list(link.resolve().parent.glob("0002-*.sqlite3"))
    sides = [{n for number in range(FEW) for _, n in rows(path, f"t{number:03}") if n > 100} for path in (*newer, link)]
    assert sides[0] | sides[1] == {*range(101, 101 + len(pauses)), 1000}
    for path in (*newer, link):
        assert whole(path)
        with sqlite(path) as connection:
            names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name = 'theirs'")
            assert names.fetchall() == [("theirs",)]


@pytest.mark.parametrize(
    "sql", ["DROP TABLE t007", "ALTER TABLE t007 ADD COLUMN by_hand TEXT", "CREATE TABLE another (x)"]
)
@pytest.mark.parametrize("compiled", [False, True], ids=["before", "after"])
def test_a_schema_that_somebody_changes_around_the_compilation_of_triggers_ends_the_run(
    folder, by_rows, monkeypatch, sql, compiled
):
    link, prepare = made(folder, FEW), triggers.InsertTriggers.prepare

    def prepared(step, connection):
        if not compiled:
            execute(link, sql)
        prepare(step, connection)
        if compiled:
            execute(link, sql)

    monkeypatch.setattr(triggers.InsertTriggers, "prepare", prepared)
    with pytest.raises(Refused) as refused:
        sync(target(link), read(with_column(FEW)), QUICK)
    assert [str(problem.code) for problem in refused.value.problems] == ["changed-during-run"]
    assert left_over(link) == []
    assert rows(link) == [(1, 10), (2, 20)]
    assert whole(link.resolve())


def test_a_kill_between_the_two_transactions_leaves_the_old_file_live_and_nothing_behind(folder, by_rows):
    link = made(folder, FEW)
    by_rows(killed_at(1))
    assert child(lambda: sync(target(link), read(with_column(FEW)), QUICK).result).killed
    assert left_over(link)
    execute(link, "INSERT INTO t000 VALUES (3, '', 30)")
    by_rows(lambda count: None)
    assert child(lambda: len(recover(target(link)))).result() == 1
    assert left_over(link) == []
    assert rows(link) == [(1, 10), (2, 20), (3, 30)]


@pytest.mark.parametrize(("number", "moved"), [(1, False), (2, True)])
def test_a_kill_between_the_two_transactions_of_a_rollback_leaves_one_whole_file_live(folder, by_rows, number, moved):
    link = synced(folder)
    newer = link.readlink()
    by_rows(killed_at(number))
    assert child(lambda: rollback(target(link), None, lambda ahead: True)).killed
    assert (link.readlink() != newer) is moved
    execute(link, "INSERT INTO t000 (id, n) VALUES (3, 30)")
    by_rows(lambda count: None)
    assert child(lambda: len(recover(target(link)))).result() == 1
    assert left_over(link) == []
    assert rows(link) == [(1, 10), (2, 20), (3, 30)]
    assert whole(link.resolve())


def test_a_defensive_connection_creates_and_drops_each_trigger(folder, by_rows):
    path = folder / "db.sqlite3"
    with opened(path) as connection:
        connection.execute("CREATE TABLE t (x)")
        defensive(connection)
        with transaction(connection):
            fence.prepare(connection)
        assert len(fence.trigger_names(connection)) == 3
        with transaction(connection):
            fence.lower_fence(connection)
        assert schema_rows(connection) == [("table", "t", "t", 2, "CREATE TABLE t (x)")]
