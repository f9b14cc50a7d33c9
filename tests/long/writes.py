"""Ten million acknowledged writes during a thousand swaps, and each is there exactly once:
`python -m tests.long writes [--seed S] [--writes N] [--swaps N] [--minutes M]`. Parts with seeds of their own add up.

A writer adds one to its counter and inserts a numbered row, as fast as it can, and keeps the last hundred rows. When
it opens the database again, after each swap, its counter must be the number of its acknowledged writes, and its rows
must be the last hundred. A write that is lost or done twice shows at the next swap.
"""

from __future__ import annotations

import argparse
import json
import mmap
import random
import sqlite3
import struct
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from benchmarks import machine
from schemasync.schema import document
from schemasync.schema.document import Document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.processes import Child

WRITERS = 4
KEPT = 100  # rows of each writer
BURST, REST = (
    50,
    0.004,
)  # writes, then seconds of rest, so that a run that shares two cores with the writers can finish
COUNT = struct.Struct("=q")
OPTIONS = SyncOptions(allow_older=True, limits=Limits(max_pause=1.0, cutover_timeout=300.0))
PATIENCE = 600.0  # seconds for a writer to end after its signal
CHOICES = {
    "counters written again": ("counters", "note", ("TEXT", "INTEGER")),
    "rows written again": ("log", "note", ("TEXT", "INTEGER")),
    "definition edited": ("log", "extra", ("varchar(10)", "varchar(20)")),
}
INDEX = {"name": "log_by_writer", "columns": ["writer", "n"]}


def _document(state: dict[str, int], *, has_index: bool) -> Document:
    tree: dict[str, dict[str, object]] = {
        "counters": {"writer": "INTEGER PRIMARY KEY", "n": "INTEGER NOT NULL", "note": "TEXT"},
        "log": {
            "id": "INTEGER PRIMARY KEY", "writer": "INTEGER NOT NULL", "n": "INTEGER NOT NULL", "note": "TEXT",
            "extra": "varchar(10)",
        },
    }  # fmt: skip
    for name, (table, column, types) in CHOICES.items():
        tree[table][column] = types[state[name]]
    if has_index:
        tree["log"]["_indexes"] = [INDEX]
    return document.read(json.dumps(tree).encode())


class Acknowledged:
    """The number of acknowledged writes of each writer, in memory that all processes share. The item WRITERS becomes 1
    when the writers must end."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, COUNT.size * (WRITERS + 1))

    def __getitem__(self, number: int) -> int:
        return int(COUNT.unpack_from(self._memory, number * COUNT.size)[0])

    def __setitem__(self, number: int, count: int) -> None:
        COUNT.pack_into(self._memory, number * COUNT.size, count)

    @property
    def total(self) -> int:
        return sum(self[number] for number in range(WRITERS))


def _check(connection: sqlite3.Connection, number: int, done: int) -> None:
    """Raise AssertionError unless the database has exactly the acknowledged writes."""
    (found,) = connection.execute("SELECT n FROM counters WHERE writer = ?", (number,)).fetchone()
    assert found == done, f"writer {number}: {done} writes were acknowledged, and the counter is {found}"
    rows = [n for (n,) in connection.execute("SELECT n FROM log WHERE writer = ? ORDER BY n", (number,))]
    assert rows == list(range(max(1, done - KEPT + 1), done + 1)), f"writer {number}, {done}: {rows}"


def _write(link: Path, number: int, acknowledged: Acknowledged) -> int:
    """Write until the signal to end. Return how often the database was opened."""
    opened, done = 0, 0
    while True:
        with closing(sqlite3.connect(link, isolation_level=None, timeout=60)) as connection:
            opened += 1
            connection.execute("BEGIN")
            _check(connection, number, done)
            connection.execute("COMMIT")
            try:
                while not acknowledged[WRITERS]:
                    _one(connection, number, done + 1)
                    done += 1
                    acknowledged[number] = done
                    if done % BURST == 0:
                        time.sleep(REST)
                return opened
            except sqlite3.OperationalError as error:
                assert "superseded" in str(error), error


def _one(connection: sqlite3.Connection, number: int, n: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE counters SET n = n + 1 WHERE writer = ?", (number,))
    connection.execute("INSERT INTO log (writer, n) VALUES (?, ?)", (number, n))
    connection.execute("DELETE FROM log WHERE writer = ? AND n <= ?", (number, n - KEPT))
    connection.execute("COMMIT")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long writes", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writes", type=int, default=10_000_000, help="at least")
    parser.add_argument("--swaps", type=int, default=1_000, help="at least")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="at most: then it is a part")
    given = parser.parse_args(arguments)
    print("\n".join([f"$ python -m tests.long writes {' '.join(arguments)}", *machine.described()]), flush=True)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="schemasync-") as folder:
        _run(Path(folder) / "db.sqlite3", given.seed, given.writes, given.swaps, given.minutes * 60)
    return 0


def _run(link: Path, seed: int, writes: int, swaps: int, seconds: float) -> None:
    """Raise AssertionError if a write is lost or was done twice."""
    chance, begun = random.Random(seed), time.monotonic()
    state, has_index = dict.fromkeys(CHOICES, 0), True
    aim = target(link, wait=300.0, keep=2)
    sync(aim, _document(state, has_index=has_index))
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.executemany("INSERT INTO counters (writer, n) VALUES (?, 0)", [(n,) for n in range(WRITERS)])
    acknowledged, done, pauses = Acknowledged(), Counter[str](), list[int]()
    writers = [Child(lambda number=number: _write(link, number, acknowledged)) for number in range(WRITERS)]
    try:
        while time.monotonic() - begun < seconds and (done.total() < swaps or acknowledged.total < writes):
            assert all(writer.process.is_alive() for writer in writers), "a writer has ended"
            what = chance.choice([*CHOICES, "an index made or dropped"])
            if what in state:
                state[what] = 1 - state[what]
            else:
                has_index = not has_index
            report = sync(aim, _document(state, has_index=has_index), OPTIONS)
            assert report.result == "synced"
            done[what] += 1
            pauses.append(report.pause_ms or 0)
            if sys.stderr.isatty():
                print(f"\r{done.total():,} swaps, {acknowledged.total:,} writes", end="", file=sys.stderr, flush=True)
    finally:
        acknowledged[WRITERS] = 1
        opened = sum(writer.ended(PATIENCE).result() for writer in writers)
    with closing(sqlite3.connect(link)) as connection:
        for number in range(WRITERS):
            _check(connection, number, acknowledged[number])
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    pauses.sort()
    print(
        f"seed {seed}: {acknowledged.total:,} acknowledged writes of {WRITERS} writers over {done.total():,} swaps in "
        f"{time.monotonic() - begun:,.0f} s; none is lost, none was done twice"
    )
    print(f"  {', '.join(f'{what} {count:,}' for what, count in sorted(done.items()))}; opened again {opened:,} times")
    middle, high = pauses[len(pauses) // 2], pauses[int(len(pauses) * 0.99)]
    print(
        f"  writers waited {middle} ms in the median swap, {high} ms in the 99th of a hundred, {pauses[-1]} ms at most"
    )
