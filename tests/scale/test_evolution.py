"""The ERP demo with a million time entries."""

import pytest

from .evolution import evolve

pytestmark = [pytest.mark.slow, pytest.mark.scale, pytest.mark.xdist_group("evolution")]

ENTRIES = 1_000_000
# Pages under construction are kept up to 256 MiB; Python, Django and the
# schema are some 60 MB. Rows never pass through Python, so that ten times as many need hardly more.
MEMORY = 480 * 2**20


@pytest.fixture(scope="module")
def evolution(tmp_path_factory):
    return evolve(tmp_path_factory.mktemp("evolution"), ENTRIES)


def test_a_million_rows_evolve_and_every_value_is_as_computed_independently(evolution):
    assert evolution.faults == []
    assert evolution.rows["TimeEntries"] == ENTRIES - ENTRIES // 1000
    assert evolution.report["tables"]["TimeEntries"] == {"action": "rewrite", "rows": evolution.rows["TimeEntries"]}


def test_the_memory_of_a_sync_does_not_grow_with_its_rows(evolution):
    assert evolution.peak < MEMORY, f"{evolution.peak / 1e6:,.0f} MB at {ENTRIES:,} rows"
