"""Runs while real processes write: afterwards all acknowledged rows are there, and no others."""

import sqlite3

import pytest

from schemasync.files.disk import DiskStep
from schemasync.sync.adopt import adopt
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.runner import sync
from schemasync.testing.load import Load, Statements
from tests.crash.databases import WRITE, first, history, notes, plain, read, whole
from tests.crash.histories import schema
from tests.crash.processes import Child, child
from tests.crash.scenarios import SCENARIOS
from tests.live.ledger import KillAtLabel

NOTES = Statements(inserts=("INSERT INTO ledger (note) VALUES (:key)",), queries=("SELECT note FROM ledger",))


def load(database, *, writers=3, readers=0):
    """Return a load of processes that write notes and read them."""
    return Load(database.link, NOTES, writers=writers, readers=readers)


@pytest.fixture
def database(tmp_path):
    database = first(tmp_path / "w")
    database.sync(schema(0))
    database.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        " INSERT INTO ledger (note) SELECT 'row ' || i FROM n"
    )
    return database


@pytest.mark.slow
@pytest.mark.parametrize("syncs", [4, pytest.param(10, marks=pytest.mark.slow)])
def test_four_writers_lose_nothing_in_many_syncs(database, syncs):
    before = notes(database.link)
    with load(database, writers=4, readers=2) as running:
        for version in range(1, syncs + 1):
            assert database.sync(schema(version), wait=30.0).result == "synced"
            running.wait_for_each(1)  # on the new file
        seen = running.stop()
    assert notes(database.link) == before | seen.acknowledged
    assert (seen.failed, seen.vanished, seen.died) == ((), (), ())
    assert max(write.wait_ms for write in seen.writes) < 10_000
    assert all(whole(path) for path in database.files())
    assert len(history(database.link)) == syncs + 1


def test_writers_lose_nothing_while_a_file_is_taken_over(tmp_path):
    for journal in ("wal", "delete"):
        database = plain(tmp_path / journal, journal)
        before = notes(database.link)
        with load(database) as running:
            child(lambda database=database: adopt(database.target(wait=30.0), None)).result()
            running.wait_for_each(1)
            seen = running.stop()
        assert notes(database.link) == before | seen.acknowledged, journal
        assert (seen.failed, seen.died) == ((), ()), journal


STEPS = [step for step in dict.fromkeys(SCENARIOS["evolve"].passes) if not step.startswith(("ARCHIVE", "HISTORY"))]
QUICK = [DiskStep.BUILD_VERIFY, DiskStep.CUTOVER_ROUND, DiskStep.CUTOVER_FENCE]  # the build, last round, committed swap


@pytest.mark.slow
@pytest.mark.parametrize(
    "steps", [pytest.param(QUICK, id="some"), pytest.param(STEPS, id="every", marks=pytest.mark.slow)]
)
def test_writers_lose_nothing_when_runs_are_killed_under_them(database, steps):
    """Between a kill after the fence and the next run, the writes fail, and writers try again."""
    before = notes(database.link)
    with load(database) as running:
        for number, step in enumerate(steps, 1):
            killer = KillAtLabel("after", step)
            dying = child(
                lambda number=number, killer=killer: sync(database.target(killer, wait=30.0), read(schema(number)))
            )
            assert dying.killed, step
            child(
                lambda number=number: sync(
                    database.target(wait=30.0), read(schema(number)), SyncOptions(allow_older=True)
                )
            ).result()
            running.wait_for_each(1)
        seen = running.stop()
    assert notes(database.link) == before | seen.acknowledged
    assert (seen.failed, seen.died) == ((), ())


@pytest.mark.slow
def test_what_is_written_around_swaps_back_is_in_the_one_file_or_the_other(database):
    before = notes(database.link)
    with load(database) as running:
        database.sync(schema(1), wait=30.0)
        for _ in range(4):
            child(lambda: rollback(database.target(wait=30.0), None, lambda ahead: True)).result()
            running.wait_for_each(1)
        seen = running.stop()
    first_one, second = database.files()
    assert notes(first_one) | notes(second) == before | seen.acknowledged
    assert (seen.failed, seen.died) == ((), ())


def test_writers_of_many_rows_at_once_lose_nothing(database):
    """Each large transaction is there as a whole or not at all."""

    def write_much(name):
        from tests.crash.processes import sqlite

        done = 0
        for number in range(25):
            while True:
                try:
                    with sqlite(database.link, timeout=20) as connection:
                        connection.execute("BEGIN IMMEDIATE")
                        connection.executemany(WRITE, [(f"{name}-{number}-{i}",) for i in range(50)])
                        connection.execute("COMMIT")
                    done += 50
                    break
                except sqlite3.Error as error:
                    assert "superseded" in str(error) or "locked" in str(error), error
        return done

    running = [Child(lambda name=name: write_much(name)) for name in "ab"]
    for version in range(1, 6):
        database.sync(schema(version), wait=30.0)
    assert sum(one.ended().result() for one in running) == 2500
    assert len(notes(database.link)) == 4500
