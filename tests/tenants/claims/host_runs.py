"""A sync of the tenants of a host that another host requested."""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.conf import settings
from django.test import override_settings

from schemasync.errors import Code, Failed, Refused
from schemasync.tenants import OtherHost, create_tenant, lookup
from schemasync.tenants.fleet import host_runs, leases
from schemasync.tenants.models import HostRun, Tenant
from tests.tenants.claims.fleet import _adds, _schema


@contextmanager
def _on(host):
    given = settings.SCHEMASYNC
    tenants = {**given["TENANTS"], "HOST": host, "HOSTS": {"north": {}, "south": {}}}
    with override_settings(SCHEMASYNC={**given, "TENANTS": tenants}):
        lookup._rows.clear()
        yield
    lookup._rows.clear()


def _ask(version=None, **options):
    """Request a run; return the runs queued by host, and the hosts with a run in progress."""
    from schemasync.tenants import behind

    behind.version.cache_clear()
    queued = {}
    running = leases.ask(("north", "south"), version or behind.version(), options, queued.__setitem__)
    return queued, running


def _states():
    return {one.host: one.state.value for one in leases.runs()}


def each_host_syncs_its_own_tenants_once():
    Tenant.objects.all().delete()
    HostRun.objects.all().delete()
    with _on("north"):
        create_tenant("of-the-north", host="north")
    with _on("south"):
        create_tenant("of-the-south", host="south")
    with _schema(_adds("asked")):
        with _on("south"):
            queued, running = _ask(group="")
            assert (sorted(queued), running, _states()) == (
                ["north", "south"],
                [],
                {"north": "waiting", "south": "waiting"},
            )
            assert host_runs.sync_here("south", queued["south"])["synced"] == 1
            assert host_runs.sync_here("south", queued["south"]) == {"result": "superseded"}
        assert _states() == {"north": "waiting", "south": "done"}
        with _on("north"):
            again, _ = _ask()
            assert host_runs.sync_here("north", queued["north"]) == {"result": "superseded"}
            assert host_runs.sync_here("north", again["north"])["synced"] == 1
            with pytest.raises(OtherHost):
                host_runs.sync_here("south", again["south"])
        assert _states() == {"north": "done", "south": "waiting"}
        assert len(set(Tenant.objects.values_list("version", flat=True))) == 1


def a_worker_that_is_alive_is_not_disturbed_and_a_dead_one_is_replaced():
    HostRun.objects.all().delete()
    begun, go_on, results = threading.Event(), threading.Event(), []

    def slow(*given):
        begun.set()
        go_on.wait(30)
        return host_runs.FleetReport("1:")

    with _on("north"), patch.object(host_runs, "sync_tenants", slow), patch.object(leases, "BEAT", 0.05):
        queued, _ = _ask()
        thread = threading.Thread(target=lambda: results.append(host_runs.sync_here("north", queued["north"])))
        thread.start()
        assert begun.wait(30)
        before = HostRun.objects.get(host="north").beat_at
        again, running = _ask()
        assert (list(again), running) == (["south"], ["north"])
        assert host_runs.sync_here("north", queued["north"]) == {"result": "superseded"}
        assert _states()["north"] == "running"
        deadline = time.monotonic() + 30
        while HostRun.objects.get(host="north").beat_at == before:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with patch.object(leases, "LEASE", timedelta(0)):  # as if it had been silent for a minute
            assert _states()["north"] == "lost"
            again, running = _ask()
            assert (sorted(again), running) == (["north", "south"], [])
        go_on.set()
        thread.join()
        assert results[0]["result"] == "current"
        assert _states()["north"] == "waiting"  # the end of the earlier run does not end the new one


def what_fails_on_a_host_fails_the_task_and_is_reported():
    HostRun.objects.all().delete()
    Tenant.objects.all().delete()
    with _on("north"):
        queued, _ = _ask(version="1:elsewhere")
        with pytest.raises(Refused) as found:
            host_runs.sync_here("north", queued["north"])
        assert found.value.code is Code.OTHER_RELEASE
        assert _states()["north"] == "failed"
        Tenant.objects.create(key="no-file", host="north")
        queued, _ = _ask(stop_at=100.0)
        with pytest.raises(Failed, match="1 tenant failed: no-file"):
            host_runs.sync_here("north", queued["north"])
        reported = next(one for one in leases.runs() if one.host == "north")
        assert reported.outcome["failed"][0]["key"] == "no-file"
    Tenant.objects.all().delete()
    HostRun.objects.all().delete()
