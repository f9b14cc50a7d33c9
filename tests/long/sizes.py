"""Measure the time and the disk space of a backup, a sync and a restore as the database grows."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine

ROOT = Path(__file__).resolve().parents[2]
LOOK = 0.1  # seconds between two measurements of the disk
GB = 1_000_000_000
FAR = 500  # GB: a size often given as the limit of SQLite
ROW = 190  # bytes of a row of either table with its index entry, about
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
USE_TZ, TIME_ZONE = True, "UTC"
INSTALLED_APPS = ["schemasync"]
DATABASES = {"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
SCHEMASYNC = {"KEEP": 1}
"""
MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
LINE = {"id": "INTEGER PRIMARY KEY", "customer": "INTEGER NOT NULL", "text": "TEXT NOT NULL", "_indexes": ["customer"]}
OLD = {"orders": LINE, "invoices": LINE}
NEW = {"orders": LINE, "invoices": {**LINE, "paid": {"type": "INTEGER NOT NULL", "fill": "id % 2"}}}
FILL = """
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO {} (customer, text) SELECT i / 5, hex(randomblob(60)) || ' for the usual address, paid by transfer' FROM n
"""


@dataclass
class Measured:
    """The figures of a command: seconds by the clock and of the processor, additional bytes of disk, milliseconds that
    writers waited."""

    seconds: float
    processor: float
    disk: int
    pause: float


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long sizes", description=__doc__)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[1, 2, 4])
    parser.add_argument("--folder", type=Path, help="on the disk that is measured")
    given = parser.parse_args(arguments)
    when, _, where = machine.described()
    print(
        f"$ python -m tests.long sizes --gigabytes {' '.join(f'{one:g}' for one in given.gigabytes)}\n{when}\n{where}\n"
    )
    begun, found = time.perf_counter(), dict[str, dict[float, Measured]]()
    print("    size  what      seconds  processor  seconds a GB   disk beside   of the size    pause", flush=True)
    for gigabytes in given.gigabytes:
        with tempfile.TemporaryDirectory(prefix="sizes-", dir=given.folder) as folder:
            size, measured = one(Path(folder), gigabytes)
        for what, result in measured.items():
            found.setdefault(what, {})[size / GB] = result
            print(
                f"{size / GB:>5.2f} GB  {what:<8} {result.seconds:>8.1f} {result.processor:>10.1f} "
                f"{result.seconds / size * GB:>13.1f}  {result.disk / GB:>9.2f} GB  {result.disk / size:>12.2f} "
                f"{result.pause:>6.0f} ms",
                flush=True,
            )
    print()
    for what, by_size in found.items():
        print(f"{what}: {_far(by_size)}")
    print(f"\n{time.perf_counter() - begun:.0f} s; commit {machine.commit()}")
    return 0


def _far(by_size: dict[float, Measured]) -> str:
    """Return the estimate for a file of FAR GB at the rates of the largest one. It uses processor time, as the clock
    includes other work of the machine."""
    large = max(by_size)
    most = by_size[large]
    minutes = most.processor / large * FAR / 60
    return (
        f"{most.processor / large:.1f} s of the processor for a GB at {large:.1f} GB. Not measured: at that rate {FAR} GB "
        f"take {minutes:.0f} minutes of the processor, and {most.disk / GB / large * FAR:.0f} GB beside the file"
    )


def one(folder: Path, gigabytes: float) -> tuple[int, dict[str, Measured]]:
    """Make a database of about so many gigabytes. Return its size in bytes and the figures of each command."""
    for name, text in (("settings.py", SETTINGS), ("manage.py", MANAGE), ("schema.json", json.dumps(OLD))):
        (folder / name).write_text(text)
    manage(folder)
    rows = int(gigabytes * GB / ROW)
    with closing(sqlite3.connect(folder / "db.sqlite3", isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-500000")  # 500 MB
        connection.execute(FILL.format("orders"), [rows * 9 // 10])
        connection.execute(FILL.format("invoices"), [rows // 10])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (folder / "db.sqlite3").stat().st_size
    found = {"backup": measured(folder, "backup")}
    (folder / "schema.json").write_text(json.dumps(NEW))
    found["sync"] = measured(folder)
    manage(folder, "prune", "--keep", "1", "--noinput")
    archive = min((folder / "db.sqlite3.generations").glob("0001-*.sqlite3"))
    archive.unlink()  # like KEEP = 0, as the disk of the machine is small
    found["restore"] = measured(folder, "restore", "--noinput")
    with closing(sqlite3.connect(folder / "db.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (rows * 9 // 10,)
    return size, found


def measured(folder: Path, *words: str) -> Measured:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with most_of_the_disk(folder) as most:
        begun = time.perf_counter()
        done = manage(folder, *words, "--json")
        seconds = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(seconds, processor, most[0], json.loads(done).get("pause_ms", 0))


@contextmanager
def most_of_the_disk(folder: Path) -> Iterator[list[int]]:
    """Measure the folder within the block. The item of the list is the most bytes that it had in addition."""
    before, most, over = used(folder), [0], threading.Event()

    def look() -> None:
        while not over.wait(LOOK):
            most[0] = max(most[0], used(folder) - before)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield most
    finally:
        over.set()
        looking.join()


def used(folder: Path) -> int:
    """Return the bytes of disk that the files of a folder occupy; holes of sparse files do not count."""
    found = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.lstat(os.path.join(path, name)).st_blocks * 512  # noqa: PTH118
            except FileNotFoundError:
                continue
    return found


def manage(folder: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "manage.py", "schemasync", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout
