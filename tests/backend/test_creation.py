"""Test databases on the backend: created, copied for each process and deleted, in memory and on disk."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import django
import pytest
from django.db import connections

from schemasync.backends.sqlite3.base import DatabaseWrapper
from tests.live.ledger import ACCOUNTS, Ledger

from .following import keys, run

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """
from pathlib import Path
SECRET_KEY = "tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "schemasync"]
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "schemasync.backends.sqlite3",
        "NAME": Path(__file__).parent / "db.sqlite3",
        "TEST": {"NAME": %r},
    }
}
"""
TESTS = """
import multiprocessing, os
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import TestCase

class One(TestCase):
    def test_the_tables_are_there_and_nothing_of_others_is(self):
        with open(os.environ["SEEN"], "a") as file:
            file.write(str(connection.settings_dict["NAME"]) + "\\n")
        self.assertFalse(ContentType.objects.filter(app_label="mine").exists())
        ContentType.objects.create(app_label="mine", model="made")

class Two(One):
    pass

class Three(One):
    pass
"""
MANAGE = """
import multiprocessing, os, sys
from django.core.management import execute_from_command_line
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv.pop(1))
    execute_from_command_line(sys.argv)
"""


@pytest.fixture
def project(tmp_path):
    """Return a function that writes a site whose tests run in other processes, and returns its folder."""

    def make(test_name):
        (tmp_path / "site_settings.py").write_text(SETTINGS % test_name)
        (tmp_path / "test_of_site.py").write_text(TESTS)
        (tmp_path / "manage.py").write_text(MANAGE)
        return tmp_path

    return make


def databases_seen(project, *command):
    """Run the tests of the site, and return the databases that they used; all tests pass, and no database is left."""
    seen = project / "seen"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV"))}
    environment |= {"DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": f"{project}{os.pathsep}{ROOT}"}
    environment |= {"SEEN": str(seen), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    left = {path.name for path in project.iterdir()} - {"site_settings.py", "test_of_site.py", "manage.py", "seen"}
    assert not left
    names = seen.read_text().splitlines()
    assert len(names) == 3
    return set(names)


STARTS = ["fork", pytest.param("spawn", marks=pytest.mark.slow)]  # test_cached_tests covers spawned processes, too


@pytest.mark.parametrize("start", STARTS)
def test_each_process_of_manage_test_has_a_copy_on_disk(project, start):
    site = project("own.sqlite3")
    names = databases_seen(site, "manage.py", start, "test", "--parallel=2")
    if start == "spawn" and django.VERSION >= (6, 1):  # it reads the copy into memory
        assert names <= {f"file:memorydb_default_{n}?mode=memory&cache=shared" for n in (1, 2)}
    else:
        assert names <= {"own_1.sqlite3", "own_2.sqlite3"}


@pytest.mark.parametrize("start", STARTS)
def test_each_process_of_manage_test_has_a_copy_in_memory(project, start):
    names = databases_seen(project(None), "manage.py", start, "test", "--parallel=2")
    assert all("mode=memory" in name for name in names)


PYTEST = ("-m", "pytest", "-n2", "-p", "no:cacheprovider", "-p", "xdist.plugin", "-p", "pytest_django.plugin")


@pytest.mark.slow
def test_the_processes_of_pytest_have_databases_in_memory_where_no_file_is_named(project):
    assert databases_seen(project(None), *PYTEST) == {"file:memorydb_default?mode=memory&cache=shared"}


@pytest.mark.slow
def test_the_processes_of_pytest_have_files_of_their_own_where_one_is_named(project, tmp_path):
    own = str(tmp_path / "own.sqlite3")
    assert databases_seen(project(own), *PYTEST) <= {f"{own}_gw0", f"{own}_gw1"}


# --- one connection -----------------------------------------------------------------------------------------------


@pytest.fixture
def opened(django_db_blocker):
    """Yield a function that makes connections of the backend with the file as test database, and close them at the
    end."""
    made = []

    def make(path, name="elsewhere.sqlite3"):
        settings = connections["default"].settings_dict | {"NAME": name, "OPTIONS": {}, "ATOMIC_REQUESTS": False}
        settings["TEST"] = settings["TEST"] | {"NAME": path}
        made.append(DatabaseWrapper(settings, alias="tested"))
        return made[-1]

    with django_db_blocker.unblock():
        yield make
        for wrapper in made:
            wrapper.close()


def begun(wrapper):
    """Create the test database of the connection, without Django's migrations, and return the connection."""
    wrapper.settings_dict["NAME"] = wrapper.creation._create_test_db(verbosity=0, autoclobber=True)
    return wrapper


