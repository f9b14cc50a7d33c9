"""Replay while writers go on: each round is one transaction, and the report counts the replayed rows."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.engines.sqlite import fence
from schemasync.engines.sqlite.capture.replay import Replay, Round
from schemasync.engines.sqlite.connection import Opener
from schemasync.errors import Busy, Code, Failed, Refused, SchemasyncError
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync import runner
from schemasync.sync.adopt import adopt
from schemasync.sync.phases import capture
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.phases.lag import Lag
from schemasync.sync.phases.write_lock import write_lock
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.databases import traces
from tests.support.columns import WRITTEN

from .damaged import FILLED, MODES, NEW, OLD, SEALED, at, copy, execute, make, new_file, read, run


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    return make(tmp_path_factory.mktemp("followed") / "old")


@pytest.fixture
def link(old, tmp_path):
    return copy(old, tmp_path / "w")


def test_the_report_counts_each_key_that_was_replayed_while_it_was_built_and_at_the_swap(link):
    rounds = []

    def observer(when, label):
        if when == "before" and label in (DiskStep.BUILD_ROUND, DiskStep.CUTOVER_ROUND):
            rounds.append(label)
        if (when, label) == FILLED:
            execute(link, "UPDATE people SET height = 1 WHERE id IN (1, 2); DELETE FROM codes WHERE code = 'k1'")
        if (when, label) == ("after", DiskStep.BUILD_ROUND) and len(rounds) == 1:
            execute(link, "UPDATE kept SET x = 'n' WHERE id = 1")
        if (when, label) == SEALED:
            execute(link, "INSERT INTO bare VALUES ('7', '8')")

    followed = run(link, NEW, MODES["live"], observer).followed
    assert followed.keys == 5
    assert followed.rounds == len(rounds) + 1 >= 4, "and the one in whose snapshot the files were compared"


def test_a_row_that_is_written_between_its_replay_and_its_comparison_is_replayed_once_more(link):
    """A round reads one snapshot of the old file. Writes during the round are left to the next one."""
    rounds, calls = [], []

    def write():
        calls.append(1)
        execute(link, "UPDATE people SET name = 'last' WHERE id = 1")

    def register(connection):
        connection.create_function("write_meanwhile", 0, write)

    def observer(when, label):
        if (when, label) == SEALED:
            execute(link, "UPDATE people SET name = 'first' WHERE id = 1")
            # another program, which defines the function of the trigger, opens the new file
            with closing(sqlite3.connect(new_file(link), isolation_level=None)) as connection:
                register(connection)
                connection.execute(
                    "CREATE TRIGGER meanwhile AFTER INSERT ON people BEGIN SELECT write_meanwhile(); END"
                )
        if (when, label) == ("after", DiskStep.CUTOVER_ROUND):
            rounds.append(label)
            if len(rounds) == 1:
                execute(new_file(link), "DROP TRIGGER meanwhile")

    report = sync(
        target(link, opener=Opener(register), disk=Disk(observer), wait=5.0),
        read(NEW),
        MODES["live"],
    )
    assert report.result == "synced"
    assert calls
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT name FROM people WHERE id = 1").fetchone() == ("last",)


def test_other_programs_see_all_of_the_change_log_or_none_of_it(link, monkeypatch):
    """The run installs the change log in one transaction, and the fence closes the file in another, however slow the
    test makes them. The log is emptied afterwards, and stays with the fence."""
    monkeypatch.setattr(capture, "HOLD", 60.0)
    path, seen = link.resolve(), []

    def note_what_others_see(statement):
        with closing(sqlite3.connect(path)) as connection:
            query = "SELECT group_concat(name) FROM sqlite_schema WHERE name LIKE '%schemasync%'"
            found = connection.execute(query).fetchone()[0]
        if not seen or seen[-1] != found:
            seen.append(found)

    opener = Opener(lambda connection: connection.set_trace_callback(note_what_others_see))
    assert sync(target(link, opener=opener, wait=5.0), read(NEW), MODES["live"]).result == "synced"
    assert seen[0] is None
    assert len(seen) == 3, "nothing, the log and an open fence, a closed fence"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM _schemasync_log").fetchone() == (0,)


CODES = {"k": "TEXT NOT NULL", "v": "TEXT NOT NULL", "_primary_key": ["k"], "_without_rowid": True}
ANOTHER_KEY = {"k": "TEXT NOT NULL", "v": "TEXT NOT NULL", "_primary_key": ["v"]}


def test_rows_that_get_another_key_are_followed_where_that_never_holds_a_null(tmp_path):
    link = make(tmp_path / "w", {"codes": CODES}, "INSERT INTO codes VALUES ('a', 'x'), ('b', 'y')")
    write = at(FILLED, lambda: execute(link, "UPDATE codes SET v = 'z' WHERE k = 'a'"))
    assert run(link, {"codes": ANOTHER_KEY}, MODES["live"], write).result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT k, v FROM codes ORDER BY k").fetchall() == [("a", "z"), ("b", "y")]


def test_rows_that_get_a_key_which_may_hold_a_null_are_not_followed(tmp_path):
    """Without a key, nothing shows which new row belongs to which old one."""
    codes = {**CODES, "v": "TEXT"}
    link = make(tmp_path / "w", {"codes": codes}, "INSERT INTO codes VALUES ('a', NULL), ('b', 'y')")
    nullable = {"codes": {**ANOTHER_KEY, "v": "TEXT"}}
    with pytest.raises(Refused) as caught:
        run(link, nullable, MODES["live"], lambda when, label: None)
    assert [str(problem.code) for problem in caught.value.problems] == ["cannot-follow-writes"]
    assert run(link, nullable, MODES["pause"], lambda when, label: None).result == "synced"


def test_a_full_text_table_that_the_plan_drops_is_no_loss(tmp_path):
    """Neither are its shadow tables."""
    with_text = {**OLD, "words": {"_virtual": "fts5(w)"}}
    link = make(tmp_path / "w", with_text, "INSERT INTO words VALUES ('one two')")
    execute(link, "CREATE VIRTUAL TABLE by_hand USING fts5(w); INSERT INTO by_hand VALUES ('three')")
    for options in (MODES["live"], MODES["fresh"]):
        dropped = {**(NEW if options is MODES["live"] else OLD), "_dropped": ["words"]}
        options = replace(
            options, allow_drop=frozenset({f"{name}.more" for name in OLD} if options.rebuild_all else ())
        )
        assert run(link, dropped, options, lambda when, label: None).result == "synced"
        with closing(sqlite3.connect(link)) as connection:
            assert connection.execute("SELECT w FROM by_hand WHERE w MATCH 'three'").fetchall() == [("three",)]


def test_a_full_text_table_that_is_written_to_before_the_swap_comes_along(tmp_path):
    """Virtual tables have no change log, so the run copies their content again at the swap."""
    with_text = {**OLD, "words": {"_virtual": "fts5(w)"}}
    link = make(tmp_path / "w", with_text, "INSERT INTO words VALUES ('one two')")
    new = {**NEW, "words": with_text["words"]}
    write = at(SEALED, lambda: execute(link, "INSERT INTO words VALUES ('late'); DELETE FROM words WHERE rowid = 1"))
    assert run(link, new, MODES["live"], write).result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT w FROM words WHERE words MATCH 'late OR one'").fetchall() == [("late",)]


def test_a_table_whose_columns_hide_its_row_ids_is_not_followed_and_is_named(tmp_path):
    hidden = {"rowid": "TEXT", "oid": "TEXT", "__rowid_": "TEXT"}
    link = make(tmp_path / "w", {**OLD, "hidden": hidden}, "INSERT INTO hidden VALUES ('a', 'b', 'c')")
    new = {**OLD, "kept": {**OLD["kept"], "more": WRITTEN}, "hidden": hidden}
    with pytest.raises(Refused) as caught:
        run(link, new, MODES["live"], lambda when, label: None)
    (problem,) = caught.value.problems
    assert (str(problem.code), problem.facts["table"]) == ("cannot-follow-writes", "hidden")
    assert run(link, new, MODES["pause"], lambda when, label: None).result == "synced"


def test_a_fence_that_was_prepared_is_closed_by_one_drop_of_a_table():
    """The run creates no trigger while writers wait, as the cost of that grows with the number of tables."""
    statements: list[str] = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript("CREATE TABLE a (x); CREATE TABLE b (x)")
        fence.prepare(connection)
        assert fence.is_prepared(connection)
        connection.set_trace_callback(statements.append)
        fence.raise_fence(connection, fence.Fence(1, "0002-x", "now"))
        connection.set_trace_callback(None)
        assert not [statement for statement in statements if "TRIGGER" in statement]
        with pytest.raises(sqlite3.OperationalError, match="superseded"):
            connection.execute("INSERT INTO b VALUES (1)")


def test_tables_of_a_module_that_is_not_loaded_here_bear_no_fence(tmp_path):
    """Programs that have the module write to these tables without firing any trigger."""
    path = tmp_path / "db.sqlite3"
    execute(
        path,
        "CREATE TABLE t (x); CREATE TABLE wordless (x); CREATE VIRTUAL TABLE words USING fts5(w);"
        "PRAGMA writable_schema=ON;"
        "UPDATE sqlite_schema SET sql = replace(sql, 'fts5', 'elsewhere') WHERE name = 'words'",
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for close in (fence.prepare, lambda c: fence.raise_fence(c, fence.Fence(1, "0002-x", "now"))):
            close(connection)
            bearers = connection.execute("SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger'")
            assert {name for (name,) in bearers} == {"t", "wordless"}


def test_a_lock_that_is_not_to_be_had_is_busy_and_says_of_which_file(link):
    with closing(sqlite3.connect(link, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy) as caught, write_lock(target(link, wait=0.1), link.resolve()):
            pass
    (problem,) = caught.value.problems
    assert str(problem.code) == "database-locked"
    assert problem.message == f"a writer held {link.resolve().name} for all of 0.1 s"


def test_a_lock_that_fails_for_another_reason_says_what_it_is(tmp_path):
    """Since the file was opened, a folder has the name of the journal."""
    path = tmp_path / "db.sqlite3"
    execute(path, "PRAGMA journal_mode=DELETE; CREATE TABLE t (x)")

    def obstruct(statement):
        if statement == "BEGIN IMMEDIATE":
            path.with_name(f"{path.name}-journal").mkdir()

    opener = Opener(lambda connection: connection.set_trace_callback(obstruct))
    with pytest.raises(SchemasyncError) as caught, write_lock(target(path, opener=opener), path):
        pass
    (problem,) = caught.value.problems
    assert str(problem.code) != "database-locked"
    assert str(path) in problem.message


def test_the_lock_is_free_when_its_block_ends_whatever_still_refers_to_its_connection(link):
    """SQLite keeps a closed connection and its locks as long as one of its statements exists."""
    with write_lock(target(link), link.resolve()) as held:
        cursor = held.connection.execute("SELECT 1")
    with closing(sqlite3.connect(link, isolation_level=None, timeout=0)) as writer:
        writer.execute("INSERT INTO kept (x) VALUES ('written')")
    del cursor


def test_the_logs_of_both_files_are_folded_before_writers_wait(link):
    """Otherwise the commits under the lock would have to checkpoint them."""
    folded = {}
    with closing(sqlite3.connect(link, isolation_level=None)) as application:
        application.execute("PRAGMA wal_autocheckpoint=0")
        old = link.resolve()

        def observer(when, label):
            if (when, label) == SEALED:
                application.execute("INSERT INTO kept (x) VALUES ('to be folded')")
            if (when, label) == ("before", DiskStep.CUTOVER_FENCE):
                folded.update({path: b"to be folded" in path.read_bytes() for path in (old, new_file(link))})

        assert run(link, NEW, MODES["live"], observer).result == "synced"
    assert list(folded.values()) == [True, True]


def test_after_a_run_that_fails_no_writer_has_to_checkpoint_what_its_change_log_occupied(link):
    with closing(sqlite3.connect(link, isolation_level=None)) as application:
        application.execute("PRAGMA wal_autocheckpoint=0")

        def observer(when, label):
            if (when, label) == ("before", DiskStep.CAPTURE_REMOVE):
                application.execute("INSERT INTO kept (x) VALUES ('to be copied')")
            if label == DiskStep.BUILD_SEAL:
                raise Failed.of(Code.SQLITE_ERROR, "it fails", "")

        with pytest.raises(Failed, match="it fails"):
            run(link, NEW, MODES["live"], observer)
        assert b"to be copied" in link.resolve().read_bytes()


def test_how_many_keys_fit_into_a_pause_follows_from_how_fast_the_last_rounds_were(link):
    """On a slow disk, the same number as elsewhere would make writers wait for longer than --max-pause."""
    lag = Lag(target(link), Replay(None, (), {}, None, 0))
    lag.note(Round(keys=1000), seconds=1.0)
    assert (lag.few(0.5), lag.few(2.0)) == (500, 2000)
    lag.note(Round(keys=10), seconds=1.0)
    assert lag.few(2.0) == 2000, "a small round says nothing about it"
    before = lag.table
    lag.note(Round(keys=4, tables=4), seconds=1.0)
    assert lag.table == before
    lag.note(Round(keys=30, tables=30), seconds=0.9)
    assert (lag.table, lag.few(2.0)) == (pytest.approx(0.03), 2000)


def test_writers_do_not_wait_for_many_tables_that_were_written_a_little(tmp_path):
    """Each table with a new row needs some statements under the lock: 40 tables need more than --max-pause allows."""
    link, tables, written = tmp_path / "db.sqlite3", [f"t{number}" for number in range(40)], []
    sync(target(link), read({table: {"id": "INTEGER PRIMARY KEY"} for table in tables}))

    def write(when, label):
        if (when, label) == ("after", DiskStep.CUTOVER_ROUND) and len(written) < 6:
            with closing(sqlite3.connect(link, isolation_level=None, timeout=0)) as connection:
                connection.execute("BEGIN IMMEDIATE")  # fails under the lock
                written.append([connection.execute(f"INSERT INTO {table} DEFAULT VALUES") for table in tables])
                connection.execute("COMMIT")

    new = {table: {"id": "INTEGER PRIMARY KEY", "x": "INTEGER"} for table in tables}
    brief = SyncOptions(limits=Limits(max_pause=0.01))
    assert sync(target(link, disk=Disk(write)), read(new), brief).result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        assert {connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables} == {(6,)}


def test_a_reader_of_a_rollback_journal_holds_the_fence_up_only_as_long_as_it_reads(tmp_path):
    """The commit that closes the file must wait for the reader."""
    link = tmp_path / "db.sqlite3"
    execute(link, "PRAGMA journal_mode=DELETE; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    reader = sqlite3.connect(link, isolation_level=None, check_same_thread=False)

    def begin_to_read():
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        threading.Timer(0.3, reader.execute, ["COMMIT"]).start()

    observer = at(("before", DiskStep.CUTOVER_FENCE), begin_to_read)
    adopt(target(link, disk=Disk(observer), wait=5.0), None)
    assert link.is_symlink()
    reader.close()


def test_a_reader_that_holds_the_fence_up_for_too_long_leaves_the_file_open_and_the_command_says_so(tmp_path):
    link = tmp_path / "db.sqlite3"
    execute(link, "PRAGMA journal_mode=DELETE; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    reader = sqlite3.connect(link, isolation_level=None, check_same_thread=False)
    ends = threading.Timer(15, reader.execute, ["COMMIT"])

    def begin_to_read():
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        ends.start()

    observer = at(("before", DiskStep.CUTOVER_FENCE), begin_to_read)
    with pytest.raises(Busy) as caught:
        adopt(target(link, disk=Disk(observer), wait=0.1), None)
    assert [str(problem.code) for problem in caught.value.problems] == ["database-locked"]
    assert ends.is_alive(), "nobody waited for the reader to end"
    ends.cancel()
    reader.close()
    assert not link.is_symlink()
    execute(link, "INSERT INTO t VALUES (2)")
    adopt(target(link), None)
    assert link.is_symlink()


def test_the_pause_that_is_reported_ends_when_writers_go_on(link):
    """The cleanup afterwards makes no one wait."""
    first = {}

    def observer(when, label):
        first.setdefault((when, label), time.monotonic())
        if (when, label) == ("before", DiskStep.ARCHIVE_CHECKPOINT):
            time.sleep(0.5)

    report = run(link, NEW, MODES["live"], observer)
    most = first["before", DiskStep.ARCHIVE_CHECKPOINT] - first["after", DiskStep.CUTOVER_ROUND]
    assert 0 < report.pause_ms <= most * 1000 + 1


def test_a_live_file_that_left_wal_mode_is_not_followed_and_the_way_out_is_named(link):
    live = link.resolve()
    execute(live, "PRAGMA journal_mode=DELETE")
    with pytest.raises(Refused) as refused:
        run(link, NEW, MODES["live"], lambda when, label: None)
    (problem,) = refused.value.problems
    assert str(problem.code) == "cannot-follow-writes"
    assert f"sqlite3 {live} 'PRAGMA journal_mode=WAL'" in problem.hint
    assert traces(live) == []
    execute(live, "PRAGMA journal_mode=WAL")
    assert run(link, NEW, MODES["live"], lambda when, label: None).result == "synced"


@pytest.mark.parametrize("mode", ["live", "pause"])
def test_a_fence_that_was_left_open_without_its_log_is_put_up_anew(link, mode):
    """A killed run left a prepared fence, of which somebody dropped a trigger, and no change log."""
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        fence.prepare(connection)
        connection.execute("DROP TRIGGER _schemasync_fence_0_insert")
        connection.execute("COMMIT")
    old = link.resolve()
    assert run(link, NEW, MODES[mode], lambda when, label: None).result == "synced"
    assert traces(link) == []
    with closing(sqlite3.connect(old)) as connection:
        for table in (*OLD, "foreign_table"):
            if not table.startswith("_"):
                with pytest.raises(sqlite3.OperationalError, match="superseded"):
                    connection.execute(f"DELETE FROM {table}")


def test_a_key_that_somebody_renames_while_the_plan_is_made_is_a_change_and_no_obstacle(tmp_path, monkeypatch):
    """The error is not that this plan needs --block-writers."""
    link = make(tmp_path / "w", {"codes": CODES}, "INSERT INTO codes VALUES ('a', 'x')")
    with_row_ids = {"codes": {"k": "TEXT", "v": "TEXT NOT NULL", "_primary_key": ["k"]}}
    followable = runner.followable

    def renamed_before(*given):
        execute(link, "ALTER TABLE codes RENAME COLUMN k TO by_hand")
        return followable(*given)

    with monkeypatch.context() as patch, pytest.raises(Refused) as refused:
        patch.setattr(runner, "followable", renamed_before)
        run(link, with_row_ids, MODES["live"], lambda when, label: None)
    assert [str(problem.code) for problem in refused.value.problems] == ["changed-during-run"]
    execute(link, "ALTER TABLE codes RENAME COLUMN by_hand TO k")
    assert run(link, with_row_ids, MODES["live"], lambda when, label: None).result == "synced"


def test_a_schema_that_somebody_changes_before_the_log_is_installed_ends_the_run_with_their_change_kept(link):
    live = link.readlink()

    def observer(when, label):
        if (when, label) == ("before", DiskStep.CAPTURE_INSTALL):
            execute(link, "ALTER TABLE people ADD COLUMN by_hand TEXT")

    with pytest.raises(Refused) as refused:
        run(link, NEW, MODES["live"], observer)
    assert [problem.code for problem in refused.value.problems] == ["changed-during-run"]
    assert link.readlink() == live
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT count(by_hand) FROM people").fetchall() == [(0,)]
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema")]
    assert not [name for name in names if name.startswith(("_schemasync", "schemasync:"))]
