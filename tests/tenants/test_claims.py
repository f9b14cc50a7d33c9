"""Each function in `tests/tenants/claims` is a claim about tenants. All run in one process, because the app changes
Django's connections for the whole process."""

import json

import pytest

from tests.support.processes import environment, run

from .inside import names

SLOW = {
    "isolation.fifty_tenants_at_once_see_no_row_of_another_under_wsgi_and_asgi",
    "backups.storage_folder_recipients_and_retention_of_a_tenant_are_those_of_the_settings",
    "back.one_tenant_goes_back_and_leaves_what_was_written_since_in_the_file_of_the_release",
}
CLAIMS = [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in names()]


@pytest.fixture(scope="module")
def results(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("tenants")
    asked = [item.callspec.params["claim"] for item in request.session.items if item.name.startswith("test_claim[")]
    ended = run(("-m", "tests.tenants.inside", folder, *asked), folder, environment(), fresh=True, timeout=900)
    assert ended.code == 0, ended.err
    return {claim: raised and f"{raised}\n{ended.err}" for claim, raised in json.loads(ended.out).items()}


@pytest.mark.parametrize("claim", CLAIMS)
def test_claim(results, claim):
    assert not results[claim], results[claim]
