"""ON_STARTUP: the first connection of a server or a worker to a database that is not up to date with schema.json."""

from __future__ import annotations

import json
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from schemasync import conf, process
from schemasync.schema import document
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.support.folder import ProjectFolder
from tests.support.processes import ROOT, environment, run

OLD = {"a": {"id": "INTEGER PRIMARY KEY"}}
NEW = {**OLD, "b": {"id": "INTEGER PRIMARY KEY"}}
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
ROOT_URLCONF = "site_settings"
urlpatterns = []
INSTALLED_APPS = ["schemasync"]
DATABASES = {"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
SCHEMASYNC = {"ON_STARTUP": "refuse"}
"""


@pytest.fixture
def link(tmp_path):
    """Return the path of a database with the old schema, with a newer schema.json in its folder."""
    found = tmp_path / "db.sqlite3"
    write(tmp_path, OLD)
    sync(target(found), document.read((tmp_path / "schema.json").read_bytes()))
    write(tmp_path, NEW)
    return found


def write(folder, tree):
    (folder / "schema.json").write_text(json.dumps(tree))


def start(folder, on_startup, *more, fresh=False):
    return run(["-m", "tests.backend.served", folder, on_startup, *more], ROOT, environment(), fresh=fresh)


def served(folder, on_startup, *more, fresh=False):
    """Start a worker that must succeed; return (lines on stdout, text on stderr)."""
    ended = start(folder, on_startup, *more, fresh=fresh)
    assert ended.code == 0, ended.err
    return ended.out.splitlines(), ended.err


def test_warn_says_it_once_and_goes_on(link):
    out, err = served(link.parent, "warn", fresh=True)
    assert out == ["tables a"] * 2
    assert err.count("is version") == 2, "that of the database and that of schema.json"
    assert err.endswith("To sync it: manage.py schemasync\n")


def test_ignore_says_nothing(link):
    assert served(link.parent, "ignore") == (["tables a"] * 2, "")


def test_refuse_refuses_each_connection_and_says_what_to_do(link):
    out, _ = served(link.parent, "refuse")
    assert [line.split()[0] for line in out if not line.startswith(" ")] == ["NotCurrent"] * 2
    assert out.count("  To sync it: manage.py schemasync") == 2


TRANSFORMS = """
from schemasync.transforms import ONE_TO_ONE, transform

@transform("a", into="a", kind=ONE_TO_ONE)
def later(a):
    yield "a", {"id": a["id"] + 100}
"""


def test_a_transform_alone_is_named_and_a_sync_lets_it_act_once(link):
    served(link.parent, "sync")
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute("INSERT INTO a VALUES (1)")
    (link.parent / "transforms_of_start.py").write_text(TRANSFORMS)
    out, _ = served(link.parent, "refuse", "transforms_of_start")
    assert out[0] == f"NotCurrent {link}: the transform later has not acted"
    for _ in range(2):
        served(link.parent, "sync", "transforms_of_start")
        with closing(sqlite3.connect(link)) as connection:
            assert connection.execute("SELECT id FROM a").fetchall() == [(101,)]
    assert not any("NotCurrent" in line for line in served(link.parent, "refuse", "transforms_of_start")[0])


def test_rows_alone_are_named(link):
    served(link.parent, "sync")
    write(link.parent, {**NEW, "a": {**OLD["a"], "_rows": [{"id": 7}]}})
    assert served(link.parent, "refuse")[0][0] == f"NotCurrent {link}: the rows of a are not written yet"


def test_sync_brings_it_there_first(link):
    out, err = served(link.parent, "sync")
    assert out == ["tables a b"] * 2
    assert "0002-" in err
    assert len(list(link.parent.glob("*.generations/*.sqlite3"))) == 2


def test_sync_makes_a_database_that_is_not_there(tmp_path):
    write(tmp_path, NEW)
    assert served(tmp_path, "sync")[0] == ["tables a b"] * 2


def test_many_that_start_at_once_build_once(link):
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) INSERT INTO a SELECT i FROM n"
        )
    with ThreadPoolExecutor(6) as workers:
        ended = list(workers.map(lambda _: start(link.parent, "sync"), range(6)))
    assert [one.out.splitlines() for one in ended] == [["tables a b"] * 2] * 6
    assert sum("is live" in one.err for one in ended) == 1
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT count(*) FROM _schema_versions").fetchone() == (2,)


def test_where_a_sync_is_refused_no_connection_is_made_and_it_is_not_tried_again(link):
    write(link.parent, {"b": NEW["b"]})  # a is gone, and no hint allows that
    out, _ = served(link.parent, "sync")
    reported = "\n".join(out)
    assert reported.count("NotCurrent") == 2
    assert reported.count("_dropped") >= 2, "what to do is said again"


@pytest.mark.parametrize("on_startup", ["warn", "refuse", "sync"])
def test_what_is_current_is_not_looked_at_twice(link, on_startup):
    sync(target(link), document.read((link.parent / "schema.json").read_bytes()))
    assert served(link.parent, on_startup) == (["tables a b"] * 2, "")


def test_a_plain_file_without_a_schema_is_nobody_s_business(tmp_path):
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as connection:
        connection.execute("CREATE TABLE mine (x)")
    assert served(tmp_path, "refuse") == (["tables mine"] * 2, "")


def test_a_schema_that_cannot_be_read_is_reported(link):
    (link.parent / "schema.json").write_text("{")
    out, err = served(link.parent, "warn")
    assert out == ["tables a"] * 2
    assert "schema.json:1:" in err


@pytest.mark.parametrize(
    ("argv", "serving"),
    [
        (["manage.py", "migrate"], False),
        (["./manage.py", "schemasync"], False),
        (["/site/manage.py"], False),
        (["/usr/bin/django-admin", "check"], False),
        (["/lib/django/__main__.py", "shell"], False),
        (["manage.py", "runserver"], True),
        (["manage.py", "rqworker"], True),
        (["/usr/bin/gunicorn", "site.wsgi"], True),
        (["/lib/celery/__main__.py", "-A", "site"], True),
        ([], True),
    ],
)
def test_servers_and_workers_are_told_from_commands(monkeypatch, argv, serving):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(
        sys, "modules", {name: m for name, m in sys.modules.items() if name not in ("pytest", "django.core.mail")}
    )
    assert process.is_serving() is serving


def test_a_loop_of_the_project_counts_as_a_server_where_the_setting_names_it(monkeypatch, settings):
    monkeypatch.setattr(sys, "argv", ["manage.py", "consume"])
    monkeypatch.setattr(process, "is_in_tests", lambda: False)
    settings.SCHEMASYNC = {"SERVING_COMMANDS": ["consume"]}
    assert process.is_serving(conf.serving_commands())
    settings.SCHEMASYNC = {}
    assert not process.is_serving(conf.serving_commands())


def test_nothing_is_looked_at_in_tests(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gunicorn"])
    assert not process.is_serving()


def test_a_management_command_connects_whatever_it_finds(link):
    project = ProjectFolder(link.parent)
    project.write_project(SETTINGS)
    ended = project.run("manage.py", "inspectdb")
    assert ended.code == 0, ended.err
    assert "class A(" in ended.out


THREADS = """
import sys, threading
from pathlib import Path
from tests.backend.served import configure
configure(Path(sys.argv[1]), "sync")
from django.db import connection
seen = []
def request():
    seen.append(sorted(name for name in connection.introspection.table_names() if name[0] != "_"))
    connection.close()
threads = [threading.Thread(target=request) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(seen)
"""


def test_no_thread_of_the_process_is_ahead_of_the_one_that_builds(link):
    ended = run(["-c", THREADS, link.parent], ROOT, environment())
    assert ended.out == f"{[['a', 'b']] * 8}\n", ended.err


ON_NEW_FILES = """
import json, sys
from pathlib import Path
from tests.backend import served
folder = Path(sys.argv[1])
served.configure(folder, "sync")
from django.conf import settings
from django.db import connection, connections
from schemasync import api
def look(using):
    print("looks at", sorted(name for name in connections[using].introspection.table_names() if name[0] != "_"))
settings.SCHEMASYNC["HEALTH"] = look
connection.ensure_connection()
connection.close()
api.backup()
(folder / "schema.json").write_text(json.dumps({"a": {"id": "INTEGER PRIMARY KEY"}, "_dropped": ["b"]}))
api.sync(allow_older=True)
api.restore(sync=True)
"""


def test_a_run_within_the_process_works_on_new_files_which_are_not_looked_at(link):
    pytest.importorskip("backports.zstd")
    ended = run(["-c", ON_NEW_FILES, link.parent], ROOT, environment())
    assert ended.out == f"{'looks at ' + str(['a', 'b'])}\n" + f"looks at {['a']}\n" * 2, ended.err
