"""One command brings the tenants of two hosts to a new schema, by a worker on each."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.processes import ROOT, environment, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("django_tasks_db") is None, reason="needs django-tasks-db"),
]
HOSTS = ("north", "south")
LEAK = """
from pathlib import Path
from django.conf import settings
from django.db.models.signals import post_save
from schemasync.task import task
from schemasync.tenants import current
from schemasync.tenants.context import push

def note(who):
    with (settings.BASE_DIR / "seen").open("a") as file:
        print(who, current(), file=file)

def created(**rest):
    note("created")

@task
def leaking(key):
    post_save.connect(created, sender="schemasync_tenants.Tenant", weak=False)
    push(key)

@task
def next_one():
    note("next")
"""


class SampleDatabase:
    """Two hosts that share only the default database."""

    def __init__(self, folder):
        self.folder = folder
        self.on = {host: self._variables(host) for host in HOSTS}
        for host in HOSTS:
            (folder / host).mkdir()

    def _variables(self, host):
        path = os.pathsep.join([str(self.folder), str(ROOT)])
        return environment(
            DJANGO_SETTINGS_MODULE="tests.tenants.settings",
            TENANTS_FOLDER=str(self.folder),
            TENANTS_HOST=host,
            PYTHONPATH=path,
        )

    def manage(self, host, *words):
        return run(("-m", "django", *words), self.folder, self.on[host], fresh=True)

    def done(self, host, *words):
        ended = self.manage(host, *words)
        assert ended.code == 0, ended.err
        return ended.out

    def begin(self, tenants):
        self.done("north", "schemasync", "--export")
        for host in HOSTS:
            self.done(host, "schemasync", "--export", "--database=tenant")
            create = f"from schemasync.tenants import create_tenant; [create_tenant(f'{host}-{{n}}', host='{host}') for n in range({tenants})]"
            self.done(host, "shell", "--verbosity=0", "-c", create)

    def change(self, table):
        for host in HOSTS:
            path = self.folder / host / "schema.tenant.json"
            path.write_text(f'{path.read_text().rstrip()[:-1]}, "{table}": {{"id": "INTEGER PRIMARY KEY"}}}}')

    def work(self, host):
        return self.done(host, "db_worker", "--queue-name", host, "--batch", "--no-startup-delay", "--no-reload")

    def runs(self, host="north"):
        found = json.loads(self.done(host, "schemasync", "tenants", "status", "--json"))
        return {one["host"]: (one["state"], one["synced"]) for one in found["runs"]}, found


@pytest.fixture
def database(tmp_path):
    return SampleDatabase(tmp_path)


def test_one_command_asks_all_hosts_and_each_worker_syncs_its_own(database):
    database.begin(2)
    database.change("extra")
    asked = json.loads(database.done("south", "schemasync", "tenants", "sync", "--all-hosts", "--json"))
    assert (asked["hosts"], asked["running"]) == (["north", "south"], [])
    assert database.runs()[0] == {"north": ("waiting", None), "south": ("waiting", None)}
    assert "host south: waits since" in database.done("north", "schemasync", "tenants", "status")
    database.work("north")
    assert database.runs()[0] == {"north": ("done", 2), "south": ("waiting", None)}
    database.work("south")
    found, status = database.runs("south")
    assert found == {"north": ("done", 2), "south": ("done", 2)}
    assert (status["current"], status["behind"]) == (2, [])


def test_what_another_task_has_left_in_a_context_is_not_in_ours(database):
    database.begin(1)
    (database.folder / "leaks.py").write_text(LEAK)
    enqueue = (
        "from leaks import leaking, next_one; from schemasync.tenants.django_tasks import create; "
        "leaking.using(queue_name='north').enqueue('north-0'); next_one.using(queue_name='north').enqueue(); "
        "create.using(queue_name='north').enqueue('fresh', 'Fresh', host='north', labels={})"
    )
    database.done("south", "shell", "--verbosity=0", "-c", enqueue)
    database.work("north")
    assert (database.folder / "seen").read_text().splitlines() == ["next north-0", "created None"]
    assert (database.folder / "north" / "tenants" / "fresh" / "db.sqlite3").exists()


def test_a_killed_worker_whose_task_stays_running_does_not_keep_the_next_request_from_going_on(database):
    database.begin(6)
    database.change("extra")
    database.done("north", "schemasync", "tenants", "sync", "--all-hosts")
    words = [sys.executable, "-m", "django", "db_worker", "--queue-name", "north", "--no-startup-delay", "--no-reload"]
    process = subprocess.Popen(words, cwd=ROOT, env=database.on["north"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while database.runs()[0]["north"][0] != "running":
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert database.runs()[0]["north"][0] == "running"  # nobody has noticed the kill yet
    assert "is not asked: a sync runs there" in database.done("north", "schemasync", "tenants", "sync", "--all-hosts")
    late = "from django.db.models import F; from datetime import timedelta; from schemasync.tenants.models import HostRun; HostRun.objects.update(beat_at=F('beat_at') - timedelta(seconds=61))"
    database.done("north", "shell", "--verbosity=0", "-c", late)
    assert database.runs()[0]["north"][0] == "lost"
    database.done("north", "schemasync", "tenants", "sync", "--all-hosts")
    database.work("north")
    state, status = database.runs()
    assert state["north"][0] == "done"
    assert (status["current"], status["behind"]) == (6, [])
