"""A run and another process at the same time: another run, a writer, a reader, or one that changes the schema."""

import time
from unittest.mock import patch

import pytest

from schemasync.files.disk import DiskStep
from schemasync.sync import runner
from schemasync.sync.adopt import adopt
from schemasync.sync.phases import recheck
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.run.progress import Silent
from schemasync.sync.runner import sync
from tests.crash.databases import V1, V2, WRITE, changed, dump, fence_of, history, notes, read, whole, write
from tests.crash.processes import FORK, Child, Stranger, child, sqlite
from tests.crash.scenarios import Passes

MORE = changed(V2, "papers", title="TEXT")


@pytest.fixture
def database(prepare, tmp_path):
    """Generation 1 at version 1."""
    return prepare("evolve").copy(tmp_path / "w")


def stopped_at(database, label, tree, options=None):
    """Start a sync that stops after a step until an event is set. Return (process, event)."""
    return held(database, label, lambda target: sync(target, read(tree), options).result)


def held(database, label, act):
    """Start `act` on the target like stopped_at(), which does it for a sync."""
    arrived, onward = FORK.Event(), FORK.Event()

    def observer(when, seen):
        if (when, seen) == ("after", label):
            arrived.set()
            assert onward.wait(30)

    target = database.target(observer)
    running = Child(lambda: act(target))
    assert arrived.wait(30)
    return running, onward


# --- two runs ---------------------------------------------------------------------------------------------------


def test_a_second_run_is_busy_while_the_first_one_builds(database):
    running, onward = stopped_at(database, DiskStep.BUILD_REFILL, V2)
    for act in (
        lambda: sync(database.target(wait=0.2), read(V2)),
        lambda: rollback(database.target(wait=0.2), None, lambda ahead: True),
    ):
        trouble = child(act).refusal()
        assert (trouble.kind, trouble.codes, trouble.exit_code) == ("Busy", ("run-in-progress",), 5)
    onward.set()
    assert running.ended().result() == "synced"
    assert len(database.files()) == 2


def test_a_second_run_waits_for_the_first_one_and_finds_it_done(database):
    running, onward = stopped_at(database, DiskStep.BUILD_REFILL, V2)
    second = Child(lambda: sync(database.target(wait=30.0), read(V2)).result)
    time.sleep(0.3)
    onward.set()
    assert running.ended().result() == "synced"
    assert second.ended().result() == "current"
    assert len(database.files()) == 2


class Noted(Silent):
    """A progress that writes each note of a run to a file."""

    def __init__(self, path):
        self.path = path

    def note(self, text):
        with self.path.open("a") as file:
            file.write(f"{text}\n")


def test_a_run_says_once_that_it_waits_for_another_one(database, tmp_path):
    running, onward = stopped_at(database, DiskStep.BUILD_REFILL, V2)
    said = tmp_path / "said"
    target = database.target(wait=1.8, progress=Noted(said))
    assert child(lambda: sync(target, read(V2))).refusal().codes == ("run-in-progress",)
    assert said.read_text() == "another run by test is at work on this database; waiting for at most 1.8 s\n"
    onward.set()
    assert running.ended().result() == "synced"


def test_a_second_run_to_another_schema_builds_on_the_first_one_s_result(database):
    running, onward = stopped_at(database, DiskStep.BUILD_REFILL, V2)
    second = Child(lambda: sync(database.target(wait=30.0), read(MORE)).result)
    time.sleep(0.2)
    onward.set()
    assert running.ended().result() == "synced"
    assert second.ended().result() == "synced"
    rows = history(database.link)
    assert [row.previous for row in rows] == [None, rows[0].generation, rows[1].generation]


def test_a_run_that_is_current_does_not_wait_for_one_that_builds(database):
    """Every worker of a deployment runs a sync, and only the first one has anything to do."""
    database.run("DROP TABLE handmade")  # with a foreign table the fast path does not apply
    running, onward = stopped_at(database, DiskStep.BUILD_REFILL, V2)
    begun = time.monotonic()
    assert child(lambda: sync(database.target(wait=20.0), read(V1)).result).result() == "current"
    assert time.monotonic() - begun < 5
    onward.set()
    running.ended().result()


