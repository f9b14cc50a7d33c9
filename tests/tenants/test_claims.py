"""What is true of tenants, each claim in `tests/tenants/claims`. They run in one process, because the app changes Django's
connections for all of it."""

import json

import pytest

from tests.support.processes import environment, run

from .inside import names


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tenants")
    ended = run(("-m", "tests.tenants.inside", folder), folder, environment(), fresh=True)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


@pytest.mark.parametrize("claim", names())
def test_claim(results, claim):
    assert not results[claim], results[claim]
