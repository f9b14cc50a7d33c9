"""Real products, each upgraded from a release of two years ago to the newest, by migrate in the start script and by
schema.json. Parts: content compared with stock's, load, a new installation, a restore, its own tests, PostgreSQL.

Options give the git directory of each product. Requirements are installed into environments that are kept.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import machine
from tests.support.caches import cache_folder

from . import baby_buddy, healthchecks, linkding
from .environments import Sources, interpreters
from .trial import PARTS, Trial

PRODUCTS = (baby_buddy.PRODUCT, linkding.PRODUCT, healthchecks.PRODUCT)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long products", description=__doc__)
    for product in PRODUCTS:
        parser.add_argument(
            f"--{product.name}", type=Path, metavar="GIT", help=f"the git directory of {product.repository}"
        )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", action="append", choices=[*PARTS], help="only this part, and what it needs")
    parser.add_argument(
        "--python", action="append", type=Path, default=[], help="an interpreter that is not in the PATH"
    )
    parser.add_argument("--folder", type=Path, help="work here, and leave what was made")
    parser.add_argument("--environments", type=Path, default=cache_folder("schemasync-products"))
    given = parser.parse_args(arguments)
    repositories = {one.name: getattr(given, one.module) for one in PRODUCTS if getattr(given, one.module) is not None}
    if not repositories:
        parser.error("name the git directory of one product at least")
    when, _, where = machine.described()
    named = " ".join(f"--{one.name} GIT" for one in PRODUCTS if one.name in repositories)
    print(f"$ python -m tests.long products --seed {given.seed} {named}\n{when}\n{where}", flush=True)
    begun, counts, table = time.perf_counter(), Counter(), []
    sources = Sources(repositories, interpreters(given.python), given.environments)
    with tempfile.TemporaryDirectory(prefix="products-") as folder:
        for product in PRODUCTS:
            if product.name in repositories:
                trial = Trial(product, sources, (given.folder or Path(folder)) / product.name, given.seed)
                trial.run(given.part or [*PARTS])
                counts += trial.counts
                table += [(product.name, name, outcome, seconds) for name, (outcome, seconds) in trial.outcomes.items()]
    _print(table)
    totals = ", ".join(f"{count:,} {name}" for name, count in counts.items() if name != "faults")
    print(
        f"\nin all: {totals}; {time.perf_counter() - begun:.0f} s, {counts['faults']} faults; commit {machine.commit()}"
    )
    return 1 if counts["faults"] else 0


def _print(table: list[tuple[str, str, str, float]]) -> None:
    print(f"\n{'product':<14}{'part':<20}{'seconds':>8}  outcome")
    for product, part, outcome, seconds in table:
        print(f"{product:<14}{part:<20}{seconds:>8.1f}  {outcome}")
