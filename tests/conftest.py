"""Test tiers: `pytest -m "not slow"` all day, `pytest --turn N` in CI, `pytest` before a release, `pytest --every` by
hand."""

import compileall
import gc
import os
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.postgres import postgres, postgres_database  # noqa: F401  # fixtures of all folders
from tests.support.processes import end_server
from tests.support.scheduling import TURNS, GroupScheduling, turn_of

pytest.register_assert_rewrite("tests.crash.aftermath")

ROOT = Path(__file__).resolve().parent.parent

# The duration of an example depends on the load of the machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config):
    """Compile the packages once. Most tests run commands in processes that write no bytecode, as they rewrite models
    within a second; without this, each process would compile the whole package again."""
    if config.getoption("--every"):
        os.environ.setdefault("SCHEMASYNC_EFFORT", "2")
    if not hasattr(config, "workerinput"):
        for folder in ("schemasync", "demo_project", "tests"):
            compileall.compile_dir(ROOT / folder, quiet=2)


@pytest.hookimpl(optionalhook=True)  # a hook of pytest-xdist
def pytest_xdist_make_scheduler(config, log):
    return GroupScheduling(config, log)


def pytest_collection_finish():
    """Freeze the imported modules and collected tests, so that the garbage collector does not examine them again."""
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)  # a collection in a fork copies all the memory that it examines


def pytest_unconfigure():
    end_server()


def pytest_addoption(parser):
    parser.addoption(
        "--every", action="store_true", help="every point, seed and strategy: what CI samples, in half an hour"
    )
    parser.addoption(
        "--turn", type=int, choices=range(TURNS), help="of the tests in tests/rotation.txt only those of this turn"
    )


@pytest.hookimpl(tryfirst=True)  # before `-m` selects by the marks
def pytest_collection_modifyitems(config, items):
    """Deselect the slow tests unless `--every` is given. `slow(but=["b*"])` excepts parameters whose ids match a
    pattern."""
    for item in items:
        for mark in [mark for mark in item.own_markers if mark.name == "slow" and _is_taken_out(item, **mark.kwargs)]:
            item.own_markers.remove(mark)
    turn = config.getoption("--turn")
    is_out = partial(_is_left_out, is_every=config.getoption("--every"), turn=turn)
    left = [item for item in items if is_out(item)]
    config.hook.pytest_deselected(items=left)
    gone = set(map(id, left))
    items[:] = [item for item in items if id(item) not in gone]


def _is_left_out(item, *, is_every, turn):
    if item.get_closest_marker("slow") and not is_every:
        return True
    return turn is not None and turn_of(item.nodeid) not in (None, turn)


def _is_taken_out(item, but=()):
    return any(fnmatchcase(item.callspec.id, pattern) for pattern in but)
