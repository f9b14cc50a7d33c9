"""Rollbacks while writers write: the writes since the swap are set aside whole, and counted exactly."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.databases import fence_of, traces, whole
from tests.support.sample import some

from .branches import Branches, generations, rows
from .ledger import Ledger
from .oracle import QUICK, read
from .server import Served
from .test_meanwhile import MORE
from .test_runs import at, link, write
from .workers import Workers
from .writers import Plain, marked, new_pairs

__all__ = ["link"]


@pytest.fixture(autouse=True)
def _databases_may_be_used(django_db_blocker):
    with django_db_blocker.unblock():
        yield


def counts(restored):
    return {t.table: (t.added, t.changed, t.removed) for t in restored.preview.written}


def test_what_is_written_after_it_was_shown_is_counted_too(link):
    assert sync(target(link), read({"t": MORE}), QUICK).result == "synced"
    write(link, "INSERT INTO t (id, a) VALUES (100, 'before it is shown')")
    shown = []

    def agree(ahead):
        shown.append({t.table: (t.added, t.changed, t.removed) for t in ahead.written})
        write(
            link,
            "INSERT INTO t (id, a) VALUES (101, 'after')",
            "DELETE FROM t WHERE id = 1",
            "UPDATE t SET n = 5 WHERE id = 2",
        )
        return True

    restored = rollback(target(link), None, agree)
    assert shown == [{"t": (1, 0, 0)}]
    assert counts(restored) == {"t": (2, 1, 1)}
    assert [fence_of(path) is None for path in generations(link)] == [True, False]
    assert all(whole(path) for path in generations(link))
    assert traces(link) == []
    assert not generations(link)[1].with_name(generations(link)[1].name + "-wal").exists()


def test_what_is_written_to_the_restored_file_meanwhile_is_not_counted(link):
    assert sync(target(link), read({"t": MORE}), QUICK).result == "synced"

    def agree(ahead):
        write(link, "INSERT INTO t (id, a) VALUES (101, 'after it was shown')")
        return True

    late = at(DiskStep.CUTOVER_FOLDER, lambda: write(link, "INSERT INTO t (id, a) VALUES (200, 'new life')"))
    restored = rollback(target(link, disk=Disk(late)), None, agree)
    assert counts(restored) == {"t": (1, 0, 0)}
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT id FROM t WHERE id > 100").fetchall() == [(200,)]


def test_writes_under_load_are_on_one_side_or_the_other_and_counted(folder):
    """Writers go on during a sync and a rollback. Each acknowledged write is in the live file or set aside."""
    with Ledger(folder / "w", seed=6, site=Plain(new_pairs)) as ledger:
        ledger.start(writers=3, readers=0)
        ledger.wait_for_commits(50)
        ledger.sync()
        ledger.wait_for_commits(200)
        restored = ledger.rollback()
        ledger.wait_for_commits(200)
        ledger.finish()
        restored_file, abandoned = generations(ledger.link)
        assert ledger.link.resolve() == restored_file
        live, aside = rows(restored_file).keys(), rows(abandoned).keys()
        acknowledged = {key for one in ledger.answers() for key in one.there}
        assert acknowledged == live | aside
        assert len(aside - live) > 100, "written between the two swaps"
        assert len(live - aside) > 100, "written after the swap back"
        assert restored.written["moves"] == (len(aside - live), 0, 0)


PEOPLE = {
    "kept": lambda: Plain(marked),
    "reopened": lambda: Plain(marked, keep_open=False),
    "django_atomic": lambda: Workers(make_plan=marked),
    "django_autocommit": lambda: Workers(make_plan=new_pairs, atomic=False),
    "django_served": lambda: Served(make_plan=marked),
}


def back_and_forth(folder, site, *, syncs, after):
    """Sync while writers write, and roll back after the syncs with the numbers in `after`, as often as each is there.
    Return the counts."""
    with Ledger(folder / "w", seed=8, site=site, keep=99) as ledger:
        branches = Branches(ledger)
        ledger.start(writers=4, readers=1)
        ledger.wait_for_commits(20)
        for number in range(syncs):
            branches.sync()
            ledger.wait_for_commits(20)
            for _ in range(after.count(number)):
                branches.rollback()
                ledger.wait_for_commits(20)
        ledger.finish()
        branches.check()
    return ledger.counts


@pytest.mark.slow
@pytest.mark.parametrize("site", some(PEOPLE, {"django_atomic"}))
def test_each_write_is_in_the_file_that_was_live_when_it_was_acknowledged(folder, site):
    counts = back_and_forth(folder, PEOPLE[site](), syncs=4, after=[1, 2, 2])
    assert (counts["swaps"], counts["swaps back"]) == (4, 3)


@pytest.mark.slow
@pytest.mark.parametrize("site", PEOPLE)
def test_each_write_is_in_the_file_that_was_live_then_in_twenty_syncs_and_five_swaps_back(folder, site):
    counts = back_and_forth(folder, PEOPLE[site](), syncs=20, after=[2, 6, 9, 9, 15])
    assert (counts["swaps"], counts["swaps back"]) == (20, 5)
