"""Power loss at every call of a run: python -m tests.long power [--seed S] [--more N] [--limit N] [SCENARIO …].

Each run is recorded with strace, while a program writes a row at each step. For each moment at which a change becomes
durable, the test plays the states that a power loss may leave: with none of the pending changes, with one, with all,
and with `--more` random choices of them. In each state the database must open as the old or the new one, whole, with
every acknowledged row, and the next run must finish.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TENANT = "tenant"
"""A scenario outside of `SCENARIOS`: the creation of a tenant, in a project of its own."""


def main(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from tests.crash.scenarios import SCENARIOS

    parser = argparse.ArgumentParser(prog="python -m tests.long power", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the random choices")
    parser.add_argument("--more", type=int, default=1, help="random choices at each moment")
    parser.add_argument("--limit", type=int, default=10**6, help="states of each scenario, spread over the run")
    parser.add_argument("scenario", nargs="*", default=[*SCENARIOS, TENANT])
    given = parser.parse_args(arguments)
    from .__main__ import _commit

    print(f"power: seed {given.seed}, {given.more} random choices at each moment, commit {_commit()}", flush=True)
    total: Counter[str] = Counter()
    for name in given.scenario:
        begun = time.monotonic()
        counts = (
            _tenant(given.seed, given.more) if name == TENANT else _played(name, given.seed, given.more, given.limit)
        )
        print(f"  {name}: {_as_text(counts)}; {time.monotonic() - begun:,.0f} s", flush=True)
        total += counts
    print(f"in all {len(given.scenario)} scenarios: {_as_text(total)}")
    return 1 if total["failed"] else 0


def _as_text(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _played(name: str, seed: int, more: int, limit: int) -> Counter[str]:
    from tests.crash.prepared_scenario import PreparedScenario
    from tests.power.player import Player, states
    from tests.power.recorder import record

    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="schemasync-") as made:
        folder = Path(made)
        prepared = PreparedScenario(name, folder / name)
        recording = record(["tests.power.recorder", name], prepared.before.folder, folder)
        epochs = recording.epochs()
        found = states(epochs, seed, more)
        played = found[:: -(-len(found) // limit)]
        counts = Counter(calls=len(recording.calls), moments=len(epochs), states=len(found), played=len(played))
        player = Player(prepared, folder)
        for state in played:
            try:
                player.play(state)
            except AssertionError as error:
                counts["failed"] += 1
                print(f"\nFAILED {name}, seed {seed}: {error}\n", flush=True)
        return counts + player.counts


def _tenant(seed: int, more: int) -> Counter[str]:
    """Play the tenants' scenario in a process of its own, as it has other settings."""
    command = [sys.executable, "-m", "tests.power.tenants", str(seed), str(more)]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    *failures, last = ended.stdout.splitlines()
    print("\n".join(failures), end="")
    return Counter({name: int(count) for name, count in (word.split() for word in last.split(", "))})
