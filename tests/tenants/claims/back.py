"""Rollbacks of tenants: of one, or of all that were synced with a release."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from schemasync.errors import Refused
from schemasync.sync import rollback
from schemasync.tenants import create_tenant, current_alias, tenant
from schemasync.tenants.fleet.rollback_one import Rollback
from schemasync.tenants.models import Tenant
from tests.tenants.claims.fleet import _adds, _run, _schema, _sync_json, _version
from tests.tenants.inside import new
from tests.tenants.shop.models import Author


def _back(*words, **options):
    code, out, err = _run("rollback", *words, json=True, **options)
    return code, json.loads(out) if out else err


def _names(key):
    with tenant(key):
        return sorted(Author.objects.values_list("name", flat=True))


def all_that_went_with_a_release_go_back_and_what_was_written_since_is_refused_unless_told():
    Tenant.objects.all().delete()
    keys = [new("ann"), new("bob"), new("cy")]
    with tenant(keys[0]):  # rows that `migrate` adds for new models belong to the release
        Permission.objects.filter(content_type__model="book").delete()
        ContentType.objects.filter(model="book")._raw_delete(current_alias())
    before = _version(keys[0])
    with _schema(_adds("back")):
        code, found = _sync_json()
        release = found["version"]
        create_tenant("late")
        with tenant(keys[1]):
            Author.objects.create(name="since")

        code, found = _back(release="ffff")
        assert code == 2, found
        code, found = _back(release=release, dry_run=True)
        assert (code, found["result"]) == (0, "planned"), found
        assert {one["key"]: one["rows"] for one in found["tenants"]} == {
            keys[0]: {},
            keys[1]: {"shop_author": 1},
            keys[2]: {},
        }
        assert {_version(key) for key in keys} == {release}
        out = _run("rollback", release=release, dry_run=True)[1]
        assert "2 tenants would go back from version" in out
        assert "1 would stay, because of what was written since" in out

        code, found = _back(release=release[2:10], stop_at="100%")
        assert (code, found["result"], found["without_earlier"]) == (4, "failed", ["late"]), found
        assert {one["key"] for one in found["tenants"]} == {keys[0], keys[2]}
        assert "[writes-left-behind] rows were written since: shop_author 1" in found["failed"][0]["failure"]
        assert [_version(key) for key in (*keys, "late")] == [before, release, before, release]
        assert _names(keys[1]) == ["bob", "since"]
        with pytest.raises(Refused, match="not current"):
            create_tenant("between")
        assert Tenant.objects.get(key=keys[0]).version == before

        Tenant.objects.filter(key="late").delete()
        code, found = _back(release=release, retry=True, keep_writes=True)
        assert (code, found["result"]) == (0, "rolled_back"), found
        assert (_version(keys[1]), _names(keys[1])) == (before, ["bob", "since"])
        assert Tenant.objects.get(key=keys[1]).failure == ""
        code, out, _ = _run("rollback", release=release)
        assert (code, out.startswith("0 tenants went back")) == (0, True), out


def one_tenant_goes_back_and_leaves_what_was_written_since_in_the_file_of_the_release():
    Tenant.objects.all().delete()
    key, other = new("ann"), new("bob")
    before = _version(key)
    with _schema(_adds("one")):
        release = _sync_json()[1]["version"]
        with tenant(key):
            Author.objects.create(name="since")
        assert _run("rollback")[0] == 2
        assert _run("rollback", "nobody")[0] == 3
        assert _run("rollback", key)[0] == 4
        code, out, _ = _run("rollback", key, leave_writes=True)
        assert (code, "shop_author 1" in out) == (0, True), out
        assert (_version(key), _names(key)) == (before, ["ann"])
        assert (_version(other), _names(other)) == (release, ["bob"])


def a_row_that_is_written_between_the_count_and_the_swap_is_not_left_behind():
    Tenant.objects.all().delete()
    key = new("ann")
    with _schema(_adds("meanwhile")):
        release = _sync_json()[1]["version"]
        counted = rollback._preview

        def count_then_write(*args):
            found = counted(*args)
            with tenant(key):
                Author.objects.create(name="since")
            return found

        rollback._preview = count_then_write
        try:
            outcome = Rollback(release)(key)
        finally:
            rollback._preview = counted
        assert outcome.code == "writes-left-behind", outcome
        assert _version(key) == release
        assert set(_names(key)) == {"ann", "since"}
