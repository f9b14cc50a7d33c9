"""The application's receivers and checks work on the new file of the tenant, not on the live one."""

import sqlite3
from contextlib import closing, contextmanager

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from schemasync.signals import before_swap
from schemasync.tenants import tenant
from schemasync.tenants.models import Tenant
from schemasync.tenants.paths import path_of
from tests.tenants.claims.fleet import _adds, _run, _schema
from tests.tenants.inside import new
from tests.tenants.shop.models import Author

BY_RECEIVER = "by the receiver"


def _names(path):
    with closing(sqlite3.connect(path)) as connection:
        return sorted(name for (name,) in connection.execute("SELECT name FROM shop_author"))


@contextmanager
def _hooks():
    """Connect a receiver that writes, and a health check; yield the files that each of them has seen."""
    seen = {"receiver": [], "health": []}

    def file(alias):
        with connections[alias].cursor() as cursor:
            return cursor.execute("PRAGMA database_list").fetchone()[2].rpartition("/")[2]

    def receive(using, **_signal):
        if _is_of_a_tenant():
            seen["receiver"].append(file(using))
            Author.objects.create(name=BY_RECEIVER)

    def is_healthy(alias):
        if _is_of_a_tenant():
            seen["health"].append(file(alias))
        return True

    before_swap.connect(receive)
    try:
        with override_settings(SCHEMASYNC={**settings.SCHEMASYNC, "HEALTH": is_healthy}):
            yield seen
    finally:
        before_swap.disconnect(receive)


def _is_of_a_tenant():
    from schemasync.tenants import current

    return current() is not None


def receivers_and_the_check_of_health_get_the_new_file_of_the_tenant():
    Tenant.objects.all().delete()
    key = new("ann")
    old = path_of(key).resolve()
    with _schema(_adds("hooked")), _hooks() as seen:
        assert _run("sync")[0] == 0
        live = path_of(key).resolve()
        assert live != old
        for found in seen.values():
            assert len(found) == 1
            assert found[0].startswith(live.name), (found, live)
        assert (_names(live), _names(old)) == (["ann", BY_RECEIVER], ["ann"])


def a_rehearsal_leaves_the_live_file_of_the_tenant_as_it_was():
    Tenant.objects.all().delete()
    key = new("ann")
    with _hooks() as seen:
        call_command("schemasync", "rehearse", tenant=key, rebuild_all=True, verbosity=0)
    assert len(seen["receiver"]) == 1
    assert _names(path_of(key)) == ["ann"]
    with tenant(key):
        assert Author.objects.get().name == "ann"
