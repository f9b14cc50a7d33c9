"""The ERP demo with 100,000 time entries, and with `--every` a million."""

import pytest

from .evolution import evolve

pytestmark = pytest.mark.slow  # its output with a million rows is docs/evidence/scale.txt

MANY, MOST = 100_000, 1_000_000
# Python, Django and the schema need about 60 MB, and a run 35 to 50 MB more for any file (decision 85), as rows never
# pass through Python. With a page cache of 256 MiB this run needed 181 MB (docs/evidence/demo-1000000.txt).
MEMORY = 160 * 2**20


@pytest.fixture(scope="module")
def entries(request):
    return MOST if request.config.getoption("--every") else MANY


@pytest.fixture(scope="module")
def evolution(tmp_path_factory, entries):
    return evolve(tmp_path_factory.mktemp("evolution"), entries)


def test_many_rows_evolve_and_every_value_is_as_computed_independently(evolution, entries):
    assert evolution.faults == []
    assert evolution.rows["TimeEntries"] == entries - entries // 1000
    assert evolution.report["tables"]["TimeEntries"] == {"action": "rewrite", "rows": evolution.rows["TimeEntries"]}


def test_the_memory_of_a_sync_does_not_grow_with_its_rows(evolution, entries):
    assert evolution.peak < MEMORY, f"{evolution.peak / 1e6:,.0f} MB at {entries:,} rows"
