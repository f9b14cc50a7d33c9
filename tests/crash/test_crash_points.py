"""kill -9 before and after every step of every kind of run: nothing that was acknowledged is lost, and the next run
finishes."""

import itertools

import pytest

from schemasync.errors import Refused
from schemasync.files.disk import DiskStep
from schemasync.files.layout import PathKind
from schemasync.sync.runner import sync

from .processes import child
from .scenarios import SCENARIOS, KillAt, Passes, run
from .worlds import dump, fence_of, history, is_marked, notes, read, recovery, traces, whole, without, write

ROW = "written after the crash"


ALIKE = {
    "fresh",
    "evolve_paused",
    "evolve_postponed",
    "evolve_and_prune",
    "adopt_journal",
    "an_open_archive",
    "a_restored_backup",
    "a_displaced_file",
    "a_run_that_fails",
}
"""Their building is killed in the slow tier: it leaves what that of `evolve` and `adopt_wal` leaves."""


def points():
    for scenario in SCENARIOS.values():
        for number, label in enumerate(scenario.passes):
            alike = scenario.name in ALIKE and label.startswith("BUILD") and label != DiskStep.BUILD_RENAME
            for when in ("before", "after"):
                # what stands on the disk after one step stands there before the next, but for where it counts most
                same = when == "after" and not label.startswith(("CUTOVER", "CAPTURE")) and label != scenario.passes[-1]
                marks = [pytest.mark.slow] * (alike or same)
                name = f"{scenario.name}-{number:02d}-{label}-{when}"
                yield pytest.param(scenario.name, number, when, id=name, marks=marks)


def is_committed(scenario, number, when):
    """True where the run was past its commit when it died."""
    if not scenario.swaps:
        return False
    commit = scenario.passes.index(scenario.commit)
    return number > commit or (number == commit and when == "after")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_passes_the_steps_that_are_listed(stages, tmp_path, name):
    stage, passes = stages(name), Passes()

    def listed():
        run(stage.scenario, stage.copy(tmp_path / "w").target(passes))
        return passes.labels

    assert child(listed).result() == stage.scenario.passes


def test_every_step_of_the_disk_door_is_killed_somewhere():
    passed = {label for scenario in SCENARIOS.values() for label in scenario.passes}
    assert passed == set(DiskStep)


@pytest.mark.parametrize(("name", "number", "when"), list(points()))
def test_after_a_kill_the_old_or_the_new_state_is_whole_and_the_next_run_finishes(stages, tmp_path, name, number, when):
    stage = stages(name)
    scenario, world = stage.scenario, stage.copy(tmp_path / "w")
    ended = child(lambda: run(scenario, world.target(KillAt(when, number))))
    assert ended.killed, ended

    look_at_the_wreck(stage, world.copy(tmp_path / "wreck"))
    committed = is_committed(scenario, number, when)
    note = write_through_the_link(world) if stage.old and "ledger" in stage.old["rows"] else None
    target = world.target()
    first, second = child(lambda: (recovery(target), recovery(target))).result()
    assert second == (), f"a second recovery finds something to do after {first}"

    expected = stage.new if committed else stage.old
    if expected is None:
        assert world.layout.at() is PathKind.NOTHING
        assert world.files() == []
    else:
        assert without(dump(world.link), note) == without(expected), "the committed state" if committed else "the old"
        assert note is None or note in notes(world.link)
        assert_tidy(world, scenario)
    set_aside = finish(scenario, world)
    assert without(dump(world.link), note) == without(stage.new)
    assert note is None or note in notes(set_aside or world.link)
    assert write(world.link, "after all") is None
    assert_tidy(world, scenario)
    assert_history(scenario, world)


def look_at_the_wreck(stage, wreck):
    """What any program sees that opens the link before anything is repaired."""
    if stage.old is None and wreck.layout.at() is PathKind.NOTHING:
        return
    assert dump(wreck.link) in (stage.old, stage.new)
    assert whole(wreck.link)
    assert not is_marked(wreck.link)
    for path in wreck.files():
        assert whole(path)


