"""Two containers share one volume: one of them builds, both write, no write is lost, and each can check that it may be
used."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.containers import at_work, can_run, command, make_volume, stop
from tests.support.processes import environment

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo_project"
PYTHON = sys.executable
pytestmark = pytest.mark.skipif(not can_run(), reason="this machine allows no namespaces")

SETTINGS = """
import os
from pathlib import Path
SECRET_KEY = "tests"
USE_TZ, TIME_ZONE = True, "UTC"
INSTALLED_APPS = ["schemasync"]
DATABASES = {"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": os.environ["DATABASE"]}}
SCHEMASYNC = {"SCHEMA": os.environ["SCHEMA"]}
"""
MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
WRITER = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from django.db import connection
acked = open(sys.argv[2], "w", buffering=1)
number = 0
while True:
    number += 1
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO debit (who, number) VALUES (%s, %s)", [sys.argv[1], number])
    acked.write(f"{os.getpid()} {number}\\n")
    time.sleep(0.005)
"""


def schema(least):
    return json.dumps(
        {"debit": {"id": "INTEGER PRIMARY KEY", "who": "TEXT", "number": f"INTEGER CHECK (number > {least})"}}
    )


@pytest.fixture
def code(tmp_path):
    folder = tmp_path / "code"
    folder.mkdir()
    for name, text in {"settings.py": SETTINGS, "manage.py": MANAGE, "writer.py": WRITER}.items():
        (folder / name).write_text(text)
    (folder / "schema.json").write_text(schema(0))
    return folder


@pytest.fixture
def volume(tmp_path):
    return make_volume(tmp_path / "volume")


def variables(volume, code):
    given = {"DATABASE": str(volume / "db.sqlite3"), "SCHEMA": str(code / "schema.json"), "PYTHONPATH": str(ROOT)}
    return {**environment(), **given, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(volume)}


def acknowledged(path):
    lines = path.read_text().splitlines() if path.exists() else []
    return [tuple(map(int, line.split())) for line in lines]


