"""Compare a sync with nothing to do, as each deployment runs it, with `migrate` with nothing to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from . import figures, machine, process
from .goals import changes
from .process import Run
from .source import copy_of_adopted, source

NOTHING, SYNC, MIGRATE = "a command that does nothing", "schemasync", "migrate"
COMMANDS = {NOTHING: ("nothing",), SYNC: ("schemasync",), MIGRATE: ("migrate",)}
ROWS = 1_000  # the content of the tables does not matter here


def measure(folder: Path, rounds: int, say: Callable[[str], object]) -> dict[str, list[Run]]:
    """Run the commands in turn, `rounds` times each after a warm-up. Raises ProcessFailed if one fails."""
    made = source(folder, ROWS)
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    database = copy_of_adopted(made, work)
    schema = changes.write("max_length", made.schema, work / "wanted.json")
    process.manage("schemasync", database=database, schema=schema, enabled=True)
    process.manage("migrate", "--fake", "--verbosity=0", database=database)
    found: dict[str, list[Run]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            taken = process.manage(*command, database=database, schema=schema, enabled=name == SYNC)
            if number > 0:
                found[name].append(taken)
    shutil.rmtree(work)
    say(f"{rounds} rounds")
    return found


def report(found: dict[str, list[Run]]) -> list[str]:
    """Return the figures as Markdown, in milliseconds."""
    rounds = len(found[NOTHING])
    start = median(run.seconds for run in found[NOTHING])
    rows = [
        [
            name,
            figures.spread([1000 * run.seconds for run in runs], ".0f"),
            f"{1000 * (median(run.seconds for run in runs) - start):.0f}",
            f"{1000 * median(run.cpu for run in runs):.0f}",
        ]
        for name, runs in found.items()
    ]
    return [
        f"A site of Django's own applications and three tables, nothing to do; {rounds} rounds after a warm-up, in "
        "turn. Milliseconds are medians (smallest to largest).",
        "",
        *figures.table(("", "ms", "above the first", "of the processor"), rows),
    ]


def run(folder: Path, rounds: int, say: Callable[[str], object]) -> Sequence[str]:
    head = machine.described()
    return ["  \n".join(head), "", *report(measure(folder, rounds, say))]
