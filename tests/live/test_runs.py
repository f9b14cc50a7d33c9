"""Ends of runs while others write: rows that violate the new schema, strangers that change the schema, busy writers."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from schemasync.engines.sqlite.capture.replay import Replay
from schemasync.errors import Busy, Failed, Refused
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.recovery import recover
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.databases import fence_of, traces, whole
from tests.crash.processes import child
from tests.support.columns import WRITTEN

from .oracle import QUICK, Case, content, made, read
from .test_meanwhile import MORE, ROWS, T

STRICTER = {**T, "a": "TEXT NOT NULL CHECK (a <> '')"}
CASE = Case({"t": T}, {"t": STRICTER}, [], ROWS)


@pytest.fixture
def link(folder):
    return made(folder / "w", CASE)


def run(link, new, observer=lambda when, label: None, options=QUICK):
    return sync(target(link, disk=Disk(observer), wait=5.0), read({"t": new}), options)


def write(link, *statements):
    with closing(sqlite3.connect(link, isolation_level=None, timeout=5)) as connection:
        for statement in statements:
            connection.execute(statement)


def at(label, action, when="after"):
    """Return an observer that calls `action` once, at this step."""
    done = []

    def observer(moment, passed):
        if (moment, passed) == (when, label) and not done:
            done.append(True)
            action()

    return observer


def assert_as_before(link, before):
    assert content(link) == before
    assert traces(link) == []
    assert fence_of(link) is None
    assert whole(link)
    assert len(list(link.with_name(link.name + ".generations").glob("*.sqlite3*"))) == 1


# --- rows that do not fit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [DiskStep.CAPTURE_INSTALL, DiskStep.BUILD_RENAME])
def test_a_row_that_is_fixed_in_time_comes_along(link, label):
    def fix():
        time.sleep(0.3)
        write(link, "UPDATE t SET a = 'fixed' WHERE id = 50")

    def offend():
        write(link, "INSERT INTO t VALUES (50, NULL, 1)")
        threading.Thread(target=fix).start()

    assert run(link, STRICTER, at(label, offend)).result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT a FROM t WHERE id = 50").fetchone() == ("fixed",)


@pytest.mark.parametrize(
    "label", [DiskStep.CAPTURE_INSTALL, pytest.param(DiskStep.BUILD_REFILL, marks=pytest.mark.slow)]
)
def test_a_row_that_is_not_fixed_ends_the_run_and_is_named(link, label):
    offend = at(label, lambda: write(link, "INSERT INTO t VALUES (50, NULL, 1), (51, '', 1), (52, 'fine', 1)"))
    with pytest.raises(Failed) as caught:
        run(link, STRICTER, offend)
    (problem,) = caught.value.problems
    assert problem.code == "rows-violate-schema"
    assert (problem.facts["table"], problem.facts["rows"], problem.facts["keys"]) == ("t", 2, ["50", "51"])
    write(link, "DELETE FROM t WHERE id IN (50, 51)")
    assert run(link, STRICTER).result == "synced"


def test_a_row_that_offends_at_the_last_moment_ends_the_run(link):
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        writes = at(DiskStep.CUTOVER_ROUND, lambda: connection.execute("INSERT INTO t VALUES (50, NULL, 1)"))
        with pytest.raises(Failed) as caught:
            run(link, STRICTER, writes)
    assert "50" in str(caught.value)
    write(link, "DELETE FROM t WHERE id = 50")
    assert traces(link) == []
    assert run(link, STRICTER).result == "synced"


# --- strangers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE another (x)",
        "ALTER TABLE t ADD COLUMN late TEXT",
        "CREATE INDEX by_hand ON t (n)",
        "DROP TRIGGER _schemasync_fence_0_delete",
    ],
)
@pytest.mark.parametrize("label", [DiskStep.CAPTURE_INSTALL, DiskStep.BUILD_REFILL, DiskStep.BUILD_RENAME])
def test_a_schema_that_somebody_changes_meanwhile_ends_the_run(link, label, sql):
    with pytest.raises((Failed, Refused)) as caught:
        run(link, MORE, at(label, lambda: write(link, sql)))
    assert [str(problem.code) for problem in caught.value.problems] == ["changed-during-run"]
    assert traces(link) == []
    assert fence_of(link) is None
    assert whole(link)


def test_statistics_that_somebody_gathers_meanwhile_do_not_end_the_run(link):
    gather = at(DiskStep.BUILD_REFILL, lambda: write(link, "ANALYZE"))
    assert run(link, MORE, gather).result == "synced"


# --- writers ------------------------------------------------------------------------------------------------------


def test_a_writer_that_never_lets_go_ends_the_run(link):
    with closing(sqlite3.connect(link, isolation_level=None)) as writer:

        def hold():
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO t VALUES (60, 'unfinished', 1)")

        begun = time.monotonic()
        with pytest.raises(Busy) as caught:
            run(link, MORE, at(DiskStep.BUILD_RENAME, hold), SyncOptions(limits=Limits(cutover_timeout=0.5)))
        assert 0.5 <= time.monotonic() - begun < 12
        assert [str(problem.code) for problem in caught.value.problems] == ["cutover-timeout"]
        assert "write lock" in str(caught.value)
        writer.execute("COMMIT")
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT a FROM t WHERE id = 60").fetchone() == ("unfinished",)
    assert run(link, MORE).result == "synced", "and what the run could not take away is gone"
    assert traces(link) == []


def test_more_than_fits_into_the_pause_ends_the_run(link):
    """A run with a maximum pause of 0 makes writers wait for no replay."""
    rows = "INSERT INTO t (a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n"

    def observer(when, label):
        if (when, label) == ("after", DiskStep.CUTOVER_ROUND):
            write(link, rows)

    with pytest.raises(Busy) as caught:
        run(link, MORE, observer, SyncOptions(limits=Limits(max_pause=0.0, cutover_timeout=0.3)))
    assert "more is written" in str(caught.value)
    assert traces(link) == []
    assert fence_of(link) is None


def test_writers_wait_for_the_replay_of_a_few_rows_only(link):
    """A further round replays the writes of the last round before the run takes the lock."""
    rows = "INSERT INTO t (a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n"
    many = at(DiskStep.CUTOVER_ROUND, lambda: write(link, rows))
    waiting = []

    def observer(when, label):
        if (when, label) == ("before", DiskStep.CUTOVER_ROUND):
            waiting.append(is_locked(link))
        many(when, label)

    assert run(link, MORE, observer).result == "synced"
    assert waiting[-1]
    assert waiting.index(True) >= 2, "the round before the rows were written, and one that replayed them"


def is_locked(link):
    try:
        with closing(sqlite3.connect(link, isolation_level=None, timeout=0)) as connection:
            connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    return False


def test_a_transaction_that_is_open_when_the_log_goes_in_is_waited_for(link):
    writer = sqlite3.connect(link, isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO t VALUES (70, 'just in time', 1)")
    threading.Timer(0.3, lambda: writer.execute("COMMIT")).start()
    assert run(link, MORE).result == "synced"
    writer.close()
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT a FROM t WHERE id = 70").fetchone() == ("just in time",)


def test_a_transaction_that_read_before_the_fence_cannot_write_after_it(link):
    with closing(sqlite3.connect(link, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        assert run(link, MORE).result == "synced"
        with pytest.raises(sqlite3.OperationalError):
            reader.execute("INSERT INTO t VALUES (80, 'stale', 1)")


def test_a_statement_that_was_prepared_before_is_logged(link):
    with closing(sqlite3.connect(link, isolation_level=None)) as writer:
        sql = "INSERT INTO t VALUES (?, 'prepared', 1)"
        writer.execute(sql, (90,))
        assert run(link, MORE, at(DiskStep.BUILD_REFILL, lambda: writer.execute(sql, (91,)))).result == "synced"
        with pytest.raises(sqlite3.OperationalError, match="superseded"):
            writer.execute(sql, (92,))
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT id FROM t WHERE a = 'prepared'").fetchall() == [(90,), (91,)]


@pytest.mark.slow
def test_a_writer_that_never_rests_is_caught_up_with(link):
    """Four threads write as fast as they can. The new file has every acknowledged row."""
    stop, acknowledged, errors = threading.Event(), [], []

    def work(number):
        connection, count = None, 0
        while not stop.is_set():
            try:
                connection = connection or sqlite3.connect(link, isolation_level=None, timeout=20)
                key = number * 10**6 + count
                connection.execute("INSERT INTO t (id, a, n) VALUES (?, 'busy', 1)", (key,))
                acknowledged.append(key)
                count += 1
            except sqlite3.OperationalError as error:
                if "superseded" not in str(error):
                    errors.append(str(error))
                    return
                connection.close()
                connection = None

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    reports = [run(link, new) for new in (MORE, {**MORE, "more": WRITTEN}, {**MORE, "more": "INTEGER"})]
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [report.result for report in reports] == ["synced"] * 3
    with closing(sqlite3.connect(link)) as connection:
        found = [key for (key,) in connection.execute("SELECT id FROM t WHERE a = 'busy' ORDER BY id")]
    assert found == sorted(acknowledged)


def test_a_kill_while_writes_are_replayed_leaves_the_old_file_live_and_nothing_behind(link, monkeypatch):
    """A round is a transaction in the new file, which has a rollback journal."""

    def die(replay):
        os.kill(os.getpid(), signal.SIGKILL)

    def replayed():
        monkeypatch.setattr(Replay, "settle", die)
        run(link, MORE, at(DiskStep.BUILD_REFILL, lambda: write(link, "UPDATE t SET n = n + 1")))

    assert child(replayed).killed
    folder = link.parent / f"{link.name}.generations"
    assert [path.suffix for path in sorted(folder.glob("0002-*"))] == [".building", ".building-journal"]
    write(link, "INSERT INTO t (id, n) VALUES (8, 80)")
    assert child(lambda: len(recover(target(link)))).result() == 2
    assert not list(folder.glob("0002-*"))
    assert traces(link) == []
    assert whole(link.resolve())
