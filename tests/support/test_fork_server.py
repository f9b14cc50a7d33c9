"""A forked command behaves as in a new interpreter: with the same output and in the same environment."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from schemasync.management.options import ACTIONS
from tests.support.site import Site

from .processes import environment, run

WORDS = {"inspect": ["db.sqlite3"], "rollback": ["--noinput"], "snapshot": ["copy.sqlite3"]}
COMMANDS = [
    ["schemasync"],
    *(["schemasync", action, *WORDS.get(action, [])] for action in ACTIONS),
    *(["schemasync", *words, "--json"] for words in (["plan"], ["check"], ["history"])),
    ["check", "--deploy"],
    ["makemigrations"],
    ["makemigrations", "--check"],
    ["migrate"],
    ["migrate", "--check"],
    ["migrate", "--help"],
    ["showmigrations"],
    ["sqlmigrate", "auth", "0001"],
    ["test"],
    ["nonsense"],
]


@pytest.fixture(scope="module")
def _evolved(tmp_path_factory):
    """A site with two generations, and with models that have changed again since."""
    site = Site(tmp_path_factory.mktemp("evolved") / "site")
    site.done("schemasync", "--export")
    site.change(
        ("label = models.SlugField()", "label = models.SlugField()\n    weight = models.IntegerField(default=3)")
    )
    site.done("schemasync", "--export")
    site.change(("weight = models.IntegerField(default=3)", "weight = models.IntegerField(default=4)"))
    return site


IN_CI = {
    "schemasync",
    "schemasync plan --json",
    "schemasync rollback --noinput",
    "makemigrations",
    "migrate --help",
    "nonsense",
}


def in_tiers():
    for words in COMMANDS:
        name = " ".join(words)
        yield pytest.param(words, id=name, marks=[] if name in IN_CI else [pytest.mark.slow])


@pytest.mark.slow(but=["schemasync rollback --noinput"])
@pytest.mark.parametrize("words", list(in_tiers()))
def test_every_command_prints_what_it_prints_in_a_new_interpreter(_evolved, tmp_path, words):
    ended = []
    for fresh in (True, False):
        site = _evolved.copy(tmp_path / "site")
        ended.append(site.manage(*words, fresh=fresh))
        shutil.rmtree(site.folder)
    fresh, forked = ended
    assert forked.code == fresh.code
    assert without_times(forked.out) == without_times(fresh.out)
    assert without_times(forked.err) == without_times(fresh.err)


def without_times(text):
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:[\d.]+)?", "…", text)
    text = re.sub(r"\b\d{8}T\d{6}\.\d{6}Z-([0-9a-f]{12})-[0-9a-f]{8}", r"…-\1", text)  # of a backup
    return re.sub(r"\b[\d.,]+ ?(ms|s)\b|(?<=_ms\": )\d+", "…", text)


AROUND = """
import atexit, gc, os, signal, sys, threading, time
from pathlib import Path
print(__name__, __doc__, sys.argv, sys.orig_argv[1:], sys.path, sys.dont_write_bytecode)
print(Path.cwd(), sorted(os.environ.items()), os.umask(0), sorted(os.listdir("/dev/fd")))
print(sys.stdin.read(), sys.stdin.encoding, sys.stdout.errors, sys.stdout.line_buffering, sys.stderr.line_buffering)
print([(one, one.name, one.mode, one.buffer, one.write_through) for one in (sys.stdin, sys.stdout, sys.stderr)])
print([(number, signal.getsignal(number)) for number in signal.valid_signals()])
print([name for name in sys.modules if name.partition(".")[0] in ("tests", "site_settings")])
atexit.register(print, "at exit")
threading.Thread(target=lambda: time.sleep(0.05) or print("a thread is waited for")).start()
print("to stderr", file=sys.stderr)
"""


def processes():
    """Yield each end of a command with each kind. The gate has each end with one kind."""
    ends = ["", "1 / 0", "sys.exit(7)", "sys.exit('text')", "os.kill(os.getpid(), signal.SIGTERM)"]
    for number, end in enumerate(ends):
        for at, kind in enumerate(("script", "-m", "-c")):
            yield pytest.param(end, kind, marks=[] if at == number % 3 else [pytest.mark.slow])


@pytest.mark.parametrize(("end", "kind"), list(processes()))
def test_the_process_around_it_is_that_of_a_new_interpreter(tmp_path, kind, end):
    (tmp_path / "around.py").write_text(AROUND + end)
    words = {"-c": ["-c", AROUND + end, "x"], "-m": ["-m", "around", "x"], "script": ["around.py", "x"]}[kind]
    for unbuffered in ("", "1"):
        variables = environment(GIVEN="ä", PYTHONUNBUFFERED=unbuffered)
        fresh, forked = (run(words, tmp_path, variables, stdin="typed", fresh=fresh) for fresh in (True, False))
        assert forked == fresh
        assert "typed utf-8" in forked.out or ("SIGTERM" in end and not unbuffered)


def test_a_script_is_the_main_module_and_its_neighbours_can_be_imported(tmp_path):
    (tmp_path / "tests.py").write_text("mine = True")
    (tmp_path / "script.py").write_text("import __main__, tests\nprint(__main__.__file__, tests.mine)")
    assert run(["script.py"], tmp_path, environment()).out == f"{tmp_path / 'script.py'} True\n"


def test_one_project_sees_nothing_of_the_one_before(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "site_settings.py").write_text(f"NAME = '{name}'")
        code = "import site_settings; print(site_settings.NAME)"
        assert run(["-c", code], tmp_path / name, environment()).out == f"{name}\n"


def test_the_server_knows_no_settings_no_apps_and_no_database(tmp_path):
    code = """
