"""docs/comparison.md agrees with the output of the runs of `benchmarks.peers`, and schemasync still does what its
column says."""

import re
import subprocess
import sys

import pytest

from .pages import ROOT, page
from .support.processes import environment

COLUMNS = {  # headings of the table, and the peers of the evidence
    "sqlite-utils": "sqlite-utils 4.2.1",
    "Alembic, table reflected": "Alembic 1.20.1 with SQLAlchemy 2.1.9, table reflected",
    "Alembic, table passed": "Alembic 1.20.1 with SQLAlchemy 2.1.9, table passed",
    "Django, model of the columns": "Django 6.1.3, model of the columns",
    "Django, model of all": "Django 6.1.3, model of all",
    "schemasync": "schemasync with Django 6.1.3",
}
AS_LEFT = "as left"


def outcomes(printed: str) -> dict[str, dict[str, str]]:
    """Return the outcome of each fact, for each peer."""
    found: dict[str, dict[str, str]] = {}
    for line in printed.splitlines():
        if head := re.fullmatch(r"(\S.*), SQLite [\d.]+", line):
            facts = found[head[1]] = {}
        elif line.startswith("  "):
            fact, _, outcome = line.strip().partition(": ")
            facts[fact] = outcome
    return found


def cell(outcome: str | None) -> str:
    if outcome is None:
        return AS_LEFT
    assert "CHANGED" not in outcome, "a peer that refuses and leaves something else deserves a word of its own"
    word = re.split(r"[,:]", outcome)[0]
    return "lost, with a warning" if "; it warned:" in outcome else word


def table() -> list[list[str]]:
    lines = page("docs/comparison.md").section("What each keeps").splitlines()
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert rows[0][1:] == list(COLUMNS)
    return [[part.replace("*", "").replace("`", "") for part in row] for row in rows[2:]]


EVIDENCE = outcomes((ROOT / "docs" / "evidence" / "peers.txt").read_text("utf-8"))


def test_the_table_says_what_the_runs_printed():
    facts = list(EVIDENCE["sqlite-utils 4.2.1"])
    assert len(facts) > 25
    assert table() == [[fact, *(cell(EVIDENCE[peer].get(fact)) for peer in COLUMNS.values())] for fact in facts]


def test_the_page_names_the_versions_that_were_run():
    for peer in EVIDENCE:
        for name, version in re.findall(r"([\w-]+) (\d[\d.]*)", peer):
            assert re.search(rf"{name} {re.escape(version)}", page("docs/comparison.md").text), (name, version)


@pytest.mark.slow
def test_schemasync_does_what_its_column_says(tmp_path):
    script = ROOT / "benchmarks" / "peers" / "schemasync_sync.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path], env=environment(), check=True, stdout=subprocess.PIPE, text=True
    )
    ((_, now),) = outcomes(done.stdout).items()
    assert {name: cell(outcome) for name, outcome in now.items()} == {row[0]: row[-1] for row in table()}