def test_many_runs_at_once_build_once(database):
    runs = [Child(lambda: sync(database.target(wait=30.0), read(V2)).result) for _ in range(6)]
    assert sorted(one.ended().result() for one in runs) == ["current"] * 5 + ["synced"]
    assert len(database.files()) == 2


def test_two_adoptions_at_once_take_it_over_once(prepare, tmp_path):
    database = prepare("adopt_wal").copy(tmp_path / "w")
    ended = [one.ended() for one in [Child(lambda: adopt(database.target(wait=30.0), None)) for _ in range(2)]]
    assert sorted(bool(one.trouble) for one in ended) == [False, True]
    assert next(one for one in ended if one.trouble).refusal().codes == ("already-adopted",)
    assert len(database.files()) == 1
    assert write(database.link, "goes on") is None


def test_an_adoption_that_looked_before_another_one_s_fence_waits_for_its_end(prepare, tmp_path):
    database = prepare("adopt_wal").copy(tmp_path / "w")

    def looked_before():
        with patch("schemasync.sync.adopt.finish_swap", return_value=False):  # nothing was unfinished a moment ago
            adopt(database.target(wait=30.0), None)

    running, onward = held(database, DiskStep.CUTOVER_FENCE, lambda target: adopt(target, None).generation)
    second = Child(looked_before)
    time.sleep(0.3)
    onward.set()
    assert running.ended().result() == database.files()[0].stem
    assert second.ended().refusal().codes == ("already-adopted",)


# --- writers ----------------------------------------------------------------------------------------------------


def test_a_writer_that_does_not_end_makes_the_run_busy_when_the_wait_is_over(database):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "BEGIN IMMEDIATE")
        assert stranger.execute("a", WRITE, "unfinished") == []
        begun = time.monotonic()
        trouble = child(lambda: sync(database.target(wait=0.5), read(V2))).refusal()
        assert 0.5 <= time.monotonic() - begun < 5
        assert (trouble.kind, trouble.codes, trouble.exit_code) == ("Busy", ("database-locked",), 5)
        assert database.files()[0].name in trouble.text
        assert stranger.execute("a", "COMMIT") == []
    assert "unfinished" in notes(database.link)
    assert len(database.files()) == 1


def test_a_writer_that_ends_in_time_is_waited_for_and_its_row_comes_along(database):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "BEGIN IMMEDIATE")
        assert stranger.execute("a", WRITE, "just in time") == []
        running = Child(lambda: sync(database.target(wait=20.0), read(V2)).result)
        time.sleep(0.5)
        assert stranger.execute("a", "COMMIT") == []
        assert running.ended().result() == "synced"
    assert "just in time" in notes(database.link)


def test_a_database_that_somebody_locks_altogether_is_busy(prepare, tmp_path):
    database = prepare("adopt_journal").copy(tmp_path / "w")
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "BEGIN EXCLUSIVE")
        trouble = child(lambda: adopt(database.target(wait=0.3), None)).refusal()
        assert (trouble.codes, trouble.exit_code) == (("database-locked",), 5)
        stranger.execute("a", "ROLLBACK")
    assert child(lambda: adopt(database.target(), None).generation).result()


@pytest.mark.parametrize("label", [DiskStep.BUILD_CREATE, DiskStep.BUILD_REFILL, DiskStep.BUILD_RENAME])
def test_a_writer_waits_while_a_generation_is_built_and_then_opens_it_anew(database, label):
    """Writers with a timeout only wait, and no row is lost between the two files."""
    running, onward = stopped_at(database, label, V2, SyncOptions(block_writers=True))
    assert "locked" in write(database.link, "impatient")
    with Stranger() as stranger:
        stranger.open("a", database.link, timeout=30)
        stranger.start("a", WRITE, "patient")
        time.sleep(0.2)
        onward.set()
        assert running.ended().result() == "synced"
        answer = stranger.answer()
        assert "superseded" in answer, answer
        stranger.open("a", database.link)
        assert stranger.execute("a", WRITE, "patient") == []
    assert {"patient"} == notes(database.link) - {"first", "second", "third"}


