"""The benchmark of the speed goals measures the values of its table, on small files, and draws the figures."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import figures
from benchmarks.goals import changes, picture, report, table
from benchmarks.goals.environments import DJANGO_5
from benchmarks.goals.measure import Figures
from benchmarks.goals.samples import Kept, Sample
from tests.support.postgres import missing

ROOT = Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"
GOALS = {goal.name: goal for goal in table.goals([300, 2000], 1000)}


def benchmark(folder, *arguments):
    """Run `python -m benchmarks goals` on files of a megabyte."""
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "goals",
        "--folder",
        folder,
        "--pairs",
        "1",
        "--no-peers",
        *arguments,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def rows(text):
    """Return the rows of the first table; the first two cells are the key of the others."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {(what, against): rest for what, against, *rest in found[2:]}


def measured(name, *pairs):
    return Figures(GOALS[name], [Sample(ours, theirs) for ours, theirs in pairs])


@pytest.mark.slow
def test_a_goal_is_measured_on_a_small_file_and_an_interrupted_run_goes_on(tmp_path):
    only = ("--size", "1", "--only", "max_length/cp", "affinity/alembic")
    first = benchmark(tmp_path, *only)
    found = rows(first.stdout)
    *_, ratio, _, holds = found["max_length", "cp and fsync"]
    assert re.fullmatch(r"[\d.]+ \([\d.]+ to [\d.]+\)", ratio)
    assert holds in ("yes", "no")
    assert "is not installed" in found["type of another affinity", "Alembic 1.20.1 batch"][2]
    samples = (tmp_path / "samples.jsonl").read_bytes()
    again = benchmark(tmp_path, *only, "--picture", tmp_path / "goals.svg")
    assert "max_length/cp, pair 1 of 1" in first.stderr
    assert (tmp_path / "samples.jsonl").read_bytes() == samples
    assert again.stdout == first.stdout
    assert ElementTree.parse(tmp_path / "goals.svg").getroot().tag == f"{SVG}svg"


@pytest.mark.slow
def test_every_goal_can_be_measured(tmp_path):
    python = tmp_path / "environments" / DJANGO_5.folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (python.parent.parent / "ready").touch()
    done = benchmark(tmp_path, "--size", "1", "2", "--tables", "5", "--markdown")
    for (what, against), (_, _, ratio, *_) in rows(done.stdout.partition("Where the ")[0]).items():
        if against.partition(" ")[0] in ("cp", "Django", "CREATE") and "6.1" not in against and "shared" not in what:
            assert re.match(r"[\d.]+ \(|too small", ratio), (what, against, ratio)
    assert "fill again" in done.stdout


def test_every_change_of_the_file_is_one_that_django_can_make():
    from benchmarks.shop.operations import OPERATIONS

    assert set(changes.CHANGES) ^ set(OPERATIONS) == {"small_table", "none"}
    assert len(changes.CHANGES["five"].columns) == len(OPERATIONS["five"]) == 5


def test_an_unknown_goal_is_named_and_nothing_is_measured(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "goals", "--folder", tmp_path, "--only", "max_lenght"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no goal is called max_lenght; --list prints the names" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("pairs", "holds"),
    [(((2.1, 1), (2.2, 1), (9, 1)), "yes"), (((2.1, 1), (2.3, 1), (9, 1)), "no"), (((2.4, 1),), "no")],
)
def test_the_median_of_the_ratios_decides(pairs, holds):
    one = measured("check_on/cp", *pairs)
    assert report.verdict(one.goal, report.values(one)) == holds


def test_the_start_of_django_is_taken_off_on_both_sides():
    one = Figures(GOALS["max_length/django-5.2"], [Sample(1.5, 11.0, 0.5, 1.0), Sample(1.6, 11.2, 0.5, 1.0)])
    assert report.values(one) == pytest.approx([0.1, 1.1 / 10.2])


def test_a_file_that_is_too_small_to_measure_is_not_judged():
    one = Figures(GOALS["max_length/django-5.2"], [Sample(0.5, 11.0, 0.6, 1.0)])
    assert report.verdict(one.goal, report.values(one)) == "not measured"
    assert report.SMALL in "".join(report.table([one]))


def test_the_wait_at_a_swap_is_a_difference_in_milliseconds():
    one = measured("swap/10", (20.0, 8.0))
    assert report.shown(one.goal, report.values(one)) == "+12.0 (+12.0 to +12.0) ms"
    assert report.verdict(one.goal, report.values(one)) == "yes"


