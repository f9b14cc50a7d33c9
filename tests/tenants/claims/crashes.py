"""kill -9 before and after each disk step: a tenant is complete or cannot be entered, and a second call completes the
action."""

import os
import shutil
import signal

import pytest
from django.db import connections

from schemasync.files.disk import Disk
from schemasync.tenants import (
    UnknownTenant,
    activate_tenant,
    archive_tenant,
    create_tenant,
    delete_tenant,
    lookup,
    tenant,
)
from schemasync.tenants.models import Tenant
from schemasync.tenants.paths import archived_folder_of, folder_of
from schemasync.tenants.settings import tenant_settings
from tests.crash.scenarios import KillAt, Passes
from tests.support.forks import refuse_open_databases
from tests.tenants.crashes import PASSES
from tests.tenants.inside import new
from tests.tenants.shop.models import Author


def _killed(action, when, number):
    """Run the action in a child process; return True if it was killed at that step."""
    connections.close_all()
    refuse_open_databases()
    child = os.fork()
    if child == 0:
        try:
            action(Disk(KillAt(when, number)))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    lookup._rows.clear()  # stands for the second in which a row is cached
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _passes(action):
    found = Passes()
    action(Disk(found))
    return " ".join(found.labels)


def _points(name):
    """Return the points of a kill: before each step, which is also after the step before it, and after the last one."""
    count = len(PASSES[name].split())
    return [*(("before", number) for number in range(count)), ("after", count - 1)]


def _names(key):
    with tenant(key):
        return [one.name for one in Author.objects.all()]


def a_killed_creation_leaves_nothing_that_can_be_entered_and_the_next_one_finishes():
    shutil.rmtree(tenant_settings().folder, ignore_errors=True)
    passed = _passes(lambda disk: create_tenant("whole", disk=disk))
    assert passed == PASSES["create"], passed
    assert _names("whole") == []
    for when, number in _points("create")[1:]:  # the first step creates the folder of all tenants, once
        key = f"killed-{when}-{number}"
        assert _killed(lambda disk, key=key: create_tenant(key, disk=disk), when, number - 1), (when, number)
        with pytest.raises(UnknownTenant, match="not created"), tenant(key):
            pass
        create_tenant(key)
        assert _names(key) == []
        left = [path.name for path in tenant_settings().folder.iterdir() if path.name.startswith(f".{key}.")]
        assert not left


def a_killed_archiving_return_or_deletion_loses_no_row_and_the_next_one_finishes():
    key = new("ann")
    shutil.rmtree(tenant_settings().folder / ".archived", ignore_errors=True)
    for when, number in _points("archive"):
        assert _killed(lambda disk: archive_tenant(key, disk=disk), when, number)
        with pytest.raises(UnknownTenant, match="archived"), tenant(key):
            pass
        archive_tenant(key)
        assert not folder_of(key).exists()
        assert archived_folder_of(key).is_dir()
        activate_tenant(key)
        assert _names(key) == ["ann"]
        shutil.rmtree(tenant_settings().folder / ".archived")
    assert _passes(lambda disk: archive_tenant(key, disk=disk)) == PASSES["archive"]
    for when, number in _points("activate"):
        assert _killed(lambda disk: activate_tenant(key, disk=disk), when, number)
        activate_tenant(key)
        assert _names(key) == ["ann"]
        archive_tenant(key)
    assert _passes(lambda disk: activate_tenant(key, disk=disk)) == PASSES["activate"]
    for when, number in _points("delete"):
        gone = new("bob")
        assert _killed(lambda disk, gone=gone: delete_tenant(gone, confirm=gone, disk=disk), when, number)
        with pytest.raises(UnknownTenant, match="not deleted"), tenant(gone):
            pass
        delete_tenant(gone, confirm=gone)
        assert not folder_of(gone).exists()
        assert not Tenant.objects.filter(key=gone).exists()
    assert _passes(lambda disk: delete_tenant(key, confirm=key, disk=disk)) == PASSES["delete"]
