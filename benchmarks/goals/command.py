"""The command `python -m benchmarks goals`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import machine
from schemasync.schema.text import count

from . import picture, report
from .environments import ALEMBIC, DJANGO_5, DJANGO_6, SQLITE_UTILS, Environments, NotPossible, described
from .measure import Bench
from .table import Goal, goals

STEPS_OF = ("max_length", "two_columns")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    sizes = (
        "of the files: changes are made in the smallest one, a small table is changed in the largest one, and memory "
        "is compared between the two (default: 300 2000)"
    )
    add("--size", type=int, nargs="+", default=[300, 2000], metavar="MB", help=sizes)
    add("--pairs", type=int, default=5, help="how often each is measured (default %(default)s)")
    add("--only", nargs="+", metavar="NAME", help="goals by name, or by the part of it before or after the slash")
    add("--tables", type=int, default=1000, help="of the database with nothing to do (default %(default)s)")
    add("--markdown", action="store_true", help="print the section of RESULTS.md instead of a short table")
    add("--picture", type=Path, metavar="FILE.svg", help="draw the main table")
    add("--again", action="store_true", help="measure also what was measured before on the same code")
    add("--no-peers", action="store_true", help="install no peer; those that were installed before are measured")
    add("--python", metavar="PATH", help="an interpreter for the peers that need a later Python than this one")
    add("--list", action="store_true", help="print the names of the goals, and measure nothing")


def default_folder() -> Path:
    """Return the default folder of environments, databases and samples."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "schemasync-benchmarks"


def run(given: argparse.Namespace, folder: Path, say: Callable[[str], object]) -> tuple[list[str], bool]:
    """Measure, draw and describe. Return the lines to print, and False if a measured process has failed. The picture
    and the section of RESULTS.md include earlier samples. Raises ValueError for a name that no goal has."""
    code, sizes = machine.code(), sorted(set(given.size))
    head = machine.described(f"schemasync of commit {code}")
    every = goals(sizes, given.tables)
    wanted = _chosen(every, given.only)
    if given.list:
        return [f"{goal.name}: {goal.what}, against {goal.against}, at most {goal.phrase()}" for goal in wanted], True
    bench = Bench(folder, sizes, given.pairs, _environments(given, folder), code, say)
    say(f"measuring {count(len(wanted), 'goal')}, with figures and databases in {folder}")
    if given.again:
        bench.kept.forget(map(bench.key, wanted))
    measured = {goal: bench.measure(goal) for goal in wanted}
    found = [measured[goal] if goal in measured else bench.known(goal) for goal in every]
    if given.picture is not None:
        load = head[2].rpartition("; ")[2]
        note = f"{head[0]}; {head[1]}; files of {sizes[0]:,} MB; {report.pairs(found)}; {load}"
        given.picture.write_text(picture.draw(found, note), "utf-8")
    is_whole = not any(one.is_failed for one in found)
    if not (given.markdown or given.write):
        return report.table(list(measured.values())), is_whole
    steps = report.steps({change: bench.steps(change) for change in STEPS_OF})
    text = report.report(found, sizes, _interpreters(bench.environments))
    return ["  \n".join(head), "", *text, "", *steps], is_whole


def _environments(given: argparse.Namespace, folder: Path) -> Environments:
    return Environments(folder / "environments", not given.no_peers, given.python)


def _chosen(every: Sequence[Goal], only: Sequence[str] | None) -> list[Goal]:
    if only is None:
        return list(every)
    found = [goal for goal in every if {goal.name, *goal.name.split("/")} & set(only)]
    known = {part for goal in every for part in (goal.name, *goal.name.split("/"))}
    if unknown := set(only) - known:
        raise ValueError(f"no goal is called {', '.join(sorted(unknown))}; --list prints the names")
    return found


def _interpreters(environments: Environments) -> list[str]:
    """Return a line for each tool with its versions of Python and SQLite."""
    found = [f"schemasync: {described(sys.executable)}"]
    for peer in (DJANGO_5, DJANGO_6, SQLITE_UTILS, ALEMBIC):
        try:
            found.append(f"{peer.label}: {described(Environments(environments.folder, False).python(peer))}")
        except NotPossible:
            continue
    return found
