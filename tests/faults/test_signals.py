"""INT and TERM at any moment: the run ends as `interrupted`, nothing is left to repair, and what it says is true."""

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
from tests.crash.processes import FORK, Child, child
from tests.crash.scenarios import SCENARIOS, run
from tests.crash.worlds import V1, V2, changed, dump, notes, read, recovery, write

from .waiting import wait_for

RUNS = ["first", "evolve", "adopt_wal", "adopt_journal", "rollback", "evolve_and_prune"]


class SignalAt:
    """An observer that sends its own process a signal before or after the n-th step, as often as is said."""

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
    """In the gate a step gets one of the two signals, and the next step the other; both where the swap begins, from
    where on a signal waits. The steps that build a file are those of `evolve` in every run."""
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
def test_a_signal_at_a_step_leaves_nothing_to_repair(stages, tmp_path, name, number, when, one):
    stage = stages(name)
    scenario, world = stage.scenario, stage.copy(tmp_path / "w")
    ended = child(lambda: run(scenario, world.target(SignalAt(when, number, [one]))))
    trouble = ended.refusal()
    assert (trouble.kind, trouble.codes, trouble.exit_code) == ("Failed", ("interrupted",), 4)
    assert one.name in trouble.text
    assert_clean(stage, world, trouble)

    cutover = scenario.passes.index(scenario.commit)
    # from the new link on, which is made right before the fence, a signal waits until the swap is done
    is_late = number > cutover or DiskStep.CUTOVER_SYMLINK in scenario.passes[: min(number, cutover) + 1]
    assert_state(stage, world, swapped=is_late if number != cutover else None)
    finish(scenario, world)
    assert dump(world.link) == stage.new


def assert_state(stage, world, swapped):
    """The old state or the new one; `swapped` says which, None for either."""
    if world.layout.path_kind() is PathKind.NOTHING:
        assert stage.old is None
        assert not swapped
        return
    found = dump(world.link)
    assert found in (stage.old, stage.new)
    if swapped is not None:
        assert found == (stage.new if swapped else stage.old)


def assert_clean(stage, world, trouble):
    """Nothing for recovery to do; and the message says which state is true."""
    if world.layout.path_kind() is PathKind.NOTHING:
        assert world.names().get("generations", []) in ([], ["lock"])
    else:
        assert_tidy(world, stage.scenario)
    live, names = world.layout.live(), world.names()
    was = stage.before.layout.live()
    swapped = live is not None and (was is None or live.name != was.name)
    assert ("is unchanged" in trouble.text) == (not swapped)
    assert (live is not None and f"{live.name} is live" in trouble.text) == swapped
    assert child(lambda: recovery(world.target())).result() == ()
    assert set(world.names()["generations"]) - {"lock"} == set(names.get("generations", [])) - {"lock"}


@pytest.mark.parametrize(
    "label", [DiskStep.BUILD_REFILL, DiskStep.BUILD_RENAME, DiskStep.CUTOVER_FENCE, DiskStep.CUTOVER_LINK]
)
def test_two_impatient_signals_are_one(stages, tmp_path, label):
    """Ctrl-C, Ctrl-C: the second one does not stop the clearing away."""
    stage = stages("evolve")
    world, number = stage.copy(tmp_path / "w"), stage.scenario.passes.index(label)

    inner = SignalAt("after", number, [signal.SIGINT, signal.SIGTERM])

    def impatient(when, seen):
        if seen is DiskStep.RECOVER_REMOVE:
            os.kill(os.getpid(), signal.SIGINT)
        inner(when, seen)

    trouble = child(lambda: run(stage.scenario, world.target(impatient))).refusal()
    assert trouble.codes == ("interrupted",)
    assert_clean(stage, world, trouble)


@pytest.mark.parametrize("seed", [pytest.param(n, marks=[pytest.mark.slow] * (n >= 2)) for n in range(30)])
def test_a_signal_at_a_random_moment_leaves_nothing_to_repair(stages, tmp_path, seed):
    chance = random.Random(seed)
    name = chance.choice(["evolve", "evolve_and_prune", "rollback", "adopt_wal"])
    one = chance.choice([signal.SIGINT, signal.SIGTERM])
    stage = stages(name)
    world = stage.copy(tmp_path / "w")
    started = FORK.Event()
    working = Child(lambda: (started.set(), run(stage.scenario, world.target())))
    started.wait(20)
    time.sleep(chance.uniform(0, 0.07))
    working.kill(one)
    ended = working.ended()
    if ended.trouble is not None and ended.trouble.exit_code is not None:
        assert ended.trouble.codes == ("interrupted",)
        assert_clean(stage, world, ended.trouble)
    else:  # it came before the run began, or after it had ended
        assert ended.exitcode in (0, 1, -one)
        assert_state(stage, world, swapped=None)
    finish(stage.scenario, world)
    assert dump(world.link) == stage.new


