"""A disk that another process fills before a step of a run: the old or the new file is live and whole, and with room
again the next run finishes."""

import shutil
import subprocess

import pytest

from tests.crash.aftermath import assert_goes_on
from tests.crash.processes import child
from tests.crash.scenarios import SCENARIOS, run
from tests.faults.small_disk import small_disk

QUICK = {"evolve_paused", "rollback"}
CODES = {"disk-full", "disk-error", "swap-unfinished", "storage-failed"}


@pytest.fixture(scope="session")
def disk():
    with small_disk("32m") as folder:  # a run refuses beforehand if less than 8 MB are free
        yield folder


class Filling:
    """An observer that lets another process fill the disk before the n-th step (from 0)."""

    def __init__(self, number, ballast):
        self.number, self.ballast, self.passed = number, ballast, 0

    def __call__(self, when, label):
        if when == "before" and self.passed == self.number:
            ended = subprocess.run(
                ["dd", "if=/dev/zero", f"of={self.ballast}", "bs=4096"], stderr=subprocess.DEVNULL, check=False
            )
            assert ended.returncode == 1, "the disk was not full"
        self.passed += when == "before"


def points():
    for name, scenario in SCENARIOS.items():
        for number, label in enumerate(scenario.passes):
            marks = [] if name in QUICK else [pytest.mark.slow]
            yield pytest.param(name, number, id=f"{name}-{number:02d}-{label}", marks=marks)


@pytest.mark.parametrize(("name", "number"), list(points()))
def test_wherever_the_disk_is_filled_nothing_is_lost_and_the_next_run_finishes(prepare, disk, name, number):
    for path in disk.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    prepared = prepare(name)
    database, ballast = prepared.copy(disk / "w"), disk / "ballast"
    ended = child(lambda: run(prepared.scenario, database.target(Filling(number, ballast))))
    assert ballast.exists(), "the step was not passed"
    if ended.trouble is not None:  # some steps write nothing, and freed space may suffice for others
        assert ended.trouble.exit_code is not None, f"not one of ours: {ended.trouble.text}"
        assert set(ended.trouble.codes) <= CODES, ended.trouble
        assert all(ended.trouble.hints), ended.trouble
    ballast.unlink()
    child(lambda: assert_goes_on(prepared, database)).result()
