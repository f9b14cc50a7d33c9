"""The estimates of a rehearsal of 300 MB, compared with the run that follows, while a writer writes."""

from __future__ import annotations

import argparse
import os
import platform
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from schemasync.files.layout import Layout
from schemasync.schema import document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rehearsal import rehearse
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync

MEGABYTES, PAIRS, ALLOWED = 300, 5, 0.30
PAUSE = 0.05  # seconds by which a pause may differ: it is a few commits, and one may take so long on a busy disk
ROWS = 250_000  # rows of the table that changes; about as many bytes do not change

WRITER = """
import random, sqlite3, sys, time
chance = random.Random(int(sys.argv[2]))
while True:
    try:
        connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
        while True:
            connection.execute("UPDATE orders SET note = ? WHERE id = ?", (str(chance.random()), chance.randrange(1, 250_000)))
            time.sleep(0.01)
    except sqlite3.OperationalError:
        connection.close()
"""


def schema(step: int) -> document.Document:
    """Return the schema after a step. Each step adds a column with a `fill`, which rewrites every row of `orders`."""
    added = "".join(f', "c{n}": {{"type": "TEXT NOT NULL", "fill": "lower(code)"}}' for n in range(1, step + 1))
    text = f"""{{
      "orders": {{"id": "INTEGER PRIMARY KEY", "code": "TEXT NOT NULL UNIQUE", "note": "TEXT",
                  "amount": "INTEGER NOT NULL DEFAULT 0"{added}, "_indexes": ["amount"]}},
      "files": {{"id": "INTEGER PRIMARY KEY", "body": "BLOB NOT NULL"}}
    }}"""
    return document.read(text.encode())


FIRST = b"""{
  "orders": {"id": "INTEGER PRIMARY KEY", "code": "TEXT NOT NULL UNIQUE", "note": "TEXT",
             "amount": "INTEGER NOT NULL DEFAULT 0", "_indexes": ["amount"]},
  "files": {"id": "INTEGER PRIMARY KEY", "body": "BLOB NOT NULL"}
}"""


@dataclass(frozen=True)
class Pair:
    """The estimate of a rehearsal and the figures of the run, each as (seconds, seconds of pause, bytes of disk)."""

    expected: tuple[float, float, int]
    taken: tuple[float, float, int]


def fill(link: Path, seed: int) -> None:
    chance = random.Random(seed)
    with closing(sqlite3.connect(link)) as connection, connection:
        rows = (
            (f"{n}-{chance.getrandbits(64):x}", chance.randbytes(150).hex(), chance.randrange(10**6))
            for n in range(ROWS)
        )
        connection.executemany("INSERT INTO orders (code, note, amount) VALUES (?, ?, ?)", rows)
        bodies = ((chance.randbytes(4000),) for _ in range((MEGABYTES * 10**6 - ROWS * 400) // 4100))
        connection.executemany("INSERT INTO files (body) VALUES (?)", bodies)


def _settle() -> None:
    """Flush all writes to the disk, so that those of an earlier run are not counted in the next one's time."""
    os.sync()
    time.sleep(1)


def pair(link: Path, step: int) -> Pair:
    """Rehearse a step, then run it, and return both figures."""
    wanted = schema(step)
    _settle()
    expected = rehearse(Target(Layout(link)), wanted, SyncOptions()).expected
    assert expected is not None
    _settle()
    begun = time.monotonic()
    done = sync(Target(Layout(link), keep=1), wanted, SyncOptions())
    seconds = time.monotonic() - begun
    assert done.result == "synced"
    size = link.resolve().stat().st_size
    return Pair((expected.seconds, expected.pause, expected.disk_bytes), (seconds, done.pause_ms / 1000, size))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long rehearse")
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args(arguments).seed
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    print(
        f"seed {seed}, commit {commit.stdout.strip()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "db.sqlite3"
        sync(Target(Layout(link)), document.read(FIRST))
        fill(link, seed)
        print(
            f"{link.resolve().stat().st_size / 1e6:.0f} MB, {ROWS:,} rows are written again; a writer updates rows meanwhile"
        )
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(link), str(seed)], stderr=subprocess.PIPE)
        try:
            pairs = [pair(link, step) for step in range(1, PAIRS + 1)]
            assert writer.poll() is None, writer.stderr.read()
        finally:
            writer.kill()
            writer.wait()
    return report(pairs)


def report(pairs: list[Pair]) -> int:
    """Print each pair and the medians. Return 1 if a median is too far off, else 0."""
    for one in pairs:
        (seconds, pause, disk), (took, waited, size) = one.expected, one.taken
        print(
            f"expected {seconds:6.2f} s, pause {pause * 1000:4.0f} ms, {disk / 1e6:6.1f} MB;"
            f" took {took:6.2f} s, {waited * 1000:4.0f} ms, {size / 1e6:6.1f} MB"
        )
    expected = [statistics.median(values) for values in zip(*(one.expected for one in pairs), strict=True)]
    taken = [statistics.median(values) for values in zip(*(one.taken for one in pairs), strict=True)]
    off = [(e - t) / t for e, t in zip(expected, taken, strict=True)]
    print(f"medians: time {off[0]:+.0%}, pause {(expected[1] - taken[1]) * 1000:+.0f} ms, disk {off[2]:+.0%}")
    is_near = abs(off[0]) <= ALLOWED and abs(off[2]) <= ALLOWED and abs(expected[1] - taken[1]) <= PAUSE
    print(f"within {ALLOWED:.0%}, and {PAUSE * 1000:.0f} ms" if is_near else "TOO FAR OFF")
    return 0 if is_near else 1
