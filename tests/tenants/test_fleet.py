"""Several processes sync a fleet, and are killed in between."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.processes import ROOT, environment, run

TENANTS = 24
BEGIN = f"""
from tests.tenants.inside import new
from django.core.management import call_command
for alias in ("default", "tenant"):
    call_command("schemasync", database=alias, export=True, verbosity=0)
for number in range({TENANTS}):
    print(new("ann"))
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """A project with tenants, whose schema has advanced since."""
    folder = tmp_path_factory.mktemp("fleet")
    variables = environment(DJANGO_SETTINGS_MODULE="tests.tenants.settings", TENANTS_FOLDER=str(folder))
    ended = run(("-m", "django", "shell", "--verbosity=0", "-c", BEGIN), folder, variables, fresh=True)
    assert ended.code == 0, ended.err
    return folder, variables, ended.out.split()


def _change(folder, table):
    path = folder / "schema.tenant.json"
    path.write_text(f'{path.read_text().rstrip()[:-1]}, "{table}": {{"id": "INTEGER PRIMARY KEY"}}}}')


def _tenants(folder, variables, *words):
    ended = run(("-m", "django", "schemasync", "tenants", *words, "--json"), folder, variables, fresh=True)
    return ended.code, json.loads(ended.out)


def _killed(variables, seconds, *words):
    """Start a run over all tenants, and kill all of its processes after this many seconds."""
    command = [sys.executable, "-m", "django", "schemasync", "tenants", *words]
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, start_new_session=True)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _path(folder, key):
    return folder / "tenants" / key / "db.sqlite3"


@pytest.mark.slow
def test_several_processes_sync_a_fleet_and_one_that_is_killed_goes_on_beside_writers(fleet):
    folder, variables, keys = fleet
    written, ended = dict.fromkeys(keys, 0), threading.Event()

    def write(some):
        while not ended.is_set():
            for key in some:
                try:
                    connection = sqlite3.connect(_path(folder, key), timeout=10)
                    with connection:
                        connection.execute("INSERT INTO shop_author (name) VALUES ('since')")
                    connection.close()
                    written[key] += 1
                except sqlite3.OperationalError:  # fenced at this moment: it was not acknowledged
                    pass
                time.sleep(0.005)

    writers = [threading.Thread(target=write, args=(keys[number::2],)) for number in range(2)]
    for one in writers:
        one.start()
    try:
        _change(folder, "extra")
        for _ in range(2):
            _killed(variables, 6, "sync", "--workers", "2")
        code, found = _tenants(folder, variables, "status")
        assert found["current"] + len(found["behind"]) == TENANTS
        code, found = _tenants(folder, variables, "sync", "--workers", "2")
        assert (code, found["current"] + found["synced"]) == (0, TENANTS), found
        assert _tenants(folder, variables, "status")[1]["current"] == TENANTS
    finally:
        ended.set()
        for one in writers:
            one.join()
    for key in keys:
        connection = sqlite3.connect(_path(folder, key))
        assert connection.execute("SELECT count(*) FROM shop_author").fetchone() == (written[key] + 1,), key
        assert connection.execute("SELECT count(*) FROM extra").fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


@pytest.mark.slow
def test_workers_end_when_the_run_dies(fleet):
    folder, variables, _ = fleet
    _change(folder, "more")
    words = [sys.executable, "-m", "django", "schemasync", "tenants", "sync", "--workers", "2"]
    process = subprocess.Popen(words, cwd=ROOT, env=variables, stdout=subprocess.PIPE)
    children = []
    deadline = time.monotonic() + 60
    while len(children) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
        children = found.stdout.split()
    process.kill()
    process.wait()
    while any(Path(f"/proc/{child}/stat").exists() for child in children):
        assert time.monotonic() < deadline, children
        time.sleep(0.1)
    assert len(children) == 2
    assert _tenants(folder, variables, "sync")[1]["failed"] == []


@pytest.mark.slow
def test_a_rollback_of_a_release_that_is_killed_goes_on_and_takes_along_what_was_written_since(fleet):
    folder, variables, keys = fleet
    before = _tenants(folder, variables, "sync")[1]["version"]
    _change(folder, "release")
    release = _tenants(folder, variables, "sync", "--workers", "2")[1]["version"]
    names = {}
    for key in keys:
        with closing(sqlite3.connect(_path(folder, key))) as connection, connection:
            connection.execute("INSERT INTO shop_author (name) VALUES ('after the release')")
            names[key] = connection.execute("SELECT name FROM shop_author ORDER BY id").fetchall()
    words = ("rollback", "--version", release, "--workers", "2", "--keep-writes")
    for _ in range(2):
        _killed(variables, 6, *words)
    code, found = _tenants(folder, variables, *words)
    assert (code, found["failed"], found["left"]) == (0, [], 0), found
    code, found = _tenants(folder, variables, "status")
    assert found["versions"] == [{"version": before, "tenants": TENANTS}]
    for key in keys:
        with closing(sqlite3.connect(_path(folder, key))) as connection:
            assert connection.execute("SELECT name FROM shop_author ORDER BY id").fetchall() == names[key], key
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
