"""Metrics of the backend: every figure compared with the work done, and the file that processes share."""

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing

import pytest
from django.db import transaction
from django.db.utils import OperationalError

from schemasync.backends.sqlite3 import base
from schemasync.backends.sqlite3 import meter as meters
from schemasync.engines.sqlite import metrics_file
from schemasync.files.layout import Layout
from schemasync.metrics.totals import KEPT, MINUTE, Spent, Totals, together

from .following import INSERT, run, swap

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def written(link):
    """Return a function that writes the measurements of this process's connections, and returns the totals of the
    file."""

    def read():
        meters._meters[(os.getpid(), str(link))].write()
        return together(one.totals for one in metrics_file.bins(Layout(link).metrics, MINUTE, 0))

    yield read
    meters._meters.pop((os.getpid(), str(link)), None)


def hold(link, seconds):
    """Take the write lock in another thread for this many seconds; return the thread once it has the lock."""
    has_it = threading.Event()

    def held():
        with closing(sqlite3.connect(link, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            has_it.set()
            time.sleep(seconds)
            other.execute("ROLLBACK")

    thread = threading.Thread(target=held)
    thread.start()
    assert has_it.wait(10)
    return thread


def test_commits_waits_and_transactions_without_a_write_are_counted(db, link, written):
    for key in range(3):
        run(db, INSERT, key)
    with transaction.atomic(using="followed"):
        run(db, INSERT, 3)
        run(db, INSERT, 4)
    with transaction.atomic(using="followed"):
        run(db, "SELECT count(*) FROM moves")
    with pytest.raises(ZeroDivisionError), transaction.atomic(using="followed"):
        run(db, INSERT, 5)
        raise ZeroDivisionError
    holder = hold(link, 0.1)
    with transaction.atomic(using="followed"):
        run(db, INSERT, 6)
        time.sleep(0.05)
    holder.join()
    found = written()
    assert (found.commits, found.idle, found.rollbacks, found.busy) == (5, 1, 1, 0)
    assert found.waits >= 1 and 0.03 < found.longest_wait <= found.wait_seconds  # a busy machine delays others, too
    assert found.longest_wait < found.slowest_write
    assert 0.05 < found.longest_held <= found.held_seconds
    assert found.reads == 1 and found.read_seconds > 0
    assert found.file_bytes == link.stat().st_size
    statements = metrics_file.statements(Layout(link).metrics)
    assert statements[INSERT.replace("%s", "?")].count == 6, statements  # the rolled back one left none


def test_every_busy_error_is_counted_whichever_cursor_met_it(db, link, written, monkeypatch):
    monkeypatch.setattr(base, "ALL", 0)
    db.settings_dict["OPTIONS"] = {"timeout": 0.01}
    db.ensure_connection()
    holder = hold(link, 0.5)
    for key in range(3):
        with pytest.raises(OperationalError, match="locked"):
            run(db, INSERT, key)
    holder.join()
    assert written().busy == 3


def test_of_many_statements_a_sample_stands_for_all(db, written, monkeypatch):
    monkeypatch.setattr(base, "ALL", 0)
    db.ensure_connection()
    db.kinds = db.measured.meter.kinds = base._kinds()
    for _ in range(10 * base.SAMPLE):
        run(db, "SELECT 1")
    assert written().reads == 10 * base.SAMPLE
    assert type(db.cursor()) is base.Cursor


def test_the_sample_of_a_site_that_repeats_itself_is_true(db, link, written, monkeypatch):
    for name, value in {"ALL": 0, "SAMPLE": 5}.items():
        monkeypatch.setattr(base, name, value)
    monkeypatch.setattr(base.SampledCursor, "weight", 5)
    db.ensure_connection()
    db.kinds = db.measured.meter.kinds = base._kinds()
    for key in range(1000):
        with transaction.atomic(using="followed"):
            run(db, INSERT, key)
        run(db, "SELECT 1")
    found, statements = written(), metrics_file.statements(Layout(link).metrics)
    assert found.commits == statements[INSERT.replace("%s", "?")].count, "none counts twice"
    assert abs(found.commits - 1000) < 250 and abs(found.reads - 1000) < 250, found


def test_a_cursor_that_is_used_again_is_measured_once(db, written):
    with db.cursor() as cursor:
        for key in range(20):
            cursor.execute(INSERT, [key])
        assert type(cursor) is base.Cursor
    assert written().commits == 1


def test_a_transaction_by_cursors_that_are_not_measured_has_written(db, written):
    kept = db.cursor()
    kept.execute("SELECT 1")
    with transaction.atomic(using="followed"):
        kept.execute(INSERT, [1])
    found = written()
    assert (found.commits, found.idle) == (1, 0)


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize("sql", ["UPDATE moves SET amount = 1", "SELECT 1"])
def test_a_transaction_that_ends_with_its_connection_is_not_counted(db, written, end, sql):
    db.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    run(db, sql)
    db.close()
    getattr(db, end)()
    found = written()
    assert (found.commits, found.rollbacks, found.idle) == (0, 0, 0)


def test_figures_go_on_across_a_swap(db, link, written):
    run(db, INSERT, 1)
    swap(link)
    run(db, INSERT, 2)
    assert written().commits == 2
    assert Layout(link).metrics.exists()


def test_with_the_setting_off_nothing_is_measured(db, link, settings):
    settings.SCHEMASYNC = {"METRICS": False}
    run(db, INSERT, 1)
    assert db.measured is None and type(db.cursor()) is base.Cursor
    assert (os.getpid(), str(link)) not in meters._meters


def test_a_process_of_seconds_leaves_no_file(db, link):
    run(db, INSERT, 1)
    meters.end()
    assert not Layout(link).metrics.exists()


def test_a_forked_child_begins_with_nothing(db, link, written):
    run(db, INSERT, 1)

    def child():
        found = meters.meter(link, base._kinds)
        assert found is not db.measured.meter and not found._statements

    process = FORK.Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert written().commits == 1


# --- the file -----------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    (tmp_path / "live").touch(mode=0o640)
    return tmp_path / "metrics.sqlite3"


def add(file, minute=None, **totals):
    start = int(time.time()) // MINUTE * MINUTE if minute is None else minute
    return metrics_file.add(file, file.with_name("live"), {start: Totals(**totals)}, {"SELECT 1": Spent(1, 0.5, 0.5)})


def test_the_file_has_the_mode_of_the_live_file(file):
    assert add(file, commits=1)
    assert file.stat().st_mode & 0o777 == file.with_name("live").stat().st_mode & 0o777


def _adds(file, count):
    for _ in range(count):
        while not add(file, commits=1, waits=1):
            time.sleep(0.0005)


def test_processes_that_add_at_once_lose_nothing(file):
    children = [FORK.Process(target=_adds, args=(file, 50)) for _ in range(4)]
    for one in children:
        one.start()
    for one in children:
        one.join()
    for width in KEPT:
        assert together(one.totals for one in metrics_file.bins(file, width, 0)).commits == 200
    assert metrics_file.statements(file)["SELECT 1"].count == 200


def test_nobody_waits_for_the_file(file):
    assert add(file, commits=1)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert not add(file, commits=1)
        assert time.monotonic() - began < 0.5
    assert add(file, commits=1)


def test_what_could_not_be_written_is_written_the_next_time(db, link, written):
    run(db, INSERT, 1)
    assert written().commits == 1
    run(db, INSERT, 2)
    with closing(sqlite3.connect(Layout(link).metrics, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert written().commits == 1
    assert written().commits == 2


def test_a_kill_in_the_middle_leaves_whole_figures(file):
    for number in range(5):
        child = FORK.Process(target=_adds, args=(file, 1_000_000))
        child.start()
        time.sleep(0.03 + number * 0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    found = together(one.totals for one in metrics_file.bins(file, MINUTE, 0))
    assert found.commits == found.waits == metrics_file.statements(file)["SELECT 1"].count > 0
    assert add(file, commits=1)


@pytest.mark.parametrize("damage", ["no database", "another version"])
def test_a_file_that_cannot_be_used_is_begun_again(file, damage):
    assert add(file, commits=1)
    if damage == "no database":
        file.write_bytes(b"x" * 8192)
    else:
        with closing(sqlite3.connect(file)) as other:
            other.execute("PRAGMA user_version=9")
    assert metrics_file.bins(file, MINUTE, 0) == () or damage != "no database"
    add(file, commits=1)
    assert add(file, commits=1)
    assert together(one.totals for one in metrics_file.bins(file, MINUTE, 0)).commits == 1


def test_the_file_stays_small(file):
    now = int(time.time()) // MINUTE * MINUTE
    bins = {now - minute * MINUTE: Totals(commits=1) for minute in range(1500)}
    texts = {f"SELECT {number} FROM {'t' * 400}": Spent(1, number, 1.0) for number in range(1000)}
    assert metrics_file.add(file, file.with_name("live"), bins, texts)
    assert len(metrics_file.bins(file, MINUTE, 0)) <= KEPT[MINUTE] + 1
    kept = metrics_file.statements(file)
    assert len(kept) == metrics_file.STATEMENTS and f"SELECT 999 FROM {'t' * 400}" in kept
    assert file.stat().st_size < 4096 * metrics_file.MOST_PAGES
