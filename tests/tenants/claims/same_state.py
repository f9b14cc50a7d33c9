"""Tenants in the same state share one plan; a tenant in another state gets its own."""

import re
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connections

from schemasync.sync.phases import decide
from schemasync.tenants import create_tenant, current_alias, tenant
from schemasync.tenants.models import Tenant
from tests.tenants.claims.fleet import _adds, _run, _schema, _sync_json, _unique_names, _version
from tests.tenants.inside import new
from tests.tenants.shop.models import Author


@contextmanager
def _tries():
    """Yield a list that grows by one element for each dry run of a plan in memory."""
    found, rehearse = [], decide.dry_run.rehearse

    def noted(*args):
        found.append(args)
        return rehearse(*args)

    decide.dry_run.rehearse = noted
    try:
        yield found
    finally:
        decide.dry_run.rehearse = rehearse


def _by_hand(key, sql):
    with tenant(key), connections[current_alias()].cursor() as cursor:
        cursor.execute(sql)


def tenants_in_the_same_state_are_planned_and_shown_once():
    Tenant.objects.all().delete()
    keys = [new("ann"), new("bob"), new("cy"), new("dan")]
    _by_hand(keys[3], "CREATE TABLE by_hand (x)")
    with _schema(_adds("planned")), _tries() as tries:
        code, out, _ = _run("sync")
        assert code == 0
        assert len(tries) == 2, "three tenants and the template in one state, one tenant in another"
        assert out.count("planned: new table") == 2, out
        assert re.search(r"^3 tenants at version \w+, such as", out, re.MULTILINE), out
        assert re.search(
            rf"^1 tenant at version \w+ and with objects that changed since, such as {keys[3]}:", out, re.MULTILINE
        )
        assert len({_version(key) for key in keys}) == 1


def a_tenant_in_another_state_gets_a_plan_of_its_own_and_its_own_refusal():
    Tenant.objects.all().delete()
    first, foreign, changed, doubled, gone_back, last = keys = [f"state-{number}" for number in range(6)]
    for key in keys:
        create_tenant(key)
    _by_hand(foreign, "CREATE TABLE by_hand (x)")
    _by_hand(foreign, "INSERT INTO by_hand VALUES (1)")
    _by_hand(changed, "ALTER TABLE shop_author ADD COLUMN more text")
    for key, name in ((doubled, "bob"), (doubled, "bob"), (gone_back, "cy")):
        with tenant(key):
            Author.objects.create(name=name)
    before = _version(first)
    with _schema(lambda text: _adds("own")(_unique_names(text))):
        call_command("schemasync", tenant=gone_back, verbosity=0)
        call_command("schemasync", "rollback", tenant=gone_back, noinput=True, verbosity=0)
        assert _version(gone_back) == before
        code, found = _sync_json(stop_at="100%")
        assert (code, found["synced"]) == (4, 3)
        codes = {one["key"]: re.match(r"\[([\w-]+)\]", one["failure"])[1] for one in found["failed"]}
        assert codes == {changed: "drift", doubled: "hazard", gone_back: "older-version"}
        assert {_version(key) for key in (first, foreign, last)} == {found["version"]}
        assert {_version(key) for key in (changed, doubled, gone_back)} == {before}
        with tenant(foreign), connections[current_alias()].cursor() as cursor:
            assert cursor.execute("SELECT x FROM by_hand").fetchall() == [(1,)]
