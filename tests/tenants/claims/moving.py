"""A tenant moves to another host while it is written: the other side is a process with a folder of its own."""

import os
import shutil
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client, override_settings

from schemasync.actions.database import Database
from schemasync.files.disk import Disk, DiskStep
from schemasync.tenants import tenant
from schemasync.tenants.context import OtherHost
from schemasync.tenants.models import Tenant
from schemasync.tenants.moving.sender import move_tenant
from schemasync.tenants.paths import path_of
from tests.tenants.inside import new


class Writer(threading.Thread):
    """Writes rows with SQLite alone, as a process that knows nothing of the move, until the file is closed."""

    def __init__(self, path):
        super().__init__()
        self.path, self.written, self.error = path, [], ""
        self.start()

    def run(self):
        with closing(sqlite3.connect(self.path, timeout=20)) as connection:
            for number in range(100_000):
                try:
                    with connection:
                        connection.execute("INSERT INTO shop_author (name) VALUES (?)", (f"w{number}",))
                except sqlite3.OperationalError as error:
                    self.error = str(error)
                    return
                self.written.append(f"w{number}")
                time.sleep(0.002)


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
            writer = Writer(path_of(key))
            done = move_tenant(Database("tenant"), key, "south", disk=Disk(ask))
            writer.join()
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
