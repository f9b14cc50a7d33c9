"""Runs that take long: python -m tests.long NAME [--seed S] [--count N | --minutes M], or one of demo, apps, eject, files,
litestream, move, move-oscar, mutants, power, pretix-suite, products, rehearse, rows, s3, sizes, tenants, testdb,
transforms, writes.

Each prints its seed, to run a failure again, its counts, its duration, and the commit.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from ..support.sqlite_builds import PACKAGES, environment
from . import (
    apps,
    demo,
    eject,
    litestream,
    move,
    move_oscar,
    mutants,
    power,
    pretix_suite,
    rehearse,
    rows,
    s3,
    sizes,
    tenants,
    testdb,
    transforms,
    writes,
)
from .copies import copies
from .crash import histories, instants
from .documents import documents
from .evolutions import evolutions
from .files.run import main as files
from .live import live
from .products import run as products

RUNS: dict[str, Callable[[Path, int], Counter[str]]] = {
    "crash": histories,
    "instants": instants,
    "live": live,
    "copies": copies,
    "documents": documents,
    "evolutions": evolutions,
}
"""Functions that run the case of a seed in a folder of its own, and return counts or raise AssertionError. To add one,
add a line."""


ONE_BY_ONE: dict[str, Callable[[list[str]], int]] = {
    "demo": demo.main,  # one case, its size by an option
    "apps": apps.main,  # five cases, each by its name
    "eject": eject.main,  # three products, each by its name
    "files": files,  # files of other programs, each by its name
    "litestream": litestream.main,  # ten swaps while the real daemon runs
    "move": move.main,  # one case, its size by an option
    "move-oscar": move_oscar.main,  # one product
    "mutants": mutants.main,  # faults in the code, each by its place
    "power": power.main,  # power losses, each scenario by its name
    "pretix-suite": pretix_suite.main,  # tests of one product
    "products": products.main,  # three products, each by its git directory
    "rehearse": rehearse.main,  # one case of 300 MB
    "rows": rows.main,  # schemas, each by its path
    "s3": s3.main,  # backups in a real server
    "sizes": sizes.main,  # databases, each by its size
    "tenants": tenants.main,  # a fleet, its size by an option
    "testdb": testdb.main,  # five projects, each by its name
    "transforms": transforms.main,  # four cases, their size by an option
    "writes": writes.main,  # one case, its length by an option
}
"""Runs that parse their own options."""


def main(arguments: list[str]) -> int:
    if arguments and (run := ONE_BY_ONE.get(arguments[0])) is not None:
        return run(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m tests.long", description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=[*RUNS, *ONE_BY_ONE])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the first case")
    parser.add_argument("--count", type=int, default=100, help="cases, each with the next seed")
    parser.add_argument("--minutes", type=float, help="as many cases as fit into this time, instead of --count")
    parser.add_argument("--sqlite", choices=[*PACKAGES], help="run on this version of SQLite, which is built first")
    parser.add_argument(
        "--checkpoint-delay", type=int, default=0, metavar="MS", help="of that SQLite; see sqlite_builds"
    )
    given = parser.parse_args(arguments)
    if given.sqlite is not None and given.sqlite != sqlite3.sqlite_version:
        command = [sys.executable, "-m", "tests.long", *arguments]
        return subprocess.run(command, env=environment(given.sqlite, given.checkpoint_delay), check=False).returncode

    begun, counts, failures, done = time.monotonic(), Counter[str](), 0, 0
    for seed in _seeds(given.seed, given.count, given.minutes):
        done += 1
        with tempfile.TemporaryDirectory(dir=_memory(), prefix="schemasync-") as folder:
            try:
                counts += RUNS[given.name](Path(folder), seed)
            except AssertionError as error:
                failures += 1
                print(f"\nFAILED: python -m tests.long {given.name} --seed {seed} --count 1\n{error}\n", flush=True)
        if sys.stderr.isatty():
            print(f"\r{done} cases, {failures} failed", end="", file=sys.stderr, flush=True)

    reported = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
    print(f"{given.name}: seed {given.seed}, {done:,} cases in {time.monotonic() - begun:,.0f} s, {failures} failed")
    if given.sqlite is not None:
        print(f"  SQLite {sqlite3.sqlite_version}, each checkpoint {given.checkpoint_delay} ms late")
    print(f"  {reported}")
    print(f"  commit {_commit()}")
    return 1 if failures else 0


def _seeds(first: int, count: int, minutes: float | None) -> Iterator[int]:
    until = None if minutes is None else time.monotonic() + minutes * 60
    seed = first
    while time.monotonic() < until if until is not None else seed < first + count:
        yield seed
        seed += 1


def _memory() -> str | None:
    """Return a folder in memory if there is one, as thousands of fsyncs are slow on a disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _commit() -> str:
    root = Path(__file__).resolve().parent
    asked = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    ended = subprocess.run(asked, capture_output=True, text=True, check=False)
    return ended.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
