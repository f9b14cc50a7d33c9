"""INT and TERM at any moment: the run ends as `interrupted`, nothing is left to repair, and its message is true."""

import os
import random
import signal
import threading
import time

import pytest

from schemasync.engines.sqlite.verify import integrity_check
from schemasync.files.disk import DiskStep
from schemasync.files.layout import PathKind
from schemasync.sync.runner import sync
from tests.crash.aftermath import assert_tidy, finish
from tests.crash.databases import V1, V2, changed, dump, notes, read, recovery, write
from tests.crash.processes import FORK, Child, child
from tests.crash.scenarios import SCENARIOS, run

from .waiting import wait_for

RUNS = ["first", "evolve", "adopt_wal", "adopt_journal", "rollback", "evolve_and_prune"]


class SignalAt:
    """An observer that sends its own process these signals before or after the n-th step (from 0)."""

    def __init__(self, when, number, signals):
        self.when, self.number, self.signals, self.passed = when, number, signals, 0

    def __call__(self, when, label):
        if when == self.when and self.passed == self.number:
            self.passed += 1
            for one in self.signals:
                os.kill(os.getpid(), one)
            return
        self.passed += when == "after"


def is_quick(name, label, *, is_next):
    """Return True for the gate: a step gets one of the two signals, and the next step the other. The steps at which the
    swap begins, and from which on a signal waits, get both. Every run builds a file by the steps of `evolve`."""
    match name:
        case "evolve":
            return is_next or label in (DiskStep.CUTOVER_SYMLINK, DiskStep.CUTOVER_FENCE)
        case "rollback":
            return is_next and label.startswith("CUTOVER")
    return False


def moments():
    for name in RUNS:
        scenario = SCENARIOS[name]
        for number, label in enumerate(scenario.passes):
            for turn, (when, one) in enumerate((("before", signal.SIGINT), ("after", signal.SIGTERM))):
                marks = [] if is_quick(name, label, is_next=turn == number % 2) else [pytest.mark.slow]
                yield pytest.param(name, number, when, one, id=f"{name}-{number:02d}-{label}-{when}", marks=marks)


@pytest.mark.slow(but=["*-CUTOVER:FENCE-*", "*-CUTOVER:LINK-*", "*-CAPTURE:INSTALL-*", "*-BUILD:VERIFY-*"])
@pytest.mark.parametrize(("name", "number", "when", "one"), list(moments()))
def test_a_signal_at_a_step_leaves_nothing_to_repair(prepare, tmp_path, name, number, when, one):
    prepared = prepare(name)
    scenario, database = prepared.scenario, prepared.copy(tmp_path / "w")
    ended = child(lambda: run(scenario, database.target(SignalAt(when, number, [one]))))
    trouble = ended.refusal()
    assert (trouble.kind, trouble.codes, trouble.exit_code) == ("Failed", ("interrupted",), 4)
    assert one.name in trouble.text
    assert_clean(prepared, database, trouble)

    cutover = scenario.passes.index(scenario.commit)
    # after CUTOVER:SYMLINK, right before the fence, a signal waits until the swap is done
    is_late = number > cutover or DiskStep.CUTOVER_SYMLINK in scenario.passes[: min(number, cutover) + 1]
    assert_state(prepared, database, swapped=is_late if number != cutover else None)
    finish(scenario, database)
    assert dump(database.link) == prepared.new


def assert_state(prepared, database, swapped):
    """Check that the state is the new one if `swapped` is True, the old one if it is False, or either if it is None."""
    if database.layout.path_kind() is PathKind.NOTHING:
        assert prepared.old is None
        assert not swapped
        return
    found = dump(database.link)
    assert found in (prepared.old, prepared.new)
    if swapped is not None:
        assert found == (prepared.new if swapped else prepared.old)


