"""kill -9 at each step of the recovery after an earlier kill; the next recovery repairs everything."""

import pytest

from .aftermath import assert_history, assert_tidy, finish_here, is_committed, look_at_the_wreck
from .databases import dump, recovery, without
from .processes import child
from .scenarios import SCENARIOS, KillAt, Passes, run

WRECKS = {  # the crash points of the gate: their wrecks all differ, and so do the repairs
    "first": ["BUILD:CREATE", "BUILD:RENAME", "CUTOVER:UNMARK", "CUTOVER:SYMLINK"],
    "evolve": ["BUILD:SEAL", "BUILD:RENAME", "CUTOVER:FENCE", "CUTOVER:UNMARK", "CUTOVER:LINK"],
    "adopt_wal": ["BUILD:RENAME", "CUTOVER:FENCE", "CUTOVER:LINK"],
    "adopt_journal": ["CUTOVER:FENCE", "CUTOVER:UNMARK"],
    "over_an_empty_file": ["CUTOVER:FENCE"],
    "rollback": ["CUTOVER:FENCE", "CUTOVER:UNFENCE", "CUTOVER:LINK"],
    "an_open_archive": ["BUILD:VERIFY", "CUTOVER:FENCE"],
    "eject": ["CUTOVER:FENCE", "CUTOVER:LINK"],
}


def wrecks():
    for name, scenario in SCENARIOS.items():
        for number, label in enumerate(scenario.passes):
            quick = str(label) in WRECKS.get(name, [])
            for when in ("after",) if quick else ("before", "after"):
                marks = [] if quick else [pytest.mark.slow]
                yield pytest.param(name, number, when, marks=marks, id=f"{name}-{number:02d}-{label}-{when}")


@pytest.mark.parametrize(("name", "number", "when"), list(wrecks()))
def test_a_kill_while_repairing_is_repaired(prepare, tmp_path, name, number, when, request):
    prepared = prepare(name)
    scenario, database = prepared.scenario, prepared.copy(tmp_path / "w")
    assert child(lambda: run(scenario, database.target(KillAt(when, number)))).killed
    steps = steps_of_recovery(database.copy(tmp_path / "dry"))
    is_slow = request.node.get_closest_marker("slow")
    assert steps or is_slow, "nothing is repaired here"

    expected = prepared.new if is_committed(scenario, number, when) else prepared.old
    for step in range(len(steps)):
        # the disk is the same after a step as before the next one
        for moment in ("before", "after") if is_slow or not step else ("after",):
            again = database.copy(tmp_path / f"{step}{moment}")
            target = again.target(KillAt(moment, step))
            assert child(lambda target=target: recovery(target)).killed
            known = (steps[step], moment)
            child(lambda again=again, known=known: _check(prepared, again, expected, known, is_slow)).result()


def _check(prepared, database, expected, known, is_slow):
    """Check everything in one process: each fork copies the memory of the tests that it touches."""
    scenario = prepared.scenario
    look_at_the_wreck(prepared, database.copy(database.folder.with_name(f"{database.folder.name}wreck")))
    recovery(database.target())
    assert recovery(database.target()) == ()
    if expected is not None:
        assert without(dump(database.link)) == without(expected), known
        assert_tidy(database, scenario, is_copied=True)
    if is_slow:
        finish_here(scenario, database)
        assert_history(scenario, database)
        assert without(dump(database.link)) == without(prepared.new)


def steps_of_recovery(database):
    passes = Passes()

    def noted():
        recovery(database.target(passes))
        return passes.labels

    return child(noted).result()
