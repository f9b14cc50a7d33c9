"""kill -9 before SQL statements and calls to the operating system: of thousands, a few in the quick tier."""

import pytest

from schemasync.files.layout import PathKind

from .aftermath import assert_history, assert_tidy, finish_here, look_at_the_wreck, write_through_the_link
from .databases import dump, notes, recovery, without
from .instants import Instants, count, run_until, sample
from .processes import child
from .scenarios import SCENARIOS

QUICK = {"evolve": 6, "adopt_journal": 4, "rollback": 6}


@pytest.mark.parametrize("name", QUICK)
def test_a_kill_at_any_instant_leaves_the_old_or_the_new_state(prepare, tmp_path, name):
    killed_at(prepare, tmp_path, name, QUICK[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_at_many_instants_leaves_the_old_or_the_new_state(prepare, tmp_path, name):
    killed_at(prepare, tmp_path, name, 60 if SCENARIOS[name].swaps else 15)


def killed_at(prepare, tmp_path, name, size):
    prepared = prepare(name)
    total = count(prepared.scenario, prepared.copy(tmp_path / "dry"))
    for number in sample(total, min(size, total), name):
        survive(prepared, prepared.copy(tmp_path / str(number)), tmp_path / f"{number} wreck", number)


def survive(prepared, database, wreck, number):
    """Kill a run at an instant, then check all that must be true after a kill at a disk step."""
    scenario = prepared.scenario
    ended = child(lambda: run_until(scenario, database, Instants(number)))
    if not ended.killed:  # the number of instants varies a little with the length of the history
        return
    child(lambda: _check_what_the_kill_left(prepared, database, wreck, number)).result()


def _check_what_the_kill_left(prepared, database, wreck, number):
    scenario, target = prepared.scenario, database.target()
    look_at_the_wreck(prepared, database.copy(wreck))
    note = write_through_the_link(database) if prepared.old and "ledger" in prepared.old["rows"] else None
    first, second = recovery(target), recovery(target)
    assert second == (), (number, first)
    if database.layout.path_kind() is not PathKind.NOTHING:
        assert without(dump(database.link), note) in (without(prepared.old or prepared.new), without(prepared.new)), (
            number
        )
        assert note is None or note in notes(database.link)
        assert_tidy(database, scenario)
    set_aside = finish_here(scenario, database)
    assert without(dump(database.link), note) == without(prepared.new), number
    assert note is None or note in notes(set_aside or database.link)
    assert_tidy(database, scenario)
    assert_history(scenario, database)