def assert_clean(prepared, database, trouble):
    """Check that recovery has nothing to do, and that the message names the right state."""
    if database.layout.path_kind() is PathKind.NOTHING:
        assert database.names().get("generations", []) in ([], ["lock"])
    else:
        assert_tidy(database, prepared.scenario)
    live, names = database.layout.live(), database.names()
    was = prepared.before.layout.live()
    swapped = live is not None and (was is None or live.name != was.name)
    assert ("is unchanged" in trouble.text) == (not swapped)
    assert (live is not None and f"{live.name} is live" in trouble.text) == swapped
    assert child(lambda: recovery(database.target())).result() == ()
    assert set(database.names()["generations"]) - {"lock"} == set(names.get("generations", [])) - {"lock"}


@pytest.mark.parametrize(
    "label", [DiskStep.BUILD_REFILL, DiskStep.BUILD_RENAME, DiskStep.CUTOVER_FENCE, DiskStep.CUTOVER_LINK]
)
def test_two_impatient_signals_are_one(prepare, tmp_path, label):
    """Ctrl-C, Ctrl-C: the second one does not stop the cleanup."""
    prepared = prepare("evolve")
    database, number = prepared.copy(tmp_path / "w"), prepared.scenario.passes.index(label)

    inner = SignalAt("after", number, [signal.SIGINT, signal.SIGTERM])

    def impatient(when, seen):
        if seen is DiskStep.RECOVER_REMOVE:
            os.kill(os.getpid(), signal.SIGINT)
        inner(when, seen)

    trouble = child(lambda: run(prepared.scenario, database.target(impatient))).refusal()
    assert trouble.codes == ("interrupted",)
    assert_clean(prepared, database, trouble)


@pytest.mark.parametrize("seed", [pytest.param(n, marks=[pytest.mark.slow] * (n >= 2)) for n in range(30)])
def test_a_signal_at_a_random_moment_leaves_nothing_to_repair(prepare, tmp_path, seed):
    chance = random.Random(seed)
    name = chance.choice(["evolve", "evolve_and_prune", "rollback", "adopt_wal"])
    one = chance.choice([signal.SIGINT, signal.SIGTERM])
    prepared = prepare(name)
    database = prepared.copy(tmp_path / "w")
    started = FORK.Event()
    working = Child(lambda: (started.set(), run(prepared.scenario, database.target())))
    started.wait(20)
    time.sleep(chance.uniform(0, 0.07))
    working.kill(one)
    ended = working.ended()
    if ended.trouble is not None and ended.trouble.exit_code is not None:
        assert ended.trouble.codes == ("interrupted",)
        assert_clean(prepared, database, ended.trouble)
    else:  # it came before the run began, or after it had ended
        assert ended.exitcode in (0, 1, -one)
        assert_state(prepared, database, swapped=None)
    finish(prepared.scenario, database)
    assert dump(database.link) == prepared.new


@pytest.mark.slow
def test_a_signal_does_not_wait_for_the_end_of_a_long_statement(prepare, tmp_path):
    database = prepare("evolve").copy(tmp_path / "w")
    database.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        " INSERT INTO ledger (note) SELECT 'row ' || i FROM n"
    )
    slow = "length(printf('%.*c', 3000 + length(note), 'x'))"  # of the row, or SQLite would compute it only once
    tree = changed(V1, "ledger", weight={"type": "INTEGER", "fill": slow})
    sent = []

    def observer(when, label):
        if (when, label) == ("before", DiskStep.BUILD_REFILL):
            threading.Timer(0.1, lambda: (sent.append(time.monotonic()), os.kill(os.getpid(), signal.SIGTERM))).start()

    def work():
        try:
            sync(database.target(observer), read(tree))
        except BaseException:
            assert time.monotonic() - sent[0] < 1, time.monotonic() - sent[0]
            raise

    assert child(work).refusal().codes == ("interrupted",)
    assert len(notes(database.link)) == 40003