def write_through_the_link(world):
    """The note that was acknowledged, None where the fence refused it."""
    error = write(world.link, ROW)
    if error is None:
        assert fence_of(world.link) is None
        return ROW
    assert "schemasync: superseded, open the database again" in error
    assert fence_of(world.link) is not None
    return None


def assert_tidy(world, scenario, *, is_copied=False):
    """One link, one live file without a trace of us, archives closed, no litter.

    `is_copied`: the files are others than at the kill. The original of an adoption is then not known by its inode, and
    is kept.
    """
    names = world.names()
    side = {"", "-wal", "-shm", "-journal"}
    extra = {"copy.sqlite3", "copy.sqlite3.tmp", "copy.sqlite3.tmp-journal"} if scenario.name == "snapshot" else set()
    extra |= {f"{world.link.name}-displaced-1"} if scenario.name == "a_displaced_file" else set()
    extra |= {name for name in names[""] if is_copied and name.startswith(f"{world.link.name}-displaced-1")}
    assert not (copy := world.folder / "copy.sqlite3").exists() or whole(copy)
    known = {world.link.name + suffix for suffix in side} | {world.layout.folder.name}
    assert set(names[""]) - known - extra == set()
    if world.layout.at() is PathKind.PLAIN:
        assert fence_of(world.link) is None
        if scenario.name == "eject":
            assert_left(world)
        else:
            assert not scenario.swaps or names.get("generations", []) in ([], ["lock"])
        return
    live = world.layout.live().path
    assert world.link.is_symlink()
    assert not world.link.readlink().is_absolute()
    assert traces(world.link) == []
    for path in world.files():
        assert whole(path)
        assert not is_marked(path)
        assert (fence_of(path) is None) == (path == live), path.name
    finished = {path.name + suffix for path in world.files() for suffix in side}
    assert set(names["generations"]) - finished == {"lock"}


def assert_left(world):
    """Of ours nothing is in the plain file, and its archives are whole and closed."""
    assert traces(world.link) == []
    assert history(world.link) == ()
    assert not world.layout.plain.exists()
    for path in world.files():
        assert whole(path)
        assert fence_of(path) is not None, path.name


def finish(scenario, world):
    """The next run. Returns the file in which a rollback has set aside what was written before it."""
    target = world.target()
    live = world.layout.live()

    def again():
        match scenario.name:
            case "adopt_wal" | "adopt_journal" if live is not None:
                with pytest.raises(Refused, match="taken over already"):
                    run(scenario, target)
            case "eject" if live is None:
                with pytest.raises(Refused, match="nothing to leave"):
                    run(scenario, target)
            case "rollback" if live.number == 1:
                pass  # the rollback is done
            case "snapshot" if (world.folder / "copy.sqlite3").exists():
                pass  # it is whole, and in the way of a second one
            case _:
                run(scenario, target)
        if scenario.current is None:
            return None
        report = sync(target, read(scenario.current))
        return report.result, report.generation

    result = child(again).result()
    if scenario.current is not None:
        assert result == ("current", world.layout.live().name)
    return live.path if scenario.name == "rollback" and live.number == 2 else None


def assert_history(scenario, world):
    """Each generation that was live stands in it, in order; the last row is of the one that is live."""
    if scenario.name == "eject":
        return
    rows = history(world.link)
    assert [row.id for row in rows] == sorted({row.id for row in rows})
    assert rows[-1].generation == world.layout.live().name
    assert {path.stem for path in world.files()} <= {row.generation for row in rows}
    for before, after in itertools.pairwise(rows):
        assert after.previous == before.generation
    if scenario.name == "rollback":
        assert [row.action for row in rows] == ["sync", "sync", "rollback"]
    elif scenario.name.startswith("adopt"):
        assert [row.action for row in rows] == ["adopt"]
    numbers = [row.generation for row in rows if row.action != "rollback"]
    assert len(set(numbers)) == len(numbers)