# --- readers ----------------------------------------------------------------------------------------------------


def test_readers_read_on_before_during_and_after(database):
    """A reader delays no one and sees one state. After the swap it still reads the file that it has open."""
    with Stranger() as stranger:
        stranger.open("snapshot", database.link)
        stranger.open("idle", database.link)
        stranger.execute("snapshot", "BEGIN")
        count = "SELECT count(*), max(note) FROM ledger"
        seen = stranger.execute("snapshot", count)
        running, onward = stopped_at(database, DiskStep.BUILD_REFILL, V2)
        assert stranger.execute("snapshot", count) == stranger.execute("idle", count) == seen
        stranger.open("late", database.link)
        assert stranger.execute("late", count) == seen
        onward.set()
        begun = time.monotonic()
        assert running.ended().result() == "synced"
        assert time.monotonic() - begun < 3, "the run waited for a reader"
        assert write(database.link, "zzz") is None
        assert (
            stranger.execute("snapshot", count)
            == stranger.execute("idle", count)
            == stranger.execute("late", count)
            == seen
        )
        stranger.execute("snapshot", "COMMIT")
        assert "superseded" in stranger.execute("snapshot", WRITE, "stale")
        stranger.open("new", database.link)
        assert stranger.execute("new", count) == [(4, "zzz")]
    assert all(whole(path) for path in database.files())


def test_a_reader_of_the_old_file_does_not_lengthen_the_pause(database):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "BEGIN")
        stranger.execute("a", "SELECT * FROM ledger")
        report = database.sync(V2, wait=20.0)
        assert report.pause_ms < 2000
        assert report.duration_ms < 5000
        assert fence_of(database.files()[0]) is not None


def test_a_reader_of_an_archive_does_not_lengthen_the_swap_back_to_it(prepare, tmp_path):
    database = prepare("fresh").copy(tmp_path / "w")
    with Stranger() as stranger:
        stranger.open("a", database.files()[0])
        stranger.execute("a", "BEGIN")
        stranger.execute("a", "SELECT * FROM ledger")
        restored = child(lambda: rollback(database.target(wait=20.0), None, lambda ahead: True)).result()
        assert restored.pause_ms < 2000
    assert write(database.link, "goes on") is None
    assert database.recovered() == ()


def test_a_writer_on_the_new_file_does_not_make_the_run_look_failed(database):
    """Recording the duration may fail without harm."""
    with Stranger() as stranger:

        def observer(when, label):
            if (when, label) == ("after", DiskStep.CUTOVER_FOLDER):
                stranger.open("a", database.link)
                stranger.execute("a", "BEGIN IMMEDIATE")
                assert stranger.execute("a", WRITE, "at once") == []

        report = child(lambda: sync(database.target(observer, wait=0.5), read(V2))).result()
        assert report.result == "synced"
        assert stranger.execute("a", "COMMIT") == []
    assert "at once" in notes(database.link)
    assert child(lambda: sync(database.target(), read(V2)).result).result() == "current"


def test_readers_of_a_rollback_journal_are_waited_for_by_its_adoption(prepare, tmp_path):
    """Without WAL, the commit of the fence needs the file alone: Busy if they outlast the wait, done when they end."""
    database = prepare("adopt_journal").copy(tmp_path / "w")
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "BEGIN")
        stranger.execute("a", "SELECT * FROM ledger")
        trouble = child(lambda: adopt(database.target(wait=0.3), None)).refusal()
        assert (trouble.kind, trouble.codes) == ("Busy", ("database-locked",))
        assert fence_of(database.link) is None
        assert database.files() == []
        running = Child(lambda: adopt(database.target(wait=20.0), None).generation)
        time.sleep(0.3)
        stranger.execute("a", "COMMIT")
        assert running.ended().result()
    assert write(database.link, "goes on") is None


