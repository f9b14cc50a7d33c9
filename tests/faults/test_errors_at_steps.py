"""A disk that fails or is full, or a process without descriptors, at each step of a run: the error names the cause, the
old or the new file is live and whole, and the next run finishes."""

import errno
import os

import pytest

from tests.crash.aftermath import assert_goes_on
from tests.crash.processes import child
from tests.crash.scenarios import SCENARIOS, run

CODES = {
    "ENOSPC": {"disk-full", "swap-unfinished", "storage-failed"},
    "EIO": {"disk-error", "swap-unfinished", "storage-failed"},
    "EMFILE": {"disk-error", "swap-unfinished", "storage-failed"},
}
QUICK = {"rollback": "ENOSPC", "adopt_journal": "EIO"}


class Failing:
    """An observer that raises an OSError in the n-th step (from 0), as the call of that step would."""

    def __init__(self, number, error):
        self.number, self.error, self.passed = number, error, 0

    def __call__(self, when, label):
        if when == "before" and self.passed == self.number:
            self.passed += 1
            raise OSError(self.error, os.strerror(self.error))
        self.passed += when == "before"


def points():
    for name, scenario in SCENARIOS.items():
        for number, label in enumerate(scenario.passes):
            for error in CODES:
                is_quick = QUICK.get(name) == error
                marks = [] if is_quick else [pytest.mark.slow]
                yield pytest.param(name, number, error, id=f"{name}-{number:02d}-{label}-{error}", marks=marks)


@pytest.mark.parametrize(("name", "number", "error"), list(points()))
def test_after_an_error_the_old_or_the_new_state_is_whole_and_the_next_run_finishes(
    prepare, tmp_path, name, number, error
):
    prepared = prepare(name)
    database = prepared.copy(tmp_path / "w")
    ended = child(lambda: run(prepared.scenario, database.target(Failing(number, getattr(errno, error)))))
    if ended.trouble is not None:  # after the swap some steps may fail without harm
        assert ended.trouble.exit_code is not None, f"not one of ours: {ended.trouble.text}"
        assert set(ended.trouble.codes) <= CODES[error], ended.trouble
        assert all(ended.trouble.hints), ended.trouble
    child(lambda: assert_goes_on(prepared, database)).result()