def test_an_adoption_does_not_read_a_large_file_to_its_end_after_a_signal(prepare, tmp_path, monkeypatch):
    """The test replaces the check of its pages by a query without an end."""
    prepared = prepare("adopt_wal")
    database, endless = prepared.copy(tmp_path / "w"), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"

    def damage(connection):
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        return connection.execute(f"{endless} SELECT max(i) FROM n").fetchall()

    monkeypatch.setattr(integrity_check, "damage", damage)
    working = Child(lambda: run(prepared.scenario, database.target()))
    assert working.ended().refusal().codes == ("interrupted",)
    assert dump(database.link) == prepared.old


def test_a_signal_while_another_thread_lives_waits_for_the_swap_all_the_same(prepare, tmp_path):
    """The kernel gives a signal to any thread that does not block it, so blocking it in one thread is not enough."""
    prepared = prepare("evolve")
    database, number = prepared.copy(tmp_path / "w"), prepared.scenario.passes.index(DiskStep.CUTOVER_UNMARK)
    other = threading.Thread(target=time.sleep, args=(5,), daemon=True)

    def work():
        other.start()
        return run(prepared.scenario, database.target(SignalAt("before", number, [signal.SIGINT])))

    trouble = child(work).refusal()
    assert trouble.codes == ("interrupted",)
    assert_state(prepared, database, swapped=True)
    assert_clean(prepared, database, trouble)


def test_a_signal_while_waiting_for_the_lock_ends_the_run(prepare, tmp_path):
    prepared = prepare("evolve")
    database = prepared.copy(tmp_path / "w")

    def hold():
        with database.target().locked():
            (database.folder / "held").touch()
            time.sleep(30)

    holder = Child(hold)
    wait_for(lambda: (database.folder / "held").exists())
    waiting = Child(lambda: run(prepared.scenario, database.target(wait=30.0)))
    time.sleep(0.3)
    waiting.kill(signal.SIGTERM)
    assert waiting.ended().refusal().codes == ("interrupted",)
    holder.kill()
    holder.ended()
    assert dump(database.link) == prepared.old


def test_the_handlers_of_the_program_are_put_back(prepare, tmp_path):
    database = prepare("evolve").copy(tmp_path / "w")

    def work():
        mine = lambda number, frame: None  # noqa: E731
        signal.signal(signal.SIGTERM, mine)
        sync(database.target(), read(V2))
        return signal.getsignal(signal.SIGTERM) is mine, signal.getsignal(signal.SIGINT) is signal.default_int_handler

    assert child(work).result() == (True, True)
    assert write(database.link, "goes on") is None


def test_a_run_in_another_thread_leaves_signals_alone(prepare, tmp_path):
    database = prepare("evolve").copy(tmp_path / "w")

    def work():
        found = []
        thread = threading.Thread(target=lambda: found.append(sync(database.target(), read(V2)).result))
        thread.start()
        thread.join()
        return found

    assert child(work).result() == ["synced"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param("backup", DiskStep.BACKUP_STORE, id="backup"),
        pytest.param("restore_live", DiskStep.RESTORE_WRITE, id="restore", marks=pytest.mark.slow),
        pytest.param("restore", DiskStep.RESTORE_FETCH, id="restore into a file", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_signal_ends_a_backup_that_does_not_count_yet_and_a_restore_that_is_not_live(
    prepare, tmp_path, name, label, when
):
    prepared = prepare(name)
    database, number = prepared.copy(tmp_path / "w"), prepared.scenario.passes.index(label)
    trouble = child(lambda: run(prepared.scenario, database.target(SignalAt(when, number, [signal.SIGTERM])))).refusal()
    assert (trouble.kind, trouble.codes) == ("Failed", ("interrupted",)) and "is unchanged" in trouble.text
    assert dump(database.link) == prepared.old
    assert not list(database.layout.folder.glob("backup-*")) and not (database.folder / "copy.sqlite3").exists()
    assert_tidy(database, prepared.scenario)
    assert child(lambda: run(prepared.scenario, database.target())).result()
