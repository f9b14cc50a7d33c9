"""The demo moves to PostgreSQL: Django's own commands work there, and a reload alone switches a served site."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.support.postgres import Database

from .demo import Demo
from .served import ask, served, until_written

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


@pytest.mark.slow
def test_a_reload_alone_switches_the_site(demo: Demo, variables: dict[str, str], tmp_path: Path) -> None:
    with served(demo, variables, tmp_path) as (server, port):
        until_written(port, "sqlite")
        demo.done("schemasync", "move", "--to", "pg", **variables)
        assert ask(port)[0] == 500
        os.kill(server.pid, signal.SIGHUP)
        until_written(port, "postgresql")

        demo.done("schemasync", "move", "--undo", "--leave-writes", **variables)
        os.kill(server.pid, signal.SIGHUP)
        until_written(port, "sqlite")
