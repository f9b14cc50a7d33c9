"""Writers and readers beside runs by the hundred, all of which may be killed at any label or instant."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from tests.live.ledger import KillAtLabel, Ledger
from tests.live.test_ledger import STEPS

SWAPS = 20  # of one ledger


def live(folder: Path, seed: int) -> Counter[str]:
    """One ledger: four writers, two readers, twenty swaps, half of the runs killed, and now and then a writer."""
    chance = random.Random(seed)
    with Ledger(folder / "w", seed, keep_open=chance.random() < 0.5) as ledger:
        ledger.start(writers=4, readers=2)
        for _ in range(SWAPS):
            dice = chance.random()
            if dice < 0.3:
                ledger.sync(KillAtLabel(chance.choice(["before", "after"]), chance.choice(STEPS)))
            elif dice < 0.6:
                ledger.sync(after=chance.random() * 0.6)
            else:
                ledger.sync()
            if chance.random() < 0.3:
                ledger.kill_a_writer()
        ledger.end()
    longest = ledger.counts.pop("longest pause ms")
    ledger.counts[f"ledgers with a pause of {'at most' if longest <= 100 else 'more than'} 100 ms"] += 1
    return ledger.counts