import sys
from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db.models import signals
print(settings.configured, apps.ready, "schemasync.models" in sys.modules)
print({check.__module__.split(".")[0] for check in checks.registry.registry.registered_checks})
print([name for name, one in vars(signals).items() if getattr(one, "receivers", None)])
"""
    assert run(["-c", code], tmp_path, environment()).out == "False False False\n{'django'}\n[]\n"


LEFT_OPEN = """
import django.db, sqlite3
connection = django.db.left = sqlite3.connect("db.sqlite3")
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE t (x)")
open("unwritten", "w").write("text")
"""


@pytest.mark.parametrize("fresh", [True, False])
def test_at_its_end_connections_are_closed_and_files_written(tmp_path, fresh):
    run(["-c", LEFT_OPEN], tmp_path, environment(), fresh=fresh)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db.sqlite3", "unwritten"], "no log is left"
    assert (tmp_path / "unwritten").read_text() == "text"


def test_limits_hold_in_the_fork_alone(tmp_path):
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE)[0])"
    assert run(["-c", code], tmp_path, environment(), limits={resource.RLIMIT_FSIZE: 4096}).out == "4096\n"
    assert run(["-c", code], tmp_path, environment()) == run(["-c", code], tmp_path, environment(), fresh=True)


def test_what_takes_too_long_is_killed(tmp_path):
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired):
        run(["-c", code], tmp_path, environment(), timeout=1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


STARTS = """
import subprocess, sys
from pathlib import Path
from tests.support.processes import Forked, environment
files = (subprocess.DEVNULL,) * 3
with open("/dev/null", "r+b") as null:
    forked = Forked(["-c", "import time; time.sleep(60)"], Path(), environment(), (null, null, null))
print(forked.pid, flush=True)
sys.stdin.read()
"""


def test_nothing_is_left_when_the_tests_are_killed(tmp_path):
    command = [sys.executable, "-c", STARTS]
    tests = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pid = int(tests.stdout.readline())
    tests.kill()
    tests.communicate()
    deadline = time.monotonic() + 20
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.02)
        raise AssertionError(f"process {pid} is still there")
