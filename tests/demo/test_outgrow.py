"""The demo moves to PostgreSQL: Django's own commands work there, and a reload alone switches a served site."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.postgres import Database
from tests.support.processes import ROOT

from .demo import Demo

PAGES = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.get(username="eve"))
for page in ("/", "/projects/9/", "/admin/notices/notice/", "/admin/schemasync/schemaversion/"):
    answer = client.get(page)
    print(answer.status_code)
assert "has moved to PostgreSQL" in answer.content.decode(), answer.content.decode()
"""
MOST = 2.0  # seconds from the fence to the first write on PostgreSQL


@pytest.fixture
def variables(postgres_database: Database) -> dict[str, str]:
    given = postgres_database.params
    names = {"DEMO_POSTGRES": "NAME", "PGHOST": "HOST", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGPORT": "PORT"}
    return {variable: str(given[name]) for variable, name in names.items() if given[name]}


def test_django_works_on_what_has_moved(demo: Demo, variables: dict[str, str], postgres_database: Database) -> None:
    people = demo.rows("SELECT count(*) FROM Users")
    moved = json.loads(demo.done("schemasync", "move", "--to", "pg", "--json", **variables).out)
    assert moved["rows"]["Users"] == people[0][0]

    demo.done("check", "--database", "default", **variables)
    password = {"DJANGO_SUPERUSER_PASSWORD": "of-a-test"}
    demo.done(
        "createsuperuser", "--noinput", "--username", "eve", "--email", "eve@example.com", **variables, **password
    )
    users = json.loads(demo.done("dumpdata", "auth.user", **variables).out)
    assert "eve" in {one["fields"]["username"] for one in users}
    assert demo.done("shell", "-v", "0", "-c", PAGES, **variables).out.split() == ["200"] * 4
    refused = demo.manage("migrate", **variables)
    assert refused.code == 3
    assert "whose schema schemasync does not change yet" in refused.error
    with postgres_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM auth_user WHERE username = 'eve'").fetchone() == (1,)

    refused = demo.manage("schemasync", "move", "--undo", **variables)
    assert "auth_user 1" in refused.error
    demo.done("schemasync", "move", "--undo", "--leave-writes", **variables)
    assert demo.rows("SELECT count(*) FROM auth_user WHERE username = 'eve'") == [(0,)]
    demo.done("schemasync", "status", **variables)


@pytest.fixture
def site(demo: Demo, variables: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        command = [
            *(sys.executable, "-m", "gunicorn", "tests.demo.site:application", "--bind", f"fd://{listening.fileno()}"),
            *("--worker-tmp-dir", str(tmp_path), "--workers", "2", "--no-control-socket", "--log-level", "warning"),
        ]
        environment = demo.environment | variables | {"DJANGO_SETTINGS_MODULE": "demo_project.settings"}
        with subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listening.fileno()]) as server:
            yield server, port
            server.kill()


def ask(port: int) -> tuple[int, str]:
    """Write a notice, and say on which engine."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", "/")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def until_written(port: int, engine: str) -> float:
    """When the first write on that engine was acknowledged."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            if ask(port) == (200, engine):
                return time.monotonic()
        time.sleep(0.01)
    raise AssertionError(f"nothing was written on {engine}")


@pytest.mark.slow
def test_a_reload_alone_switches_the_site(
    demo: Demo, variables: dict[str, str], site: tuple[subprocess.Popen[bytes], int], record_property
) -> None:
    server, port = site
    until_written(port, "sqlite")
    demo.done("schemasync", "move", "--to", "pg", **variables)
    closed = time.monotonic()
    assert ask(port)[0] == 500
    os.kill(server.pid, signal.SIGHUP)
    seconds = until_written(port, "postgresql") - closed
    record_property("seconds", seconds)
    assert seconds < MOST * 5, "it is measured by tests.long move; here the machine may be busy"

    demo.done("schemasync", "move", "--undo", "--leave-writes", **variables)
    os.kill(server.pid, signal.SIGHUP)
    until_written(port, "sqlite")
