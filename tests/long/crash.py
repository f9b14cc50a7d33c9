"""Thousands of kills: random histories, and single runs killed at any instant."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import django

from schemasync.files import kernel_copy
from tests.crash.histories import History
from tests.crash.instants import count
from tests.crash.prepared_scenario import PreparedScenario
from tests.crash.scenarios import SCENARIOS
from tests.crash.test_instants import survive

LARGE = kernel_copy.LARGE
LENGTH = 6  # operations of one history: enough for several generations to become archives and live again

_totals: dict[str, int] = {}


def histories(folder: Path, seed: int) -> Counter[str]:
    """Run one random history. With an odd seed the kernel copies."""
    kernel_copy.LARGE = 0 if seed % 2 else LARGE
    return History(folder / "w", seed).run(LENGTH)


def instants(folder: Path, seed: int) -> Counter[str]:
    """Kill one run of a random scenario at a random instant."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")  # backups get their storage from Django
    django.setup()
    chance = random.Random(seed)
    name = chance.choice(sorted(SCENARIOS))
    prepared = PreparedScenario(name, folder / name)
    if name not in _totals:
        _totals[name] = count(prepared.scenario, prepared.copy(folder / "dry"))
    survive(prepared, prepared.copy(folder / "w"), folder / "wreck", chance.randrange(_totals[name]))
    return Counter({name: 1})
