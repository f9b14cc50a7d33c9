"""The site under load while `migrate` runs: processes write through the product's models, and no acknowledged write may
be lost."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field

from .installation import Installation

WRITERS = 3
SECONDS_BEFORE, SECONDS_AFTER = 4, 3


@dataclass
class Ledger:
    """The result of a load. `pause` is the longest time between two acknowledged writes of one process while migrate
    ran, in seconds; `usual` is the longest before."""

    migrate_code: int = 0
    migrate_seconds: float = 0
    migrate_said: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    pause: float = 0
    usual: float = 0
    lost: list[str] = field(default_factory=list)


def under_load(writing: Installation, migrating: Installation, seed: int) -> Ledger:
    """Run migrate while processes write. `writing` has the code of the old release, `migrating` that of the new one,
    and both have the same database."""
    stop = writing.folder / "stop"
    stop.unlink(missing_ok=True)
    logs = [writing.folder / f"writer-{number}.jsonl" for number in range(WRITERS)]
    for log in logs:
        log.unlink(missing_ok=True)
    words = [
        ("writer.py", writing.product.module, str(seed + number), str(log), str(stop))
        for number, log in enumerate(logs)
    ]
    processes = [writing.inside(*one) for one in words]
    try:
        _wait_for(logs)
        time.sleep(SECONDS_BEFORE)
        begun = time.time()
        ended = migrating.manage("migrate")
        until = time.time()
        time.sleep(SECONDS_AFTER)
    finally:
        stop.touch()
        codes = [process.wait(60) for process in processes]
    assert not any(codes), f"a writer ended with {codes}: {(writing.folder / 'processes.txt').read_text()[-1500:]}"
    ledger = Ledger(ended.code, until - begun, f"{ended.out}{ended.err}")
    for log in logs:
        _read([json.loads(line) for line in log.read_text().splitlines()], ledger, begun, until)
    return ledger


def _wait_for(logs, patience=60.0) -> None:
    until = time.monotonic() + patience
    while not all(log.exists() and log.stat().st_size for log in logs):
        assert time.monotonic() < until, "the writers do not begin"
        time.sleep(0.1)


def _read(entries: list[dict], ledger: Ledger, begun: float, until: float) -> None:
    done = [entry for entry in entries if "error" not in entry]
    ledger.counts["acknowledged"] += len(done)
    ledger.counts["acknowledged during migrate"] += sum(begun <= entry["ended"] <= until for entry in done)
    for entry in entries:
        if "error" in entry:
            ledger.errors[entry["error"]] += 1
    for one, other in itertools.pairwise(done):
        gap = other["ended"] - one["ended"]
        if other["ended"] < begun:
            ledger.usual = max(ledger.usual, gap)
        elif one["ended"] < until:
            ledger.pause = max(ledger.pause, gap)


def lost_writes(writing: Installation, database: Installation) -> list[str]:
    """Return a line for each acknowledged write that is missing in the database."""
    lost = []
    for log in sorted(writing.folder.glob("writer-*.jsonl")):
        for key, (last, tried) in _last(json.loads(line) for line in log.read_text().splitlines()).items():
            table, pk = key
            rows = database.rows(f'SELECT "{last["column"]}" FROM "{table}" WHERE "{last["key"]}" = ?', parameters=[pk])
            expected = [] if last["kind"] == "delete" else [(last["value"],)]
            if rows != expected and rows not in tried:
                lost.append(f"{table} {pk}: {rows}, and {last['kind']} {last['value']} was acknowledged")
    return lost


def _last(entries) -> dict[tuple, tuple[dict, list]]:
    """Return by (table, pk) the last acknowledged write, and the rows that later failed writes may have left."""
    found: dict[tuple, tuple[dict, list]] = {}
    for entry in entries:
        if "pk" not in entry:
            continue
        key = (entry["table"], entry["pk"])
        if "error" not in entry:
            found[key] = (entry, [])
        elif key in found:
            found[key][1].append([] if entry["kind"] == "delete" else [(entry["value"],)])
    return found