LIVE_AND_PAUSED = pytest.mark.parametrize(
    "options", [pytest.param(SyncOptions(), id="live"), pytest.param(SyncOptions(block_writers=True), id="paused")]
)


# --- the schema or the rows change between the plan and the lock or log -------------------------------------------


def meanwhile(monkeypatch, action):
    """Call `deed` after the plan is made, and before writers are locked out or logged."""
    for name in ("write_lock", "captured"):
        real = getattr(runner, name)
        monkeypatch.setattr(runner, name, lambda *given, real=real: (action(), real(*given))[1])


def by_hand(database, sql):
    def action():
        with sqlite(database.link) as connection:
            connection.executescript(sql)

    return action


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE papers ADD COLUMN late TEXT",
        "CREATE TABLE another (x)",
        "CREATE INDEX by_hand ON papers (body)",
        "DROP VIEW heads",
        "CREATE TRIGGER by_hand AFTER INSERT ON ledger BEGIN SELECT 1; END",
        "ALTER TABLE ledger RENAME COLUMN euros TO dollars",
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, 'body', 'text') WHERE name = 'papers'",
    ],
)
@LIVE_AND_PAUSED
def test_a_schema_that_somebody_changes_after_the_plan_was_made_stops_the_run(database, monkeypatch, sql, options):
    meanwhile(monkeypatch, by_hand(database, sql))
    trouble = child(lambda: sync(database.target(), read(V2), options)).refusal()
    assert (trouble.kind, trouble.codes, trouble.exit_code) == ("Refused", ("changed-during-run",), 3)
    assert len(database.files()) == 1
    assert fence_of(database.link) is None
    assert whole(database.link)


@LIVE_AND_PAUSED
def test_rows_that_come_meanwhile_and_offend_stop_the_run(database, monkeypatch, options):
    """The rows were fine when the plan was made. The run checks later writes again, under the lock."""
    meanwhile(monkeypatch, by_hand(database, "INSERT INTO people (id, name) VALUES (77, '')"))
    trouble = child(lambda: sync(database.target(), read(V2), options)).refusal()
    assert (trouble.kind, trouble.exit_code) == ("Refused", 3)
    assert set(trouble.codes) == {"hazard"}
    assert "77" in trouble.text
    assert len(database.files()) == 1
    assert write(database.link, "goes on") is None


@LIVE_AND_PAUSED
def test_rows_that_come_meanwhile_and_fit_come_along(database, monkeypatch, options):
    meanwhile(monkeypatch, by_hand(database, "INSERT INTO people (id, name) VALUES (77, 'Late')"))
    assert child(lambda: sync(database.target(), read(V2), options).result).result() == "synced"
    assert (77, "Late", "late@example.org") in dump(database.link)["rows"]["people"]


def test_a_schema_that_changes_while_a_generation_is_built_cannot_be(database):
    """A program that changes the schema waits, like every writer."""
    running, onward = stopped_at(database, DiskStep.BUILD_FINISH, V2, SyncOptions(block_writers=True))
    with pytest.raises(AssertionError), sqlite(database.link) as connection:
        try:
            connection.execute("CREATE TABLE late (x)")
        except Exception as error:
            raise AssertionError(error) from error
    onward.set()
    assert running.ended().result() == "synced"


@LIVE_AND_PAUSED
def test_a_run_whose_rows_do_not_change_looks_only_once(database, monkeypatch, options):
    """The second check, under the lock, is only for rows written meanwhile, so without any no one waits for it."""
    monkeypatch.setattr(recheck, "with_hazards", lambda *given: pytest.fail("looked again"))
    passes = Passes()
    assert child(lambda: sync(database.target(passes), read(V2), options).result).result() == "synced"
