"""Rehearsals of every case of tests/cases: each predicts the sync, or refuses with the same codes, and changes
nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from schemasync.errors import Code, SchemasyncError
from schemasync.sync.rehearsal import rehearse
from schemasync.sync.run.target import target as target_of
from schemasync.sync.runner import sync
from tests.oracle import cases, check

MEMORY = Path("/dev/shm")
CASES = [case for case in cases.load() if not case.steps[0].current and not case.steps[0].options.block_writers]
IN_THE_GATE = 90  # the gate runs one case of 90
RUNS = [
    pytest.param(case, id=f"{case.place}: {case.name}", marks=[pytest.mark.slow] * (number % IN_THE_GATE != 0))
    for number, case in enumerate(CASES)
]


@pytest.fixture
def folder(tmp_path):
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="schemasync-cases-") as name:
        yield Path(name)


@pytest.mark.parametrize("case", RUNS)
def test_a_rehearsal_says_what_the_sync_does_and_changes_nothing(case, folder):
    target, step = target_of(folder / "db.sqlite3", wait=5.0, actor="cases"), case.steps[0]
    check._begin(case, target)
    check.write(target, case.rows)
    check.write(target, step.rows, step.by_hand)
    before, files = check.contents(target), sorted(target.layout.folder.glob("*.sqlite3"))
    said = outcome(lambda: rehearse(target, step.document, step.options))
    assert check.contents(target) == before
    assert sorted(target.layout.folder.glob("*.sqlite3")) == files
    done = outcome(lambda: sync(target, step.document, step.options))
    if isinstance(done, list):
        assert said == done
        return
    assert {name: dict(table) for name, table in said.tables.items()} == {
        name: dict(table) for name, table in done.tables.items()
    }
    assert list(map(without_times, said.hazards)) == list(map(without_times, done.hazards))


def without_times(hazard):
    return hazard.code, hazard.table, hazard.column, hazard.rows, hazard.keys


def outcome(act):
    """Call `act` and return its result, or the sorted codes of its SchemasyncError."""
    try:
        return act()
    except SchemasyncError as error:
        assert Code.UNEXPECTED not in {problem.code for problem in error.problems}
        return sorted(problem.code for problem in error.problems)
