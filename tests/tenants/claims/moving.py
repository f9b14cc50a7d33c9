"""A tenant moves to another host while it is written to: the other side is a process with its own folder."""

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from schemasync.actions.database import Database
from schemasync.files.disk import Disk, DiskStep
from schemasync.tenants import tenant
from schemasync.tenants.context import OtherHost
from schemasync.tenants.models import Tenant
from schemasync.tenants.moving.sender import move_tenant
from schemasync.tenants.paths import path_of
from tests.tenants.inside import new
from tests.tenants.shop.models import Author
from tests.tenants.writer import Writer


def _two_hosts():
    given = settings.SCHEMASYNC
    other = ["env", "TENANT_MOVES_ON=south", "DJANGO_SETTINGS_MODULE=tests.tenants.hosts", sys.executable, "-m"]
    hosts = {"north": {}, "south": {"RECEIVE": [*other, "tests.tenants.one_side", "receive"]}}
    tenants = {**given["TENANTS"], "HOST": "north", "HOSTS": hosts}
    return override_settings(SCHEMASYNC={**given, "TENANTS": tenants})


def no_acknowledged_write_is_lost_and_requests_get_503_and_then_421():
    key = new("first")
    Tenant.objects.filter(key=key).update(host="north")
    client, answers = Client(), []

    def ask(when, label):
        if label is DiskStep.HOST_ROW:
            found = client.post("/write/", {"name": "late"}, headers={"host": f"{key}.example.com"})
            answers.append((found.status_code, found.headers.get("Retry-After")))

    there = Path(os.environ["TENANTS_FOLDER"], "south")
    try:
        with _two_hosts():
            with Writer(path_of(key)) as writer:
                done = move_tenant(Database("tenant"), key, "south", disk=Disk(ask))
            assert "has moved to south" in writer.error
            assert answers == [(503, "1"), (421, None)], answers
            with pytest.raises(OtherHost), tenant(key):
                pass
            assert (done.result, Tenant.objects.get(key=key).host) == ("moved", "south")
        with closing(sqlite3.connect(there / key / "db.sqlite3")) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM shop_author ORDER BY id")]
        assert names == ["first", *writer.written]
        assert len(writer.written) > 20
    finally:
        Tenant.objects.filter(key=key).delete()
        shutil.rmtree(there, ignore_errors=True)


def a_tenant_that_cannot_be_closed_within_the_allowed_pause_stays_in_use():
    key = new("first")
    Tenant.objects.filter(key=key).update(host="north")
    try:
        with _two_hosts(), pytest.raises(CommandError, match="cutover-timeout") as found:
            call_command("schemasync", "tenants", "move", key, to="south", max_pause=0, cutover_timeout=0, verbosity=0)
        assert found.value.returncode == 5
        assert Tenant.objects.get(key=key).state == "active"
        with _two_hosts(), tenant(key):
            Author.objects.create(name="later")
            assert Author.objects.count() == 2
    finally:
        Tenant.objects.filter(key=key).delete()
        shutil.rmtree(Path(os.environ["TENANTS_FOLDER"], "south"), ignore_errors=True)
