"""The table of tenants can be on PostgreSQL, where several hosts can reach it."""

import json

import pytest

from tests.support.processes import environment, run

from .inside import names

HERE = ("health", "hosts", "host_runs", "behind", "admin", "lives")


FEW = {
    "behind.a_tenant_is_no_longer_behind_once_it_is_synced_in_whatever_way",
    "hosts.the_map_of_hosts_is_printed_or_written",
}


@pytest.mark.parametrize("claims", ["few", pytest.param("all", marks=pytest.mark.slow)])
def test_what_is_true_of_tenants_is_true_with_their_table_on_postgres(tmp_path, postgres_database, claims):
    claims = [name for name in names() if name.partition(".")[0] in HERE and (claims == "all" or name in FEW)]
    variables = environment(TENANTS_DEFAULT=json.dumps(postgres_database.params))
    ended = run(("-m", "tests.tenants.inside", tmp_path, *claims), tmp_path, variables, fresh=True)
    assert ended.code == 0, ended.err
    failed = {claim: text for claim, text in json.loads(ended.out).items() if text}
    assert not failed, "\n".join(failed.values())
