"""kill -9 before any statement and any call to the operating system, a few of thousands in the quick tier."""

import pytest

from schemasync.files.layout import PathKind

from .aftermath import assert_history, assert_tidy, finish_here, look_at_the_wreck, write_through_the_link
from .instants import Instants, count, run_until, sample
from .processes import child
from .scenarios import SCENARIOS
from .worlds import dump, notes, recovery, without

QUICK = {"evolve": 6, "adopt_journal": 4, "rollback": 6}


@pytest.mark.parametrize("name", QUICK)
def test_a_kill_at_any_instant_leaves_the_old_or_the_new_state(stages, tmp_path, name):
    killed_at(stages, tmp_path, name, QUICK[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_at_many_instants_leaves_the_old_or_the_new_state(stages, tmp_path, name):
    killed_at(stages, tmp_path, name, 60 if SCENARIOS[name].swaps else 15)


def killed_at(stages, tmp_path, name, size):
    stage = stages(name)
    total = count(stage.scenario, stage.copy(tmp_path / "dry"))
    for number in sample(total, min(size, total), name):
        survive(stage, stage.copy(tmp_path / str(number)), tmp_path / f"{number} wreck", number)


def survive(stage, world, wreck, number):
    """Kill a run at an instant; then everything that is true after a kill at a label."""
    scenario = stage.scenario
    ended = child(lambda: run_until(scenario, world, Instants(number)))
    if not ended.killed:  # a few instants come and go with the length of the history
        return
    child(lambda: _check_what_the_kill_left(stage, world, wreck, number)).result()


def _check_what_the_kill_left(stage, world, wreck, number):
    scenario, target = stage.scenario, world.target()
    look_at_the_wreck(stage, world.copy(wreck))
    note = write_through_the_link(world) if stage.old and "ledger" in stage.old["rows"] else None
    first, second = recovery(target), recovery(target)
    assert second == (), (number, first)
    if world.layout.path_kind() is not PathKind.NOTHING:
        assert without(dump(world.link), note) in (without(stage.old or stage.new), without(stage.new)), number
        assert note is None or note in notes(world.link)
        assert_tidy(world, scenario)
    set_aside = finish_here(scenario, world)
    assert without(dump(world.link), note) == without(stage.new), number
    assert note is None or note in notes(set_aside or world.link)
    assert_tidy(world, scenario)
    assert_history(scenario, world)
