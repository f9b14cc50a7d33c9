"""One changed table in a file of some 300 MB: `schemasync` beside `cp` and beside Django's `migrate`.

Every run works on a fresh copy that lies on the disk, in a process of its own. The contenders take turns, so
that a machine that slows down slows all of them. What it takes to start Python and Django is measured with a
command that does nothing, and taken off where it says so.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

from . import figures, machine, process
from .process import Run
from .source import Source, copy_of_adopted, copy_of_plain, source

T = TypeVar("T")
CP, CP_SYNCED, MIGRATE, SYNC, NOTHING = "cp", "cp and fsync", "migrate", "schemasync", "a command that does nothing"
COLUMN_AFTER = "varchar(200)"


@dataclass(slots=True)
class Measured:
    """The runs of every contender in their order, the pauses of the syncs, and where the time of one went."""

    size: int
    rows: int
    runs: dict[str, list[Run]] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)
    steps: dict[str, float] = field(default_factory=dict)

    def seconds(self, name: str) -> list[float]:
        return [run.seconds for run in self.runs[name]]

    def net(self, name: str) -> list[float]:
        """Seconds without what any Django command takes."""
        start = median(self.seconds(NOTHING)) if name in (MIGRATE, SYNC) else 0.0
        return [seconds - start for seconds in self.seconds(name)]

    def ratios(self, one: str, other: str) -> list[float]:
        """How many times as long as `other` the run of `one` in the same round took."""
        return [a / b for a, b in zip(self.net(one), self.net(other), strict=True)]


def measure(folder: Path, rows: int, rounds: int, say: Callable[[str], object]) -> Measured:
    """Make the source, warm up, and let everyone run `rounds` times. Raises ProcessFailed."""
    say(f"making the database of {rows:,} rows in the table that changes (once a folder)")
    made = source(folder, rows)
    found = Measured(made.bytes, rows)
    work = folder / "work"
    for number in range(rounds + 1):
        taken = {name: _in_folder(contender, made, work) for name, contender in CONTENDERS.items()}
        shown = ", ".join(f"{name} {run.seconds:.2f} s" for name, run in taken.items())
        if number == 0:
            say(f"warm-up: {shown}")
            continue
        say(f"round {number} of {rounds}: {shown}")
        for name, run in taken.items():
            found.runs.setdefault(name, []).append(run)
        found.pauses.append(json.loads(taken[SYNC].output)["pause_ms"] / 1000)
    found.steps = _in_folder(_steps, made, work)
    return found


def _in_folder(contender: Callable[[Source, Path], T], made: Source, work: Path) -> T:
    shutil.rmtree(work, ignore_errors=True)
    try:
        return contender(made, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _cp(made: Source, work: Path) -> Run:
    work.mkdir()
    return process.run(["cp", str(made.plain), str(work / "copy")])


def _cp_synced(made: Source, work: Path) -> Run:
    work.mkdir()
    return process.run(["sh", "-c", 'cp "$0" "$1" && sync "$1"', str(made.plain), str(work / "copy")])


def _migrate(made: Source, work: Path) -> Run:
    database = copy_of_plain(made, work)
    taken = process.manage("migrate", "shop", "0002", "--verbosity=0", database=database)
    _check(database)
    return taken


def _sync(made: Source, work: Path) -> Run:
    database = copy_of_adopted(made, work)
    taken = process.manage("schemasync", "--json", database=database, schema=made.schema)
    _check(database)
    return taken


def _nothing(made: Source, work: Path) -> Run:
    return process.manage("nothing", database=made.plain)


def _steps(made: Source, work: Path) -> dict[str, float]:
    database = copy_of_adopted(made, work)
    taken = process.python("-m", "benchmarks.stopwatch", str(database), str(made.schema), database=database)
    return json.loads(taken.output)["seconds"]


CONTENDERS: dict[str, Callable[[Source, Path], Run]] = {
    CP: _cp,
    CP_SYNCED: _cp_synced,
    NOTHING: _nothing,
    MIGRATE: _migrate,
    SYNC: _sync,
}


def _check(database: Path) -> None:
    """Did it do what it was measured for?"""
    with closing(sqlite3.connect(database)) as connection:
        columns = connection.execute("SELECT type FROM pragma_table_info('shop_order') WHERE name = 'comment'")
        if columns.fetchone() != (COLUMN_AFTER,):
            raise process.ProcessFailed(f"{database}: the column is not {COLUMN_AFTER} afterwards")


def report(found: Measured) -> list[str]:
    """The figures as Markdown."""
    rounds = len(found.pauses)
    # that of cp is below what the measuring process itself hands on, and says nothing
    memory = {name: f"{max(run.peak for run in runs) / 1e6:,.0f} MB" for name, runs in found.runs.items()}
    rows = [
        [
            name,
            figures.spread(found.seconds(name)),
            f"{median(found.net(name)):.2f}" if name in (MIGRATE, SYNC) else "",
            "" if name in (CP, CP_SYNCED) else memory[name],
        ]
        for name in found.runs
    ]
    ratios = [
        [f"{one} / {other}", figures.spread(found.ratios(one, other))]
        for one, other in ((SYNC, CP), (SYNC, CP_SYNCED), (SYNC, MIGRATE), (MIGRATE, CP))
    ]
    total = sum(found.steps.values())
    steps = [[name, f"{1000 * s:,.0f}", f"{100 * s / total:.0f} %"] for name, s in found.steps.items()]
    return [
        f"One `AlterField` (`CharField`, `max_length` 100 to 200) on the table of {found.rows:,} rows, in a file of "
        f"{found.size / 1e6:,.0f} MB with three tables and five secondary indexes; {rounds} rounds after a warm-up, "
        "each run on a fresh copy. Seconds are medians (smallest to largest).",
        "",
        *figures.table(("", "seconds", "less the start of Django", "peak memory"), rows),
        "",
        "Ratios of the runs of one round, the start of Django taken off:",
        "",
        *figures.table(("", "times"), ratios),
        "",
        f"Writers waited {figures.spread(found.pauses)} s: they go on until the swap itself. "
        "`migrate` compares nothing of what it has written, and keeps no way back.",
        "",
        "Where the time of one more sync went:",
        "",
        *figures.table(("step", "ms", "share"), steps),
    ]


def run(folder: Path, rows: int, rounds: int, say: Callable[[str], object]) -> Sequence[str]:
    head = machine.described()
    return ["  \n".join(head), "", *report(measure(folder, rows, rounds, say))]
