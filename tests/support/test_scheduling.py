"""The tests of a group run in one process, with any versions of pytest and pytest-xdist."""

import os
import subprocess
import sys
from collections import defaultdict

import pytest

from .processes import ROOT, environment
from .scheduling import GROUPS, ROTATION, TURNS, group

CONFTEST = """
from tests.support.scheduling import GroupScheduling
def pytest_xdist_make_scheduler(config, log):
    return GroupScheduling(config, log)
"""
TEST = """
import os, pathlib, pytest, time
@pytest.mark.parametrize("number", range(4))
def test_it(number):
    time.sleep(0.1)
    with pathlib.Path("ran").open("a") as ran:
        print(__file__, os.environ["PYTEST_XDIST_WORKER"], file=ran)
"""


@pytest.mark.slow
def test_a_group_runs_in_one_process_and_other_tests_in_all(tmp_path):
    files = [
        f"{GROUPS[0]}test_one.py",
        f"{GROUPS[0]}test_two.py",
        "tests/live/test_three.py",
        "tests/live/test_four.py",
    ]
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEST)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:django", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    where = defaultdict(set)
    for file, worker in map(str.split, (tmp_path / "ran").read_text().splitlines()):
        where[os.path.relpath(file, tmp_path).startswith(GROUPS[0])].add(worker)
    assert len(where[True]) == 1
    assert where[True] | where[False] == {"gw0", "gw1"}


def test_the_crash_points_of_a_scenario_are_a_group():
    points, recovery = (f"tests/crash/test_crash_{name}.py::test_it" for name in ("points", "in_recovery"))
    assert group(f"{points}[evolve-00-BUILD:CREATE-before]") == group(f"{recovery}[evolve]")
    assert group(f"{points}[evolve-00-BUILD:CREATE-before]") != group(f"{points}[evolve_paused-00-BUILD:CREATE-before]")


def test_every_group_is_there():
    assert [path for path in GROUPS if not (ROOT / path).exists()] == []


def test_each_line_of_the_rotation_names_a_test():
    functions = [line.partition("[")[0].split("::") for line in ROTATION]
    missing = [name for path, name in functions if f"def {name}(" not in (ROOT / path).read_text()]
    assert not missing and len(functions) > 100


@pytest.mark.slow
def test_the_turns_are_all_tests_and_none_is_in_two():
    taken = [collected("--turn", str(turn)) for turn in range(TURNS)]
    always = set.intersection(*taken)
    assert set.union(*taken) == collected()
    assert sum(map(len, taken)) - (TURNS - 1) * len(always) == len(set.union(*taken))
    assert all(len(one) > len(always) for one in taken)


def collected(*options):
    """Return the ids of the tests that pytest collects, with these options, from files that have tests with a turn."""
    files = sorted({line.partition("::")[0] for line in ROTATION if line.startswith("tests/live/")})
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--collect-only", *options, *files]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    return {line for line in done.stdout.splitlines() if "::" in line}
