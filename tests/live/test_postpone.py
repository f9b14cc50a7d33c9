"""A postponed run waits before the cut-over until `cutover` calls it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.errors import Refused
from schemasync.sync.phases import postpone
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.databases import traces
from tests.crash.processes import Child

from .oracle import content, read
from .test_meanwhile import MORE, T
from .test_outside_the_log import write_past_triggers
from .test_runs import link, write

__all__ = ["link"]

POSTPONED = SyncOptions(limits=Limits(postpone=True, cutover_timeout=20.0))


@pytest.fixture
def waiting(link):
    """A run that has built its file and waits for the cut-over."""
    running = Child(lambda: sync(target(link, wait=5.0), read({"t": MORE}), POSTPONED).result)
    wait_for_flag(link)
    return running


def wait_for_flag(link):
    flag = link.with_name(link.name + ".generations") / "waiting"
    deadline = time.monotonic() + 30
    while not flag.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def names(link):
    return sorted(path.name for path in link.with_name(link.name + ".generations").iterdir() if "-" not in path.suffix)


def test_it_follows_until_it_is_called_and_swaps_then(link, waiting):
    write(link, "INSERT INTO t (id, a, n) VALUES (100, 'while it waits', 1)")
    time.sleep(0.5)
    write(link, "UPDATE t SET a = 'later' WHERE id = 1")
    with closing(sqlite3.connect(link)) as connection:
        assert "more" not in [row[1] for row in connection.execute("PRAGMA table_info(t)")]
    postpone.call(target(link))
    assert waiting.ended().result() == "synced"
    with closing(sqlite3.connect(link)) as connection:
        rows = connection.execute("SELECT id, a, more FROM t WHERE id IN (1, 100) ORDER BY id").fetchall()
    assert rows == [(1, "later", "m"), (100, "while it waits", "m")]
    assert traces(link) == []
    assert not {"waiting", "cutover"} & set(names(link))


def test_it_can_be_ended_while_it_waits(link, waiting):
    assert waiting.process.pid is not None
    os.kill(waiting.process.pid, signal.SIGINT)
    assert waiting.ended().refusal().codes == ("interrupted",)
    assert traces(link) == []
    assert not {"waiting", "cutover"} & set(names(link))
    assert len([name for name in names(link) if name.endswith("sqlite3")]) == 1


def test_one_that_died_while_it_waited_is_cleared_away(link, waiting):
    waiting.kill()
    waiting.ended()
    with pytest.raises(Refused) as caught:
        postpone.call(target(link))
    assert [str(problem.code) for problem in caught.value.problems] == ["no-pending-cutover"]
    for name in ("waiting", "cutover"):  # killed while these were written
        link.with_name(f"{link.name}.generations").joinpath(f"{name}.tmp").touch()
    before = content(link)
    assert sync(target(link), read({"t": MORE})).result == "synced"
    assert content(link)["t"] != before["t"]
    assert traces(link) == []
    assert not {"waiting", "cutover", "waiting.tmp", "cutover.tmp"} & set(names(link))


def test_nobody_waits_where_nothing_runs(link):
    with pytest.raises(Refused) as caught:
        postpone.call(target(link))
    assert [str(problem.code) for problem in caught.value.problems] == ["no-pending-cutover"]


def test_what_is_written_past_the_triggers_while_it_waits_is_found_where_all_is_to_be_verified(link):
    running = Child(
        lambda: sync(target(link, wait=5.0), read({"t": MORE}), replace(POSTPONED, verify_full=True)).result
    )
    wait_for_flag(link)
    write_past_triggers(link, "UPDATE t SET a = 'unseen' WHERE id = 2")
    postpone.call(target(link))
    assert running.ended().refusal().codes == ("log-incomplete",)
    assert traces(link) == []
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT a FROM t WHERE id = 2").fetchone() == ("unseen",)


def test_the_new_file_keeps_up_while_it_waits(link, waiting):
    """Otherwise the cut-over would have to replay all writes of the wait, such as an hour's."""
    (new,) = link.with_name(link.name + ".generations").glob("0002-*.sqlite3")
    for number in (100, 101):
        write(link, f"INSERT INTO t (id, a) VALUES ({number}, 'while it waits')")
        deadline = time.monotonic() + 20
        while not has_row(new, number):
            assert time.monotonic() < deadline, "it does not follow"
            time.sleep(0.02)
    postpone.call(target(link))
    assert waiting.ended().result() == "synced"


def has_row(path, number):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM t WHERE id = ?", (number,)).fetchone() == (1,)


def test_a_row_that_is_deleted_past_the_triggers_while_it_waits_does_not_come_back(link):
    """It is the newest row of a table that is not rewritten. The new file has it, and no log has its deletion."""
    sync(target(link), read({"t": T, "other": T}))
    write(link, "INSERT INTO other (id, a) VALUES (1, 'kept'), (2, 'deleted')")
    running = Child(lambda: sync(target(link, wait=5.0), read({"t": MORE, "other": T}), POSTPONED).result)
    wait_for_flag(link)
    write_past_triggers(link, "DELETE FROM other WHERE id = 2")
    postpone.call(target(link))
    trouble = running.ended().refusal()
    assert trouble.codes == ("log-incomplete",)
    assert '"other"' in trouble.text
    assert traces(link) == []
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT id FROM other").fetchall() == [(1,)]


def test_a_vacuum_while_it_waits_ends_it_at_once_where_row_ids_moved(link):
    old = {"t": T, "events": {"what": "TEXT"}}
    sync(target(link), read(old))
    write(link, "INSERT INTO events VALUES ('a'), ('b'), ('c')", "DELETE FROM events WHERE what = 'a'")
    running = Child(lambda: sync(target(link, wait=5.0), read({**old, "t": MORE}), POSTPONED).result)
    wait_for_flag(link)
    write(link, "VACUUM", "UPDATE events SET what = 'C' WHERE what = 'c'")
    assert running.ended().refusal().codes == ("row-ids-changed",)
    assert traces(link) == []
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT what FROM events ORDER BY rowid").fetchall() == [("b",), ("C",)]


def test_it_does_not_come_back_either_if_another_row_did_not_fit_when_the_cut_over_was_called(link):
    checked = {**MORE, "n": "INTEGER CHECK (n IS NULL OR n > -5)"}
    sync(target(link), read({"t": T, "other": T}))
    write(link, "INSERT INTO other (id, a) VALUES (1, 'kept'), (2, 'deleted')")
    running = Child(lambda: sync(target(link, wait=5.0), read({"t": checked, "other": T}), POSTPONED).result)
    wait_for_flag(link)
    write(link, "INSERT INTO t (id, a, n) VALUES (100, 'does not fit', -9)")
    write_past_triggers(link, "DELETE FROM other WHERE id = 2")
    postpone.call(target(link))
    time.sleep(0.5)
    write(link, "UPDATE t SET n = 9 WHERE id = 100")
    assert running.ended().refusal().codes == ("log-incomplete",)
    assert traces(link) == []
