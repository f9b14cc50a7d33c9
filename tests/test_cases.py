"""Every case of tests/cases/*.yml under one oracle, from a clone and from an empty file."""

import os
import sqlite3
import tempfile
from pathlib import Path

import pytest

from schemasync.diff.changes import FAMILY
from schemasync.engines.sqlite.hazards import findings
from schemasync.engines.sqlite.rebuild import refill
from tests.oracle import cases, check, coverage

MEMORY = Path("/dev/shm")  # makes syncs instant: these tests do not cover the thousands of fsyncs

CASES = cases.load()
BOTH_ENDS = ("alter", "later_alter")  # all of these run in the gate on the oldest and the newest SQLite
AT_AN_END = sqlite3.sqlite_version in ("3.37.2", "3.54.1")
SHARES = 24  # of the other cases one in this many runs there; the commit decides which
SHARE = os.environ.get("SCHEMASYNC_CASES")
IN_THE_GATE = 3  # one in this many of the other cases, and of these on the SQLite that Python came with


def _is_in_the_gate(number, case, strategy):
    if strategy == "fresh" and case.only != "fresh":
        return False
    if AT_AN_END and SHARE is not None:
        return case.place in BOTH_ENDS or number % SHARES == int(SHARE)
    return number % IN_THE_GATE == 0 or (AT_AN_END and case.place in BOTH_ENDS)


RUNS = [
    pytest.param(
        case,
        strategy,
        id=f"{case.place}: {case.name} [{strategy}]",
        marks=[pytest.mark.slow] * (not _is_in_the_gate(number, case, strategy)),
    )
    for number, case in enumerate(CASES)
    for strategy in case.strategies
]


@pytest.fixture
def folder(tmp_path):
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="schemasync-cases-") as name:
        yield Path(name)


@pytest.fixture(autouse=True)
def small_steps(request, monkeypatch):
    """Use the smallest steps where a file starts empty: with few rows, a large step would do all of the work at
    once."""
    if "[fresh]" in request.node.name:
        monkeypatch.setattr(refill, "REFILL_ROWS", 1)
        monkeypatch.setattr(findings, "BATCH", 2)


@pytest.mark.parametrize(("case", "strategy"), RUNS)
def test_case(case, strategy, folder):
    check.run(case, strategy, folder)


@pytest.mark.slow(but=["REAL-clone"])
@pytest.mark.parametrize("strategy", ["clone", "fresh"])
@pytest.mark.parametrize("kind", ["REAL", "INTEGER"])
def test_a_table_with_a_thousand_columns_is_rewritten_and_compared(kind, strategy, folder):
    columns = {f"c{number}": kind for number in range(1000)}
    values = ", ".join(map(str, range(1000)))
    turned = dict(reversed(dict.fromkeys(columns, "INTEGER").items()))
    back = ", ".join(map(str, reversed(range(1000))))
    new = {"t": turned, "_views": {"v": "SELECT * FROM t"}}
    data = {"name": "", "old": {"t": columns}, "rows": {"t": [values]}, "new": new, "expect": {"t": [back]}}
    check.run(cases.case(data, "wide"), strategy, folder)


def test_every_type_of_change_is_tried_over_no_rows_some_rows_and_rows_in_the_way():
    covered = coverage.covered(CASES)
    wanted = {(kind, situation) for kind in FAMILY for situation in coverage.SITUATIONS}
    exempt = {(kind, "offending") for kind in coverage.CANNOT_OFFEND}
    assert sorted(f"{kind.__name__}: {situation}" for kind, situation in wanted - exempt - covered.keys()) == []


def test_what_is_said_to_have_nothing_in_its_way_has_no_case_that_says_otherwise():
    covered = coverage.covered(CASES)
    assert {
        kind.__name__: covered[kind, "offending"] for kind in coverage.CANNOT_OFFEND if (kind, "offending") in covered
    } == {}