def wait_for(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.slow
def test_two_containers_on_one_volume_build_once_and_lose_no_write(volume, code):
    env = variables(volume, code)
    sync = command(volume, code, PYTHON, "manage.py", "schemasync", "--noinput", "--wait", "60", "--json")
    both = [subprocess.Popen(sync, env=env, stdout=subprocess.PIPE) for _ in range(2)]  # two init steps at once
    results = sorted(json.loads(one.communicate(timeout=60)[0])["result"] for one in both)
    assert results == ["current", "synced"]
    generations = volume / "db.sqlite3.generations"
    assert len(list(generations.glob("[0-9]*.sqlite3"))) == 1
    assert generations.stat().st_uid == 1000

    code.joinpath("schema.json").write_text(schema(-1))
    acked = [volume / f"acked-{who}" for who in "ab"]
    with ExitStack() as stack:
        for who, path in zip("ab", acked, strict=True):
            stack.enter_context(at_work(volume, code, PYTHON, "writer.py", who, path, env=env))
        wait_for(lambda: all(len(acknowledged(path)) > 20 for path in acked), "nobody writes")
        done = subprocess.run(sync, env=env, capture_output=True, check=True, timeout=60)
        assert json.loads(done.stdout)["result"] == "synced"
        before = [len(acknowledged(path)) for path in acked]
        wait_for(
            lambda: all(len(acknowledged(p)) > n + 20 for p, n in zip(acked, before, strict=True)), "one has stopped"
        )
    assert len(list(generations.glob("[0-9]*.sqlite3"))) == 2
    pids = {pid for path in acked for pid, _ in acknowledged(path)}
    assert pids == {1}, "each is process 1 of its container"
    with closing(sqlite3.connect(volume / "db.sqlite3")) as connection:
        rows = connection.execute("SELECT who, number FROM debit").fetchall()
    wanted = {(who, number) for who, path in zip("ab", acked, strict=True) for _, number in acknowledged(path)}
    assert wanted <= set(rows)
    assert len(rows) == len(set(rows))


def test_root_and_code_are_for_reading_only_and_the_volume_is_not(volume, code):
    tries = (
        "import os\n"
        "for path in ('/usr/written', 'written', os.environ['TMPDIR'] + '/written'):\n"
        "    try: open(path, 'w'); print('yes')\n"
        "    except OSError as error: print(error.strerror)\n"
        "print(os.getuid(), os.getpid())"
    )
    done = subprocess.run(
        command(volume, code, PYTHON, "-c", tries),
        env=variables(volume, code),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["Read-only file system", "Read-only file system", "yes", "1000 1"]


def test_who_may_write_is_judged_by_the_effective_user(volume):
    """As in SQLite: a file that another user writes must not be opened as one without writers."""
    (volume / "db.sqlite3").touch(mode=0o600)
    asked = (
        "import os, sys; os.setreuid(1000, 0)\n"
        "from pathlib import Path; from schemasync.engines.sqlite.connection import Opener\n"
        "print(Opener().is_writable(Path(sys.argv[1])), os.access(sys.argv[1], os.W_OK))"
    )
    words = [PYTHON, "-c", asked, volume / "db.sqlite3"]
    done = subprocess.run(words, env=environment(), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


# --- the demo, as its Dockerfile starts it ------------------------------------------------------------------------


def dockerfile(instruction):
    """Return the words of an instruction in exec form."""
    text = (DEMO / "containers" / "Dockerfile").read_text().replace("\\\n", "")
    (line,) = [line for line in text.splitlines() if line.startswith(instruction)]
    return json.loads(line[line.index("[") :])


def serving(volume, port, **more):
    """Return the words and variables of CMD, for a port of this machine, which the containers share."""
    words = [word.replace(":8000", f":{port}") for word in dockerfile("CMD")]
    env = {
        **environment(),
        "DEMO_DATABASE": str(volume / "db.sqlite3"),
        "DEMO_SCHEMA": str(DEMO / "schema.json"),
        **more,
    }
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(volume), "SQLITE_TMPDIR": str(volume), "PORT": str(port)}
    return [PYTHON, "-m", *words], env


def is_ready(volume, env):
    words = [PYTHON, *[word.replace("/srv/app", str(ROOT)) for word in dockerfile("HEALTHCHECK")[1:]]]
    return subprocess.run(command(volume, ROOT, *words), env=env, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_the_demo_starts_as_its_image_does_is_ready_while_it_swaps_and_stops_gracefully(volume):
    words, env = serving(volume, 8431)
    sync = command(volume, ROOT, PYTHON, "manage.py", "schemasync", "--noinput", "--wait", "300")
    assert not is_ready(volume, env)
    subprocess.run(sync, env=env, check=True, capture_output=True)
    with (
        at_work(volume, ROOT, *words, env=env) as first,
        at_work(volume, ROOT, *serving(volume, 8432)[0], env=env) as second,
    ):
        ports = [env, {**env, "PORT": "8432"}]
        wait_for(lambda: all(is_ready(volume, one) for one in ports), "it does not get ready")
        subprocess.run(sync, env={**env, "DEMO_SCHEMA": str(DEMO / "schema_v2.json")}, check=True, capture_output=True)
        assert all(is_ready(volume, one) for one in ports)
        (volume / "db.sqlite3").rename(volume / "away")
        assert not any(is_ready(volume, one) for one in ports)
        (volume / "away").rename(volume / "db.sqlite3")
        assert all(is_ready(volume, one) for one in ports)
        assert stop(first) == stop(second) == 0


@pytest.mark.slow
def test_containers_that_start_at_once_with_on_startup_build_once(volume):
    (volume / "on_startup.py").write_text("from demo_project.settings import *\nSCHEMASYNC['ON_STARTUP'] = 'sync'\n")
    path = f"{volume}:{ROOT}"
    more = {"DJANGO_SETTINGS_MODULE": "on_startup", "PYTHONPATH": path}
    with ExitStack() as stack:
        envs = []
        for port in (8433, 8434, 8435):
            words, env = serving(volume, port, **more)
            stack.enter_context(at_work(volume, ROOT, *words, env=env))
            envs.append(env)
        asked = "import sys, urllib.request as u; u.urlopen(f'http://127.0.0.1:{sys.argv[1]}/', timeout=60)"
        wait_for(lambda: all(_answers(env["PORT"]) for env in envs), "it does not answer")
        pages = [subprocess.Popen([PYTHON, "-c", asked, env["PORT"]], stderr=subprocess.DEVNULL) for env in envs]
        assert [page.wait(120) for page in pages] == [0, 0, 0]
        assert all(is_ready(volume, env) for env in envs)
    assert len(list((volume / "db.sqlite3.generations").glob("[0-9]*.sqlite3"))) == 1


def _answers(port):
    done = subprocess.run(
        [PYTHON, "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}))"], capture_output=True
    )
    return done.returncode == 0
