"""Measure the cost of a sync for four writers of a site: how long they wait at the swap, and how much slower their
writes are while the change log is installed. By size of the database, compared with the same time without a sync."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from schemasync.engines.sqlite.connection import Opener
from schemasync.files.layout import Layout
from schemasync.schema import document
from schemasync.schema.text import count
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync

from . import figures, machine
from .process import ROOT, ProcessFailed

WRITERS = 4
ROW_BYTES = 215  # of both tables, indexes included
REWRITTEN = 2  # one row in so many is in the table that is rewritten
QUIET = 1.0  # seconds of writing before the sync begins, and after it
Write = tuple[float, float]
"""The time at which a write began, in seconds of the machine's monotonic clock, and its duration in milliseconds."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The writes during a sync, and those of an equally long time without one.

    `logged`: when the change log was installed and when the fence was begun; `fence`: when it was committed.
    """

    beside: list[Write]
    alone: list[Write]
    logged: tuple[float, float]
    fence: float
    pause_ms: float
    write_overhead: float | None

    def while_logged(self) -> list[float]:
        return [ms for begun, ms in self.beside if self.logged[0] <= begun < self.logged[1]]

    def before(self) -> list[float]:
        """Return the milliseconds of the writes before the change log was installed."""
        return [ms for begun, ms in self.beside if begun < self.logged[0]]

    def around_the_swap(self, seconds: float = 1.0) -> list[float]:
        """Return the milliseconds of the writes that were under way within `seconds` before and after the fence."""
        since, until = self.fence - seconds, self.fence + seconds
        return [ms for begun, ms in self.beside if begun <= until and begun + ms / 1000 >= since]


def schema(version: int) -> str:
    """Return a schema.json that differs for each version: a sync to it rewrites `moves`, and keeps `notes`."""
    return json.dumps(
        {
            "notes": {"id": "INTEGER PRIMARY KEY", "text": "TEXT NOT NULL", "_indexes": ["text"]},
            "moves": {
                "id": "INTEGER PRIMARY KEY",
                "key": f"TEXT NOT NULL UNIQUE CHECK (length(key) < {100 + version})",
                "account": "INTEGER NOT NULL",
                "amount": f"{'INTEGER' if version % 2 else 'REAL'} NOT NULL",
                "_indexes": ["account"],
            },
        }
    )


def measure(folder: Path, megabytes: Sequence[int], pairs: int, say: Callable[[str], object]) -> dict[int, list[Pair]]:
    """Return the pairs of runs by size in megabytes. Raises ProcessFailed if a writer or a sync fails."""
    found: dict[int, list[Pair]] = {}
    for size in megabytes:
        say(f"{size} MB: making the database")
        place = database(folder, size)
        for number in range(pairs):
            one = pair(folder, place, number + 2)
            found.setdefault(size, []).append(one)
            worst = [max(ms for _, ms in writes) for writes in (one.beside, one.alone)]
            say(
                f"{size} MB, pair {number + 1} of {pairs}: worst wait {worst[0]:.0f} ms beside, {worst[1]:.0f} ms "
                f"alone; pause {one.pause_ms:.0f} ms"
            )
        shutil.rmtree(place.parent)
    return found


def database(folder: Path, megabytes: int) -> Path:
    """Create a database of that size in a folder of its own, and return its path."""
    place = folder / f"live-{megabytes}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    database = place / "db.sqlite3"
    sync(Target(Layout(database), Opener(), keep=1), document.read(schema(1).encode()))
    rows = megabytes * 1_000_000 // ROW_BYTES
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    with closing(sqlite3.connect(database)) as connection, connection:
        words = "'note ' || i || ' please leave it at the door, ring twice, the neighbour takes parcels too' "
        connection.execute(f"{numbers} INSERT INTO notes SELECT i, {words} FROM n", (rows - rows // REWRITTEN,))
        values = "i, 'a key of the first days, number ' || i, i % 1000, i"
        connection.execute(f"{numbers} INSERT INTO moves SELECT {values} FROM n", (rows // REWRITTEN,))
    return database


def pair(folder: Path, database: Path, version: int, writers: int = WRITERS) -> Pair:
    """Run writers during a sync to that version, then as long without one. Raises ProcessFailed if one fails."""
    wanted = folder / "wanted.json"
    wanted.write_text(schema(version))
    began = time.monotonic()
    busy = _Writers(database, 3600, writers)
    time.sleep(QUIET)
    done = json.loads(_ended(_python("benchmarks.swap", str(database), str(wanted))))
    time.sleep(QUIET)
    beside = busy.stop()
    length = time.monotonic() - began
    alone = _Writers(database, 3600, writers)
    time.sleep(length)
    if not done["rows"]:
        raise ProcessFailed("the sync beside writers has rewritten no table")
    steps = {(when, label): at for when, label, at in done["steps"]}
    fence = steps["after", "CUTOVER:FENCE"]
    logged = (steps["after", "CAPTURE:INSTALL"], steps["before", "CUTOVER:FENCE"])
    return Pair(beside, alone.stop(), logged, fence, done["pause_ms"], done["write_overhead"])


class _Writers:
    """Processes that begin to write together, and write until `stop()`."""

    def __init__(self, database: Path, seconds: float, count: int) -> None:
        self._processes = [
            _python("benchmarks.writer", str(database), str(number), str(seconds)) for number in range(count)
        ]
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in self._processes:
            _send_line(process)

    def stop(self) -> list[Write]:
        for process in self._processes:
            _send_line(process)
        return [(begun, ms) for process in self._processes for begun, ms in json.loads(_ended(process))]


def _python(module: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _send_line(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate()
    if process.returncode:
        raise ProcessFailed(f"{process.args!r} ended with {process.returncode}:\n{err}")
    return out


def p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[98]


def report(found: dict[int, list[Pair]]) -> list[str]:
    """Return the figures as Markdown, in milliseconds."""
    rows = []
    for size, pairs in found.items():
        beside = [[ms for _, ms in pair.beside] for pair in pairs]
        alone = [[ms for _, ms in pair.alone] for pair in pairs]

        def added(of: Callable[[Sequence[float]], float], one=beside, other=alone) -> str:
            return figures.spread([of(a) - of(b) for a, b in zip(one, other, strict=True)])

        rows.append(
            [
                f"{size:,} MB",
                added(median),
                added(p99),
                figures.spread([max(one) for one in beside], ".0f"),
                figures.spread([max(one) for one in alone], ".0f"),
                figures.spread([max(pair.around_the_swap(0.5)) for pair in pairs], ".0f"),
                figures.spread([pair.pause_ms for pair in pairs], ".0f"),
                figures.spread([median(pair.while_logged()) / median(pair.before()) for pair in pairs]),
            ]
        )
    measured = count(len(next(iter(found.values()))), "pair")
    headings = (
        "database", "added to the median", "added to the p99", "worst wait", "worst without a sync",
        "worst around the swap", "the run's own figure", "a write while copying / before",
    )  # fmt: skip
    return [
        f"{WRITERS} processes on the backend, each a transaction of an INSERT and an UPDATE every 5 ms or so, and a "
        f"sync that writes half of the rows again; {measured} of a run beside a sync and one as long without. "
        "Milliseconds are medians (smallest to largest) over the pairs; `write_overhead` as the run measured it: "
        + ", ".join(f"{size:,} MB {_taxes(pairs)}" for size, pairs in found.items())
        + ".",
        "",
        *figures.table(headings, rows),
    ]


def _taxes(pairs: Sequence[Pair]) -> str:
    return figures.spread([pair.write_overhead for pair in pairs if pair.write_overhead is not None])


def run(folder: Path, megabytes: Sequence[int], pairs: int, say: Callable[[str], object]) -> Sequence[str]:
    head = machine.described()
    return ["  \n".join(head), "", *report(measure(folder, megabytes, pairs, say))]