def test_a_copy_has_what_stands_in_the_log_only(opened, tmp_path):
    wrapper = begun(opened(tmp_path / "t.sqlite3"))
    run(wrapper, "CREATE TABLE t (x)")
    run(wrapper, "INSERT INTO t VALUES (1)")
    assert (tmp_path / "t.sqlite3-wal").stat().st_size > 0
    wrapper.creation.clone_test_db("1", verbosity=0)
    with closing(sqlite3.connect(tmp_path / "t_1.sqlite3")) as copy:
        assert copy.execute("SELECT x FROM t").fetchall() == [(1,)]


def test_a_copy_is_made_anew_unless_it_is_to_be_kept(opened, tmp_path):
    wrapper = begun(opened(tmp_path / "t.sqlite3"))
    run(wrapper, "CREATE TABLE t (x)")
    wrapper.creation.clone_test_db("1", verbosity=0)
    run(wrapper, "CREATE TABLE u (x)")
    tables = []
    for keepdb in (True, False):
        wrapper.creation.clone_test_db("1", verbosity=0, keepdb=keepdb)
        with closing(sqlite3.connect(tmp_path / "t_1.sqlite3")) as copy:
            tables.append(copy.execute("SELECT name FROM sqlite_schema").fetchall())
    assert tables == [[("t",)], [("t",), ("u",)]]


def test_a_test_database_goes_with_its_side_files(opened, tmp_path):
    wrapper = begun(opened(tmp_path / "t.sqlite3"))
    run(wrapper, "CREATE TABLE t (x)")
    other = opened(tmp_path / "t.sqlite3", tmp_path / "t.sqlite3")
    run(other, "SELECT 1")  # as of a thread that still runs: SQLite keeps the log
    wrapper.creation.destroy_test_db(verbosity=0)
    assert not list(tmp_path.iterdir())


def test_a_test_database_that_a_test_swapped_goes_with_its_generations(opened, tmp_path):
    link = Ledger(tmp_path / "w", seed=1).link
    wrapper = opened(link, link)
    assert run(wrapper, "SELECT count(*) FROM accounts") == [(ACCOUNTS,)]
    wrapper.creation.destroy_test_db(verbosity=0)
    assert not [path for path in link.parent.iterdir() if path.name.startswith(link.name)]


@pytest.mark.parametrize("lost", ["nothing", "the generation", "the link"])
def test_a_test_run_begins_with_nothing_of_a_killed_one(opened, tmp_path, lost):
    link = Ledger(tmp_path / "w", seed=1).link
    {"nothing": tmp_path / "none", "the generation": link.resolve(), "the link": link}[lost].unlink(missing_ok=True)
    wrapper = begun(opened(link))
    assert run(wrapper, "SELECT count(*) FROM sqlite_schema") == [(0,)]


def test_a_database_that_is_its_own_test_database_by_mistake_keeps_its_archives(opened, tmp_path):
    link = Ledger(tmp_path / "w", seed=1).link
    live = link.resolve()
    begun(opened(str(link), link))
    assert not link.exists()
    assert keys(live) == set()


@pytest.mark.parametrize("name", ["/srv/db.sqlite3", ":memory:", "db.sqlite3"])
def test_a_name_that_pytest_made_up_is_no_file(opened, name):
    wrapper = opened(f"test_{name}_gw0", name)
    assert wrapper.creation._get_test_db_name() == "file:memorydb_tested?mode=memory&cache=shared"


def test_the_log_of_queries_says_begin_as_with_django_s_own(opened, tmp_path):
    wrapper = begun(opened(tmp_path / "t.sqlite3"))
    wrapper.force_debug_cursor = True
    run(wrapper, "BEGIN")
    assert wrapper.queries[-1]["sql"] == "BEGIN"
    other = sqlite3.connect(tmp_path / "t.sqlite3", timeout=0)
    with closing(other), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("CREATE TABLE t (x)")
    run(wrapper, "ROLLBACK")