@pytest.mark.slow
def test_a_signal_does_not_wait_for_the_end_of_a_long_statement(stages, tmp_path):
    world = stages("evolve").copy(tmp_path / "w")
    world.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        " INSERT INTO ledger (note) SELECT 'row ' || i FROM n"
    )
    slow = "length(printf('%.*c', 3000 + length(note), 'x'))"  # of the row, or SQLite reckons it once
    tree = changed(V1, "ledger", weight={"type": "INTEGER", "fill": slow})
    sent = []

    def observer(when, label):
        if (when, label) == ("before", DiskStep.BUILD_REFILL):
            threading.Timer(0.1, lambda: (sent.append(time.monotonic()), os.kill(os.getpid(), signal.SIGTERM))).start()

    def work():
        try:
            sync(world.target(observer), read(tree))
        except BaseException:
            assert time.monotonic() - sent[0] < 1, time.monotonic() - sent[0]
            raise

    assert child(work).refusal().codes == ("interrupted",)
    assert len(notes(world.link)) == 40003


def test_an_adoption_does_not_read_a_large_file_to_its_end_after_a_signal(stages, tmp_path, monkeypatch):
    """The check of its pages, which is a query without an end here."""
    stage = stages("adopt_wal")
    world, endless = stage.copy(tmp_path / "w"), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"

    def damage(connection):
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        return connection.execute(f"{endless} SELECT max(i) FROM n").fetchall()

    monkeypatch.setattr(integrity_check, "damage", damage)
    working = Child(lambda: run(stage.scenario, world.target()))
    assert working.ended().refusal().codes == ("interrupted",)
    assert dump(world.link) == stage.old


def test_a_signal_while_another_thread_lives_waits_for_the_swap_all_the_same(stages, tmp_path):
    """The kernel gives a signal to any thread that takes it: hiding from it in one thread is not enough."""
    stage = stages("evolve")
    world, number = stage.copy(tmp_path / "w"), stage.scenario.passes.index(DiskStep.CUTOVER_UNMARK)
    other = threading.Thread(target=time.sleep, args=(5,), daemon=True)

    def work():
        other.start()
        return run(stage.scenario, world.target(SignalAt("before", number, [signal.SIGINT])))

    trouble = child(work).refusal()
    assert trouble.codes == ("interrupted",)
    assert_state(stage, world, swapped=True)
    assert_clean(stage, world, trouble)


def test_a_signal_while_waiting_for_the_lock_ends_the_run(stages, tmp_path):
    stage = stages("evolve")
    world = stage.copy(tmp_path / "w")

    def hold():
        with world.target().locked():
            (world.folder / "held").touch()
            time.sleep(30)

    holder = Child(hold)
    wait_for(lambda: (world.folder / "held").exists())
    waiting = Child(lambda: run(stage.scenario, world.target(wait=30.0)))
    time.sleep(0.3)
    waiting.kill(signal.SIGTERM)
    assert waiting.ended().refusal().codes == ("interrupted",)
    holder.kill()
    holder.ended()
    assert dump(world.link) == stage.old


def test_the_handlers_of_the_program_are_put_back(stages, tmp_path):
    world = stages("evolve").copy(tmp_path / "w")

    def work():
        mine = lambda number, frame: None  # noqa: E731
        signal.signal(signal.SIGTERM, mine)
        sync(world.target(), read(V2))
        return signal.getsignal(signal.SIGTERM) is mine, signal.getsignal(signal.SIGINT) is signal.default_int_handler

    assert child(work).result() == (True, True)
    assert write(world.link, "goes on") is None


def test_a_run_in_another_thread_leaves_signals_alone(stages, tmp_path):
    world = stages("evolve").copy(tmp_path / "w")

    def work():
        found = []
        thread = threading.Thread(target=lambda: found.append(sync(world.target(), read(V2)).result))
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
    stages, tmp_path, name, label, when
):
    stage = stages(name)
    world, number = stage.copy(tmp_path / "w"), stage.scenario.passes.index(label)
    trouble = child(lambda: run(stage.scenario, world.target(SignalAt(when, number, [signal.SIGTERM])))).refusal()
    assert (trouble.kind, trouble.codes) == ("Failed", ("interrupted",)) and "is unchanged" in trouble.text
    assert dump(world.link) == stage.old
    assert not list(world.layout.folder.glob("backup-*")) and not (world.folder / "copy.sqlite3").exists()
    assert_tidy(world, stage.scenario)
    assert child(lambda: run(stage.scenario, world.target())).result()
