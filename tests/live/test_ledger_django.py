"""The ledger with Django: workers and a served site, with the backend of schemasync and with Django's own."""

from __future__ import annotations

import pytest

from tests.support.sample import some

from .ledger import Ledger
from .server import Served
from .workers import DJANGO_S_KEPT, DJANGO_S_NEW, Workers

OURS = {
    "atomic": lambda: Workers(),
    "autocommit": lambda: Workers(atomic=False),
    "served": lambda: Served(),
}
DJANGO_S_OWN = {
    "atomic_kept": lambda: Workers(DJANGO_S_KEPT),
    "autocommit_kept": lambda: Workers(DJANGO_S_KEPT, atomic=False),
    "served_kept": lambda: Served(DJANGO_S_KEPT),
    "atomic_new": lambda: Workers(DJANGO_S_NEW),
    "served_new": lambda: Served(DJANGO_S_NEW),
}


@pytest.fixture(autouse=True)
def _databases_may_be_used(django_db_blocker):
    with django_db_blocker.unblock():
        yield


def load(folder, site, *, syncs):
    """Run a ledger with 4 writer processes, a reader process and so many syncs, and return its counts."""
    with Ledger(folder, seed=7, site=site) as ledger:
        ledger.start(writers=4, readers=1)
        ledger.wait_for_commits(20)
        for _ in range(syncs):
            ledger.sync()
            ledger.wait_for_commits(20)
        ledger.end()
    assert ledger.counts["swaps"] == syncs
    assert ledger.counts["snapshots read"] > syncs
    return ledger.counts


# The served sites do what the workers do, and answer requests; the gate has one with each backend.
@pytest.mark.parametrize("site", some(OURS, {"served"}))
def test_no_request_fails_and_no_write_is_lost(folder, site):
    load(folder, OURS[site](), syncs=3)


@pytest.mark.slow
@pytest.mark.parametrize("site", OURS)
def test_no_request_fails_and_no_write_is_lost_in_twenty_syncs(folder, site):
    load(folder, OURS[site](), syncs=20)


@pytest.mark.slow
@pytest.mark.parametrize("site", some(DJANGO_S_OWN, {"served_kept"}))
def test_stale_writes_of_django_s_own_backend_fail_loudly_and_none_is_lost(folder, site):
    counts = load(folder, DJANGO_S_OWN[site](), syncs=3)
    assert counts["superseded"] > 0 or site.endswith("new")


@pytest.mark.slow
@pytest.mark.parametrize("site", DJANGO_S_OWN)
def test_no_write_of_django_s_own_backend_is_lost_in_twenty_syncs(folder, site):
    counts = load(folder, DJANGO_S_OWN[site](), syncs=20)
    assert counts["superseded"] > 0 or site.endswith("new")


@pytest.mark.slow
def test_a_server_that_is_killed_loses_nothing_that_it_had_answered(folder):
    with Ledger(folder, seed=9, site=Served()) as ledger:
        ledger.start(writers=4, readers=1)
        ledger.wait_for_commits(20)
        for _ in range(3):
            ledger.kill_a_server()
            ledger.sync()
        ledger.end()
