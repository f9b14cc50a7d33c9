"""Writers and readers during hundreds of runs. Runs and writers may be killed at any disk step or instant."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from schemasync.files import kernel_copy
from tests.live.ledger import KillAtLabel, Ledger
from tests.live.server import Served
from tests.live.test_ledger import STEPS
from tests.live.workers import DJANGO_S_KEPT, DJANGO_S_NEW, Workers
from tests.live.writers import Plain

LARGE = kernel_copy.LARGE
SWAPS = 20  # syncs of one ledger
SITES = {
    "plain, kept": lambda: Plain(),
    "plain, reopened": lambda: Plain(keep_open=False),
    "workers, atomic": lambda: Workers(),
    "workers, autocommit": lambda: Workers(atomic=False),
    "served": lambda: Served(),
    "workers, Django's own, kept": lambda: Workers(DJANGO_S_KEPT),
    "workers, Django's own, new": lambda: Workers(DJANGO_S_NEW),
    "served, Django's own, kept": lambda: Served(DJANGO_S_KEPT),
}


def live(folder: Path, seed: int) -> Counter[str]:
    """Run one ledger: four writers, two readers, twenty swaps, kills in about half of the runs, and of some writers.

    Meanwhile another process does VACUUM, ANALYZE, REINDEX, checkpoints, pragmas and backups, and keeps cursors open.
    A run that a VACUUM ends is counted, and another one follows. With an odd seed the kernel copies.
    """
    kernel_copy.LARGE = 0 if seed % 2 else LARGE
    chance = random.Random(seed)
    name = list(SITES)[seed % len(SITES)]
    with Ledger(folder / "w", seed, site=SITES[name](), mirrored=True) as ledger:
        ledger.start(writers=4, readers=2)
        ledger.start_upkeep()
        ledger.wait_for_commits(1)
        for _ in range(SWAPS):
            dice = chance.random()
            if dice < 0.3:
                ledger.sync(KillAtLabel(chance.choice(["before", "after"]), chance.choice(STEPS)))
            elif dice < 0.6:
                ledger.sync(after=chance.random() * 0.6)
            else:
                ledger.sync()
            if chance.random() < 0.3:
                _kill(ledger, chance)
        ledger.end()
    longest = ledger.counts.pop("longest pause ms")
    ledger.counts[f"ledgers with a pause of {'at most' if longest <= 100 else 'more than'} 100 ms"] += 1
    ledger.counts[f"ledgers ({name})"] += 1
    return ledger.counts


def _kill(ledger: Ledger, chance: random.Random) -> None:
    """Kill a writer, or a process of the server."""
    if isinstance(ledger.site, Served) and chance.random() < 0.7:
        ledger.kill_a_server()
    else:
        ledger.kill_a_writer()
