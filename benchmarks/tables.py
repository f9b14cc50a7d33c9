"""Measure a sync, a check and a rollback by the number of tables: their time, and how long a writer waits."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from schemasync.engines.sqlite.connection import Opener
from schemasync.files.layout import Layout
from schemasync.schema import document
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync

from . import figures, machine, process
from .process import ROOT, ProcessFailed

ROWS = 20  # of each table
ACTIONS = ("check", "sync", "rollback")


@dataclass(slots=True)
class Measured:
    """Seconds by name of the action: by the clock, of the processor, the pause that the run reports, and the longest
    write meanwhile."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    pauses: dict[str, list[float]] = field(default_factory=dict)
    worst: dict[str, list[float]] = field(default_factory=dict)


def schema(tables: int, *, added: bool = False) -> str:
    """Return a schema.json of a chain of tables, each with a reference to the one before, an index and a few columns.
    `added`: the first table has one more column."""
    wanted = {f"table_{number:04}": _table(number) for number in range(tables)}
    if added:
        wanted["table_0000"]["added"] = "TEXT"
    return json.dumps(wanted)


def _table(number: int) -> dict[str, object]:
    return {
        "id": "INTEGER PRIMARY KEY",
        "back": f"INTEGER REFERENCES table_{max(0, number - 1):04} (id)",
        "number": "INTEGER NOT NULL DEFAULT 0",
        "text": "TEXT NOT NULL DEFAULT ''",
        "size": "REAL CHECK (size >= 0)",
        "_indexes": ["back"],
    }


def measure(folder: Path, sizes: Sequence[int], rounds: int, say: Callable[[str], object]) -> dict[int, Measured]:
    """Run each action on each number of tables. Raises ProcessFailed if a command or the writer fails."""
    found = {}
    for tables in sizes:
        place = folder / f"tables-{tables}"
        _make(place, tables)
        found[tables] = Measured()
        for _ in range(rounds):
            _round(place, found[tables])
            shutil.rmtree(folder / "work")
        shown = found[tables]
        say(
            f"{tables:,} tables: "
            + ", ".join(
                f"{action} {median(shown.seconds[action]):.2f} s ({median(shown.cpu[action]):.2f} s of the processor), "
                f"pause {1000 * median(shown.pauses[action]):.0f} ms, "
                f"longest write {1000 * median(shown.worst[action]):.0f} ms"
                for action in ACTIONS
            )
        )
    return found


def _make(place: Path, tables: int) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    database = place / "db.sqlite3"
    (place / "wanted.json").write_text(schema(tables, added=True))
    sync(Target(Layout(database), Opener()), document.read(schema(tables).encode()))
    with closing(sqlite3.connect(database)) as connection, connection:
        rows = f"WITH n (i) AS (SELECT value FROM json_each('[{','.join(map(str, range(1, ROWS + 1)))}]'))"
        for number in range(tables):
            connection.execute(f"{rows} INSERT INTO table_{number:04} SELECT i, i, i, 'text ' || i, i / 4.0 FROM n")


def _round(place: Path, found: Measured) -> None:
    work = place.parent / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(place, work, symlinks=True)
    for action in ACTIONS:
        waits: list[float] = []
        with _writer(work / "db.sqlite3", waits):
            arguments = ("-m", "benchmarks.tables_command", action, str(work / "db.sqlite3"), str(work / "wanted.json"))
            taken = json.loads(process.python(*arguments, database=work / "db.sqlite3").output)
        found.seconds.setdefault(action, []).append(taken["seconds"])
        found.cpu.setdefault(action, []).append(taken["cpu"])
        found.pauses.setdefault(action, []).append(taken["pause"])
        found.worst.setdefault(action, []).append(max(waits))


@contextmanager
def _writer(database: Path, waits: list[float]) -> Iterator[None]:
    """Run a writer during the block; afterwards `waits` has the seconds that each write took."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.tables_writer", str(database)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            yield
        finally:
            out, _ = writer.communicate()
    if writer.returncode:
        raise ProcessFailed(f"the writer ended with {writer.returncode}")
    waits += [ms / 1000 for _, ms in json.loads(out)]


def report(found: dict[int, Measured]) -> list[str]:
    """Return the figures as Markdown: seconds, and milliseconds of waiting."""
    rows = []
    for tables, one in found.items():
        seconds = [f"{median(each[action]):.2f}" for action in ACTIONS for each in (one.seconds, one.cpu)]
        pauses = [f"{1000 * median(one.pauses[action]):.0f}" for action in ACTIONS[1:]]
        worst = [f"{1000 * median(one.worst[action]):.0f}" for action in ACTIONS[1:]]
        rows.append([f"{tables:,}", *seconds, *pauses, *worst])
    headings = (
        "tables", "check, s", "processor", "sync, s", "processor", "rollback, s", "processor",
        "pause of the sync, ms", "of the rollback",
        "longest write beside the sync, ms", "beside the rollback",
    )  # fmt: skip
    rounds = len(next(iter(found.values())).seconds["sync"])
    return [
        f"One column added to one table; each table has {ROWS} rows, an index and a reference; medians of {rounds} "
        "rounds, each command a process of its own, without the start of Python. A plain connection writes one row "
        "every 5 ms meanwhile, and reads the whole schema again after each change of it.",
        "",
        *figures.table(headings, rows),
    ]


def run(folder: Path, sizes: Sequence[int], rounds: int, say: Callable[[str], object]) -> Sequence[str]:
    head = machine.described()
    return ["  \n".join(head), "", *report(measure(folder, sizes, rounds, say))]
