"""django-extensions with the flag on: its commands find the models, tables and pages of the demo."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from .demo import DEMO, ROOT

PATIENCE = 30  # seconds for a server to answer


LATER = ("SchemaVersion", "field 'sqlite_version' defined in database but missing in model")
"""The model has the columns of every history: one that an older release began lacks this column until the next swap."""


PARTIAL = {"Assignment", "Contact", "Department", "Person", "Project", "TimeEntry"}
"""Models of the ERP, which name only the columns that both schemas have."""


def missing(demo):
    """Return the differences "missing in" that sqldiff prints, as (model, line); a table without a model has "" there.
    A column that only the database has is no difference for a model that names some of its columns."""
    printed = demo.manage("sqldiff", "--all-applications", "--output_text", "--no-color")
    assert "Application: notices" in printed.out, printed
    model, found = "", set()
    for line in printed.out.splitlines():
        if heading := re.fullmatch(r"\|-\+ Differences for model: (\w+)", line):
            model = heading[1]
        elif " missing in " in line and not (model in PARTIAL and line.endswith(" missing in model")):
            found.add((model, line.removeprefix("|--+ ")))
    return found


def test_sqldiff_misses_no_table_no_field_and_no_foreign_key(either):
    """Its other kinds of differences are wrong for a new SQLite database of Django's own, too, such as "parameters
    differ"."""
    found = {(model, text) for model, text in missing(either) if not re.search(r" (INDEX|UNIQUE) ", text)}
    # sqldiff counts views as tables, and SQLite's statistics, once a sync has run ANALYZE.
    without = either.unmodelled | {"project_hours"} | ({"sqlite_stat1"} if either.schema == "schema_v2.json" else set())
    assert found == {LATER, *(("", f"table '{name}' missing in models") for name in without)}


def test_sqldiff_misses_no_unique(built):
    """It reports none in a database that Django's migrate created, either."""
    assert {(model, text) for model, text in missing(built) if model} == {LATER}


def test_graph_models_draws_the_models_and_their_relations(built):
    graphs = json.loads(built.done("graph_models", "--all-applications", "--json").out)["graphs"]
    models = {model["name"]: model for graph in graphs for model in graph["models"]}
    assert {"Notice", "Tag", "User", "Permission", "Session", "LogEntry"} <= set(models)
    assert {relation["target"] for relation in models["Notice"]["relations"]} == {"User", "Tag"}


def test_show_urls_lists_the_pages_and_the_admin_of_the_notices(built):
    listed = json.loads(built.done("show_urls", "--format", "json").out)
    names = {url["name"]: url["url"] for url in listed}
    assert names["projects"] == "/"
    assert names["project"] == "/projects/<int:project_id>/"
    assert names["admin:notices_notice_changelist"] == "/admin/notices/notice/"


def test_validate_templates_compiles_every_template_of_the_demo_and_of_schemasync(built):
    checked = built.done("validate_templates", "-v", "2").out
    ours = [path for folder in (DEMO, ROOT / "schemasync") for path in folder.rglob("templates/**/*.*")]
    assert [path for path in ours if str(path) not in checked.splitlines()] == []
    assert DEMO / "templates" / "demo_project" / "projects.html" in ours
    assert "0 errors found" in checked


def test_shell_plus_has_every_model_at_hand(demo):
    code = "Notice.objects.create(title='Hello').tags.add(Tag.objects.get(name='people')); print(User.objects.count())"
    assert demo.done("shell_plus", "--quiet-load", "-c", code).out == "0\n"
    query = "SELECT name FROM notices_tag t JOIN notices_notice_tags ON tag_id = t.id JOIN notices_notice n ON n.id = notice_id WHERE title = 'Hello'"
    assert demo.rows(query) == [("people",)]


def test_shell_plus_takes_lines_from_its_standard_input(built):
    shown = built.done("shell_plus", "--plain", stdin="print(Notice.objects.filter(pinned=True).get())\n")
    assert "from demo_project.notices.models import Notice, Tag" in shown.out
    assert "Book your hours by Friday" in shown.out


@pytest.mark.slow
def test_runserver_plus_serves_the_site_through_a_swap(demo):
    with served(demo) as url:
        assert "Book your hours by Friday" in page(url)
        assert "Billable" not in page(f"{url}projects/1/")
        demo.schema = "schema_v2.json"
        demo.done("schemasync")
        assert "Billable" in page(f"{url}projects/1/")


@contextmanager
def served(demo):
    """Yield the address of a server in another process once it answers, and stop it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = demo.folder / "server.log"
    # With the reloader: without it, django-extensions 4.1 and Werkzeug 3 do not start (django-extensions issue 1886).
    command = demo.command("runserver_plus", address)
    with log.open("w") as out:
        server = subprocess.Popen(
            command,
            cwd=demo.folder,
            env=demo.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # the reloader serves from a child, which must stop with it
        )
    try:
        wait_for(f"http://{address}/", server, log)
        yield f"http://{address}/"
        assert "unapplied migration" not in log.read_text()
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(PATIENCE)


def wait_for(url, server, log):
    """Request the address until it answers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            page(url)
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


def page(url):
    """Return the text of a page that must answer with 200."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        assert answer.status == 200
        return answer.read().decode()