DRAWN = [
    measured("max_length/cp", (1.2, 1), (1.3, 1)),
    measured("check_off/cp", (2.8, 1), (2.9, 1)),
    measured("verification", (0.2, 1)),
    measured("affinity/alembic", (0.5, 1)),
    replace(measured("memory"), why_not="it needs two sizes"),
]


def test_the_picture_has_a_line_for_each_group_by_its_worst_member():
    root = ElementTree.fromstring(picture.draw(DRAWN, "2026-11-29 & SQLite 3.40.1"))
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert "2.85 (2.80 to 2.90)" in words
    assert "cp and fsync, worst of 2" in words
    assert "1.25 (1.20 to 1.30)" not in words
    assert words.count("does not hold") == words.count("holds") == 1
    assert words[-1] == "2026-11-29 & SQLite 3.40.1"


def test_the_picture_can_be_heard_and_follows_the_dark_theme():
    text = picture.draw(DRAWN, "")
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    assert [root.find(f"{SVG}{name}").get("id") for name in ("title", "desc")] == root.get("aria-labelledby").split()
    assert root.find(f"{SVG}title").text == "schemasync: 1 of 2 speed goals hold"
    assert "content verification against the rewrite that it verifies: 0.20" in root.find(f"{SVG}desc").text
    assert "prefers-color-scheme: dark" in text


def test_the_picture_of_the_readme_is_one_that_the_command_draws():
    text = (ROOT / "docs" / "images" / "speed.svg").read_text("utf-8")
    assert picture.STYLE in text
    assert "docs/images/speed.svg" in (ROOT / "README.md").read_text("utf-8")


def test_results_keep_their_other_sections(tmp_path, monkeypatch):
    results = tmp_path / "RESULTS.md"
    results.write_text("# Benchmarks\n\n## Many tables\n\nsome\n\n## Nothing to do\n\nold\n")
    monkeypatch.setattr(figures, "RESULTS", results)
    figures.write("Nothing to do", ["new"])
    figures.write("The speed goals", ["goals"])
    expected = "# Benchmarks\n\n## The speed goals\n\ngoals\n\n## Many tables\n\nsome\n\n## Nothing to do\n\nnew\n"
    assert results.read_text() == expected


def test_samples_are_kept_for_each_version_of_the_code(tmp_path):
    kept = Kept(tmp_path / "samples.jsonl")
    kept.add("a of 1", Sample(1, 2))
    kept.add("a of 2", Sample(3, 4))
    assert kept.read("a of 2") == [Sample(3, 4)]
    kept.forget(["a of 2"])
    assert (kept.read("a of 1"), kept.read("a of 2")) == ([Sample(1, 2)], [])


def test_a_sample_that_a_killed_run_has_half_written_is_left_out(tmp_path):
    kept = Kept(tmp_path / "samples.jsonl")
    kept.add("a", Sample(1, 2))
    with kept.path.open("a") as file:
        file.write('\n{"key": "a", "sam')
    kept.add("a", Sample(3, 4))
    assert kept.read("a") == [Sample(1, 2), Sample(3, 4)]


def test_a_file_that_sqlite_copies_has_another_goal_than_one_that_the_kernel_copies(monkeypatch):
    def most(megabytes):
        return next(goal for goal in table.goals([megabytes], 10) if goal.name == "max_length/cp").phrase()

    assert most(10) == "2.5 (by the backup API)"
    monkeypatch.setattr("os.copy_file_range", None, raising=False)
    assert most(300) == "1.5"
    monkeypatch.delattr("os.copy_file_range")
    assert most(300) == "2.5 (by the backup API)"


# --- the thresholds -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_thresholds_compare_the_backend_with_postgresql():
    if wanted := missing():
        pytest.skip(wanted)
    command = [
        sys.executable,
        "-m",
        "benchmarks.thresholds",
        "--processes",
        "1",
        "3",
        "--seconds",
        "0.5",
        "--rounds",
        "1",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for mix in ("read-heavy, 95:5", "80:20", "write-heavy, 20:80"):
        assert f"**{mix}**" in done.stdout
        assert re.search(rf"^\| {mix} +\|( +(?:\d+|not up to 3) \|){{4}}$", done.stdout, re.MULTILINE)
    assert len(re.findall(r"^\| 3 +\| +[\d,.]+ \|", done.stdout, re.MULTILINE)) == 6


@pytest.mark.slow
def test_tenants_are_compared_with_migrate_over_the_same_files():
    command = [sys.executable, "-m", "benchmarks", "tenants", "--tenants", "10", "--served", "30", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for what in ("nothing to do, each of 10 tenants", "a new tenant", "the middleware, in a request"):
        assert re.search(rf"^\| {what} +\|.*\| +(yes|no) \|$", done.stdout, re.MULTILINE), what
