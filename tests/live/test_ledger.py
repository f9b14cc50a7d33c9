"""Real processes write and read while runs start, end and are killed: no acknowledged write is lost."""

from __future__ import annotations

import pytest

from schemasync.files.disk import DiskStep
from tests.crash.scenarios import IN, LIVE, LIVE_AFTER, SWAP

from .ledger import KillAtLabel, Ledger
from .upkeep import MAINTENANCE
from .writers import Plain

STEPS = list(dict.fromkeys(DiskStep(word) for word in f"{LIVE} {IN} {SWAP} {LIVE_AFTER}".split()))
QUICK = {(DiskStep.CUTOVER_FENCE, "after")}
"""The kill of the gate, after which no one can write until the swap is finished. tests/crash/test_crash_points.py kills
at every step without writers, and tests/faults/test_under_load.py at more steps with writers."""


# A kept connection meets the fence; one that is opened for each transaction follows the link.
@pytest.mark.parametrize(
    "keep_open", [pytest.param(True, id="kept"), pytest.param(False, id="reopened", marks=pytest.mark.slow)]
)
def test_no_write_is_lost_in_syncs_beside_writers(folder, keep_open):
    with Ledger(folder, seed=1, site=Plain(keep_open=keep_open)) as ledger:
        ledger.start(writers=3, readers=1)
        for _ in range(5):
            ledger.sync()
        ledger.end()
        assert ledger.counts["acknowledged"] > 100
        assert ledger.counts["snapshots read"] > 3


@pytest.mark.slow
@pytest.mark.parametrize("keep_open", [True, False], ids=["kept", "reopened"])
def test_no_write_is_lost_in_twenty_syncs_beside_writers(folder, keep_open):
    with Ledger(folder, seed=2, site=Plain(keep_open=keep_open)) as ledger:
        ledger.start(writers=4, readers=2)
        for _ in range(20):
            ledger.sync()
        ledger.end()


def moments():
    for label in STEPS:
        for when in ("before", "after"):
            yield pytest.param(label, when, marks=[] if (label, when) in QUICK else [pytest.mark.slow])


@pytest.mark.parametrize(("label", "when"), list(moments()))
def test_a_run_that_dies_beside_writers_loses_nothing(folder, label, when):
    with Ledger(folder, seed=3) as ledger:
        ledger.start(writers=2, readers=1)
        ledger.sync()
        assert ledger.sync(KillAtLabel(when, label)).killed
        ledger.sync()
        ledger.end()


@pytest.mark.slow
def test_writers_that_die_beside_a_run_lose_nothing(folder):
    with Ledger(folder, seed=4) as ledger:
        ledger.start(writers=3, readers=1)
        for _ in range(3):
            ledger.kill_a_writer()
            ledger.sync()
        ledger.kill_a_writer()
        ledger.end()


@pytest.mark.slow
def test_upkeep_and_backups_beside_runs_lose_nothing(folder):
    """VACUUM, ANALYZE, REINDEX, checkpoints, pragmas, backups and open cursors, at random by the seed."""
    with Ledger(folder, seed=7, site=Plain(), mirrored=True) as ledger:
        ledger.start(writers=2, readers=1)
        ledger.start_upkeep()
        while ledger.counts["swaps"] < 4 or ledger.upkeep.done.value <= 10:
            ledger.sync()
        ledger.end()
        assert ledger.counts["acknowledged"] > 50
        assert sum(ledger.counts[name] for name in MAINTENANCE) > 10
