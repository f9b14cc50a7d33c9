"""kill -9 before and after each step of every kind of run: no acknowledged write is lost, and the next run finishes."""

import pytest

from schemasync.files.disk import DiskStep
from schemasync.files.layout import PathKind
from tests.tenants import crashes as tenants

from .aftermath import assert_history, assert_tidy, finish_here, is_committed, look_at_the_wreck, write_through_the_link
from .databases import dump, notes, recovery, without, write
from .processes import child, sqlite
from .scenarios import SCENARIOS, KillAt, Passes, run

ALIKE = {
    "fresh",
    "evolve_paused",
    "evolve_postponed",
    "evolve_with_a_check",
    "evolve_with_rows",
    "evolve_with_work",
    "evolve_replicated",
    "evolve_and_prune",
    "derive",
    "transform",
    "adopt_journal",
    "adopt_over_the_link",
    "an_open_archive",
    "a_restored_backup",
    "a_displaced_file",
    "a_run_that_fails",
}
"""Scenarios whose BUILD steps are killed only in the slow tier, as these leave the same files as those of `evolve` and
`adopt_wal`. So are the ends of their cut-over steps, where the disk is the same as before the next step."""

SAME_SWAP = {
    "evolve_and_prune",
    "evolve_paused",
    "evolve_postponed",
    "evolve_with_a_check",
    "evolve_with_rows",
    "evolve_with_work",
    "derive",
    "transform",
    "fresh",
    "keep_writes",
    "a_restored_backup",
    "an_open_archive",
    "a_displaced_file",
}
"""Scenarios that swap like `evolve`, step by step. The gate kills them at the fence and at steps of their own."""

RESTORES = {
    "restore_live": {DiskStep.RESTORE_HISTORY, DiskStep.BUILD_RENAME, DiskStep.CUTOVER_FENCE},
    "restore_synced": {DiskStep.CUTOVER_FENCE},
    "restore_first": set[DiskStep](),
}
"""The steps of restores that the gate kills. The slow tier kills the others: they swap like `evolve` and `first`."""


def points():
    for scenario in SCENARIOS.values():
        for number, label in enumerate(scenario.passes):
            usual = label in SCENARIOS["evolve"].passes or label in SCENARIOS["adopt_wal"].passes
            building = label.startswith("BUILD") and label != DiskStep.BUILD_RENAME
            alike = scenario.name in ALIKE and building and usual
            for when in ("before", "after"):
                # the disk is the same after a step as before the next one; only the most important steps get both kills
                counts_most = label.startswith(("CUTOVER", "CAPTURE")) and scenario.name not in ALIKE
                counts_most |= label == DiskStep.CUTOVER_FENCE or not usual
                same = when == "after" and not counts_most and label != scenario.passes[-1]
                swap = label not in RESTORES.get(scenario.name, {label})
                # a run with a replication tool differs from `evolve` only in the calls to the tool
                alike |= scenario.name == "evolve_replicated" and not label.startswith(("REPLICATION", "CUTOVER:LINK"))
                # a run with mixins differs from `evolve` only in the triggers that are in the new file
                mixed = scenario.name == "mixins" and (label, when) != (DiskStep.CUTOVER_FENCE, "after")
                swapped = (
                    scenario.name in SAME_SWAP
                    and usual
                    and not label.startswith("BUILD")
                    and label not in (DiskStep.CUTOVER_FENCE, scenario.passes[-1])
                )
                marks = [pytest.mark.slow] * (alike or same or swap or mixed or swapped)
                name = f"{scenario.name}-{number:02d}-{label}-{when}"
                yield pytest.param(scenario.name, number, when, id=name, marks=marks)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_passes_the_steps_that_are_listed(prepare, tmp_path, name):
    prepared, passes = prepare(name), Passes()

    def listed():
        run(prepared.scenario, prepared.copy(tmp_path / "w").target(passes))
        return passes.labels

    assert child(listed).result() == prepared.scenario.passes


def test_every_step_of_the_disk_door_is_killed_somewhere():
    passed = {label for scenario in SCENARIOS.values() for label in scenario.passes}
    assert passed | tenants.LABELS == set(DiskStep)


@pytest.mark.parametrize(("name", "number", "when"), list(points()))
def test_after_a_kill_the_old_or_the_new_state_is_whole_and_the_next_run_finishes(
    prepare, tmp_path, name, number, when
):
    prepared = prepare(name)
    scenario, database = prepared.scenario, prepared.copy(tmp_path / "w")
    ended = child(lambda: run(scenario, database.target(KillAt(when, number))))
    assert ended.killed, ended

    child(lambda: _check_what_the_kill_left(prepared, database, is_committed(scenario, number, when))).result()


def _check_what_the_kill_left(prepared, database, committed):
    """Check everything in one process: each fork copies the memory of the tests that it touches."""
    scenario, target = prepared.scenario, database.target()
    look_at_the_wreck(prepared, database.copy(database.folder.with_name("wreck")))
    note = write_through_the_link(database) if prepared.old and "ledger" in prepared.old["rows"] else None
    first, second = recovery(target), recovery(target)
    assert second == (), f"a second recovery finds something to do after {first}"

    expected = prepared.new if committed else prepared.old
    if expected is None:
        assert database.layout.path_kind() is PathKind.NOTHING
        assert database.files() == []
    else:
        assert without(dump(database.link), note) == without(expected), (
            "the committed state" if committed else "the old"
        )
        assert note is None or note in notes(database.link)
        assert_tidy(database, scenario)
    set_aside = finish_here(scenario, database)
    assert without(dump(database.link), note) == without(prepared.new)
    assert note is None or note in notes(set_aside or database.link)
    assert write(database.link, "after all") is None
    assert_tidy(database, scenario)
    assert_history(scenario, database)


def test_with_a_sync_nobody_ever_sees_the_schema_of_the_backup(prepare, tmp_path):
    prepared = prepare("restore_synced")
    database, seen = prepared.copy(tmp_path / "w"), set()

    def looking(when, label):
        with sqlite(database.link) as connection:
            seen.add(tuple(name for (name,) in connection.execute("SELECT name FROM pragma_table_info('ledger')")))

    assert child(lambda: (run(prepared.scenario, database.target(looking)), seen)).result()[1] == {
        ("id", "note", "cents")
    }
    assert dump(database.link) == prepared.new
