"""TESTS = "cached": a test database is built once and then copied, until one of the inputs of its build changes."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import django
import pytest

from tests.support.processes import ROOT
from tests.support.site import Site

COPIED = "Copying the cached test database"
MORE = """
SCHEMASYNC = {"TESTS": "cached", "TEST_CACHE": BASE_DIR / "cache"}
INSTALLED_APPS += ["plain"]
DATABASE_ROUTERS = ["routing.Router"]
FIRST_TAG = "red"
ENDING = ""
from django.urls import reverse_lazy
START = reverse_lazy("no:where")  # nothing has this name: it can be read, but not evaluated
PARTIAL = __import__("functools").partial(lambda: 0)  # its repr() has an address
UNREAD = 1
"""
FILES = {
    "shop/apps.py": """
from django.apps import AppConfig
class Shop(AppConfig):
    name = "shop"
    def ready(self):
        from django.db.models.signals import post_migrate
        from . import receivers
        post_migrate.connect(receivers.fill, sender=self)
""",
    "shop/receivers.py": """
from django.apps import apps
from .labels import label  # reads a setting when the app is loaded
def fill(using, **kwargs):
    apps.get_model("shop", "Tag").objects.using(using).get_or_create(label="received")
    with open(__file__ + ".calls", "a") as file:
        file.write("called\\n")
""",
    "shop/labels.py": """
from django.conf import settings
from .words import WORD
ENDING, START, PARTIAL = settings.ENDING, settings.START, settings.PARTIAL
def label():
    return WORD + ENDING
""",
    "shop/words.py": "WORD = 'blue'\n",
    "shop/views.py": "ANSWER = 42\n",
    "shop/colours.txt": "green\n",
    "shop/fixtures/tags.json": json.dumps([{"model": "shop.tag", "pk": 900, "fields": {"label": "fixed"}}]),
    "shop/migrations/0002_tags.py": """
from pathlib import Path
from django.conf import settings
from django.core.management import call_command
from django.db import migrations
from shop.labels import label

def fill(apps, schema_editor):
    tag = apps.get_model("shop", "Tag").objects
    tag.create(label=label())
    tag.create(label=settings.FIRST_TAG)
    tag.create(label=Path(__file__).parent.parent.joinpath("colours.txt").read_text().strip())
    call_command("loaddata", "tags", verbosity=0)

class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunPython(fill)]
""",
    "plain/__init__.py": "",
    "plain/models.py": """
from django.db import models
class Note(models.Model):
    text = models.CharField(max_length=20)
""",
    "routing.py": "class Router:\n    def allow_migrate(self, db, app_label, **hints):\n        return None\n",
    "shop/tests.py": """
from pathlib import Path
from django.db import connection
from django.test import TestCase

class Rows(TestCase):
    def test_rows(self):
        with connection.cursor() as cursor:
            lines = [line for line in connection.connection.iterdump() if "django_migrations" not in line]
        Path(__file__).with_name("dump.sql").write_text("\\n".join(lines))
""",
}


def write(site, name, text):
    path = site.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(site, *args, code=0):
    """Run the project's tests, and return the output."""
    ended = site.manage("test", *args)
    assert ended.code == code, ended
    return ended.out + ended.err


def dump(site):
    return (site.folder / "shop" / "dump.sql").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A project whose migrations read inputs of many kinds; its test database is cached."""
    made = Site(tmp_path_factory.mktemp("cached") / "site", flag=False)
    made.done("makemigrations", "shop")
    for name, text in FILES.items():
        write(made, name, text)
    made.settings(flag=False, more=MORE)
    assert COPIED not in run(made)
    made.built = dump(made)
    return made


def test_the_second_run_copies_the_same_database(site):
    assert COPIED in run(site)
    assert dump(site) == site.built
    for word in ("blue", "red", "green", "fixed", "received", "plain_note", "Can add tag"):
        assert word in site.built


@contextmanager
def changed(site, name, *pairs):
    """Replace texts in a file until the block ends; a file that does not exist is created."""
    path = site.folder / name
    before = path.read_bytes() if path.exists() else None
    if before is None:
        write(site, name, *pairs)
    else:
        text = before.decode()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
    try:
        yield
    finally:
        path.unlink() if before is None else path.write_bytes(before)


NEW_MIGRATION = """
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("shop", "0002_tags")]
    operations = [migrations.RunSQL("CREATE TABLE extra (x)")]
"""
CHANGES = {
    "a migration": ("shop/migrations/0002_tags.py", [("label=label()", "label=label() + '!'")], "0002_tags.py"),
    "a new migration": ("shop/migrations/0003_extra.py", [NEW_MIGRATION], "the files in "),
    "a module that a migration imports": ("shop/labels.py", [("return WORD +", "return WORD * 2 +")], "labels.py"),
    "a module that this one imports": ("shop/words.py", [("blue", "black")], "words.py"),
    "a fixture": ("shop/fixtures/tags.json", [("fixed", "repaired")], "tags.json"),
    "a file that a migration opens": ("shop/colours.txt", [("green", "grey")], "colours.txt"),
    "a setting that is read": ("site_settings.py", [('"red"', '"rose"')], "the setting FIRST_TAG"),
    "a setting that an imported module has read": (
        "site_settings.py",
        [('ENDING = ""', 'ENDING = "ish"')],
        "the setting ENDING",
    ),
    "the code of a receiver": ("shop/receivers.py", [("received", "taken")], "receivers.py"),
    "a receiver for more apps": (
        "shop/apps.py",
        [("post_migrate.connect(receivers.fill, sender=self)", "post_migrate.connect(receivers.fill)")],
        "the receivers of pre_migrate and post_migrate",
    ),
    "the code of a router": ("routing.py", [("return None", "return app_label != 'sessions'")], "routing.py"),
    "the routers": ("site_settings.py", [('["routing.Router"]', "[]")], "the routers"),
    "a model without migrations": ("plain/models.py", [("max_length=20", "max_length=30")], "the models"),
    "a permission": (
        "shop/models.py",
        [("label = models.SlugField()", "label = models.SlugField()\n    class Meta:\n        verbose_name = 'mark'")],
        "the models",
    ),
    "an option of the database": (
        "site_settings.py",
        [('"db.sqlite3"}', '"db.sqlite3", "OPTIONS": {"init_command": "PRAGMA cache_size=-4000"}}')],
        "the settings of the database default",
    ),
    "an installed app": (
        "site_settings.py",
        [('INSTALLED_APPS += ["plain"]', 'INSTALLED_APPS += ["plain", "django.contrib.sites"]; SITE_ID = 1')],
        "the models",
    ),
    "an installed distribution": ("other.egg-link", ["/other\n"], "the installed distributions"),
}


QUICK = {  # one of each kind of recorded input: files, settings, receivers, models
    "a module that this one imports",
    "a setting that an imported module has read",
    "the code of a receiver",
    "a permission",
}


def sampled(names, quick):
    """Return all names, as slow parameters except the quick ones: each runs the project's tests twice."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.slow(but=["a module that this one imports"])
@pytest.mark.parametrize("what", sampled(CHANGES, QUICK))
def test_a_change_of_what_was_read_builds_it_again(site, what):
    name, pairs, reason = CHANGES[what]
    with changed(site, name, *pairs):
        out = run(site)
        assert COPIED not in out
        assert "is built again, because of: " in out
        assert reason in out.partition("because of: ")[2].partition("\n")[0]
    assert COPIED in run(site), "the databases of both states are cached"
    assert dump(site) == site.built


UNRELATED = {
    "a view": ("shop/views.py", [("42", "43")]),
    "a test": ("shop/tests.py", [("def test_rows", "def test_the_rows")]),
    "a setting that is not read": ("site_settings.py", [("UNREAD = 1", "UNREAD = 2")]),
    "a field of a model with migrations": ("shop/models.py", [("max_length=100", "max_length=200")]),
}


@pytest.mark.parametrize("what", sampled(UNRELATED, {"a view"}))
def test_a_change_of_something_else_does_not(site, what):
    name, pairs = UNRELATED[what]
    with changed(site, name, *pairs):
        assert COPIED in run(site)
    assert dump(site) == site.built


@pytest.mark.slow
def test_without_migrations_by_the_setting_of_the_database_a_field_counts(site):
    unmigrated = ('"db.sqlite3"}', '"db.sqlite3", "TEST": {"MIGRATE": False}}')
    with changed(site, "site_settings.py", unmigrated):
        run(site)
        with changed(site, "shop/models.py", ("max_length=100", "max_length=300")):
            assert "because of: the models" in run(site)
            assert "varchar(300)" in dump(site)


def test_receivers_of_the_project_are_called_for_the_copy_too(site):
    calls = site.folder / "shop" / "receivers.py.calls"
    run(site)
    calls.unlink()
    run(site)
    assert calls.read_text() == "called\n"


@pytest.mark.slow
def test_a_damaged_copy_is_built_again(site):
    (newest, *_) = sorted(site.folder.glob("cache/*/*.sqlite3"), key=os.path.getmtime, reverse=True)
    for one in site.folder.glob("cache/*/*.sqlite3"):
        one.write_bytes(b"x" * 5000)
    out = run(site)
    assert "is built again, because of: the cached one is damaged" in out
    assert dump(site) == site.built
    assert COPIED in run(site)
    assert newest.exists()


@pytest.mark.slow
def test_a_run_that_verifies_finds_a_copy_that_is_stale(site):
    shutil.rmtree(site.folder / "cache")
    run(site)
    with changed(site, "site_settings.py", ('"TESTS": "cached"', '"TESTS": "verified"')):
        for one in site.folder.glob("cache/*/*.sqlite3"):
            with closing(sqlite3.connect(one)) as connection, connection:
                connection.execute("UPDATE shop_tag SET label = 'stale' WHERE label = 'blue'")
        ended = site.manage("test")
        assert ended.code != 0
        assert "the cached test database differs from a new one in: shop_tag" in ended.err
        shutil.rmtree(site.folder / "cache")
        for _ in range(2):
            out = run(site)
            assert COPIED not in out
            assert dump(site) == site.built
        assert "because of" not in out, "it compares with the copy that would be used"
    assert COPIED in run(site)


CREATE = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
django.setup()
from django.db import connection
if "profile" in sys.argv:
    import cProfile
    cProfile.Profile().enable()
    if sys.version_info >= (3, 12):
        sys.monitoring.use_tool_id(4, "another")
connection.creation.create_test_db()
"""


def created(site, *args):
    """Run Python with its code on stdin, so that the current folder is an empty entry of sys.path; return its
    stderr."""
    ended = subprocess.run(
        [sys.executable, "-", *args], input=CREATE, cwd=site.folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


@pytest.mark.slow
def test_what_a_profiler_watches_is_not_cached(site):
    with changed(site, "shop/colours.txt", ("green", "brown")):
        assert "is not cached: a profiler is at work" in created(site, "profile")
        assert COPIED not in created(site)
        assert COPIED in created(site, "profile")


@pytest.mark.slow
def test_without_a_place_for_it_nothing_is_cached(site):
    with changed(site, "site_settings.py", ('BASE_DIR / "cache"', 'BASE_DIR / "manage.py" / "cache"')):
        for _ in range(2):
            out = run(site)
            assert "is not cached: " in out
            assert COPIED not in out
    assert dump(site) == site.built


ON_DISK = ('"db.sqlite3"}', '"db.sqlite3", "TEST": {"NAME": BASE_DIR / "test.sqlite3"}}')


@pytest.mark.parametrize("place", [pytest.param("memory", marks=pytest.mark.slow), "disk"])
def test_a_database_that_is_kept_goes_on(site, place):
    with changed(site, "site_settings.py", *([ON_DISK] if place == "disk" else [])):
        assert COPIED in run(site, "--keepdb")
        assert dump(site) == site.built
        if place == "disk":
            assert "Using existing test database" in run(site, "--keepdb")
            (site.folder / "test.sqlite3").unlink()


START = """
import multiprocessing, os, sys
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv.pop(1))
    os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
PROCESSES = """
import os
from pathlib import Path
from django.test import TestCase, TransactionTestCase
from shop.models import Tag

class Rows:
    def test_rows(self):
        found = sorted(Tag.objects.values_list("label", flat=True))
        assert found == ["blue", "fixed", "green", "received", "red"], found
        Tag.objects.create(label="own")
        with Path(__file__).with_name("processes.txt").open("a") as file:
            file.write(f"{os.getpid()}\\n")

class A(Rows, TestCase): pass
class B(Rows, TestCase): pass
class C(Rows, TransactionTestCase):
    serialized_rollback = True
class D(C): pass
"""
OURS = ('"django.db.backends.sqlite3"', '"schemasync.backends.sqlite3"')
STARTS = [("fork", "memory", "stock"), ("spawn", "disk", "ours")]
MORE_STARTS = [
    ("spawn", "memory", "stock"),
    ("fork", "disk", "stock"),
    ("fork", "memory", "ours"),
    ("fork", "disk", "ours"),
    ("spawn", "memory", "ours"),
]
if django.VERSION >= (6, 1):  # before, Django does not support it, and cannot spawn processes with a database on disk
    MORE_STARTS += [("spawn", "disk", "stock")]
    MORE_STARTS += [("forkserver", place, engine) for place in ("memory", "disk") for engine in ("stock", "ours")]


@pytest.mark.slow(but=["fork-memory-stock"])
@pytest.mark.parametrize(
    ("start", "place", "engine"), [*STARTS, *(pytest.param(*one, marks=pytest.mark.slow) for one in MORE_STARTS)]
)
def test_each_process_of_django_s_runner_has_a_copy(site, start, place, engine):
    pairs = [*([ON_DISK] if place == "disk" else []), *([OURS] if engine == "ours" else [])]
    processes = site.folder / "shop" / "processes.txt"
    processes.unlink(missing_ok=True)
    write(site, "start.py", START)
    with changed(site, "site_settings.py", *pairs), changed(site, "shop/test_processes.py", PROCESSES):
        for _ in range(2 if engine == "ours" else 1):
            ended = site.run(
                "start.py", start, "test", "--noinput", "--parallel", "2", "shop.test_processes", fresh=True
            )
            assert ended.code == 0, ended.out + ended.err
        assert COPIED in ended.err
    assert ended.err.count("Cloning test database for alias 'default'") == 2
    assert len(processes.read_text().split()) == (
        8 if engine == "ours" else 4
    )  # one process may be faster than the other
    assert {path.name for path in site.folder.glob("*.sqlite3")} <= {"db.sqlite3"}, "no copy is left"


SERIALIZED = """
from django.test import TransactionTestCase
from shop.models import Tag

class First(TransactionTestCase):
    serialized_rollback = True
    def test_rows_are_there(self):
        assert Tag.objects.filter(label="blue").exists()

class Second(First):
    pass
"""


@pytest.mark.slow
def test_serialized_rows_come_back_after_a_flush(site):
    with changed(site, "shop/test_serialized.py", SERIALIZED):
        for _ in range(2):
            out = run(site)
            assert COPIED in out
            assert "Ran 3 tests" in out


PYTEST = """
import pytest
from shop.models import Tag

@pytest.mark.django_db
@pytest.mark.parametrize("number", range(4))
def test_rows(number):
    assert sorted(Tag.objects.values_list("label", flat=True)) == EXPECTED
"""
MIGRATED = ["blue", "fixed", "green", "received", "red"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "rows"),
    [
        ((), MIGRATED),
        pytest.param(("-n", "2"), MIGRATED, marks=pytest.mark.slow),
        pytest.param(("-n", "2", "--create-db"), MIGRATED, marks=pytest.mark.slow),
        pytest.param(("-n", "2", "--reuse-db"), MIGRATED, marks=pytest.mark.slow),
        pytest.param(("-n", "2", "--reuse-db", "--create-db"), MIGRATED, marks=pytest.mark.slow),
        pytest.param(("--reuse-db",), MIGRATED, marks=pytest.mark.slow),
        pytest.param(("--nomigrations",), ["received"], marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("place", ["memory", pytest.param("disk", marks=pytest.mark.slow)])
@pytest.mark.parametrize("engine", ["stock", pytest.param("ours", marks=pytest.mark.slow)])
def test_pytest_django(site, args, rows, place, engine):
    """Without migrations the database is another one, with the tables of the models."""
    pairs = [*([ON_DISK] if place == "disk" else []), *([OURS] if engine == "ours" else [])]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--ds=site_settings", *args]
    environment = {"PYTHONPATH": f"{ROOT}:{site.folder}", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    with (
        changed(site, "check_pytest.py", PYTEST.replace("EXPECTED", repr(rows))),
        changed(site, "site_settings.py", *pairs),
    ):
        for _ in range(2):
            ended = subprocess.run(
                [*command, "check_pytest.py"], cwd=site.folder, env=environment, capture_output=True, text=True, check=False
            )  # fmt: skip
            assert ended.returncode == 0, ended.stdout + ended.stderr
        kept = list(site.folder.glob("test*.sqlite3*"))
        assert bool(kept) is (place == "disk" and "--reuse-db" in args)
        for path in kept:
            path.unlink()


@pytest.mark.slow
def test_a_seed_is_cached_with_it(tmp_path):
    made = Site(tmp_path / "site", flag=False)
    made.done("makemigrations", "shop")
    write(made, "shop/tests.py", FILES["shop/tests.py"])
    write(
        made,
        "shop/seeds.py",
        "def fill(alias):\n    from .models import Tag\n    Tag.objects.using(alias).create(label='sown')\n",
    )
    made.settings(
        flag=False,
        more='SCHEMASYNC = {"TESTS": "cached", "TEST_CACHE": BASE_DIR / "cache", "TEST_SEED": "shop.seeds.fill"}',
    )
    run(made)
    assert "'sown'" in dump(made)
    assert COPIED in run(made)
    assert "'sown'" in dump(made)
    with changed(made, "shop/seeds.py", ("sown", "planted")):
        assert "seeds.py" in run(made)
        assert "'planted'" in dump(made)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_with_schema_json(tmp_path, seed):
    made = Site(tmp_path / "site")
    made.done("makemigrations")
    write(made, "shop/tests.py", FILES["shop/tests.py"])
    write(
        made,
        "shop/seeds.py",
        "def fill(alias):\n    from .models import Tag\n    Tag.objects.using(alias).create(label='sown')\n",
    )
    made.settings(
        flag=True,
        more='SCHEMASYNC |= {"TESTS": "cached", "TEST_CACHE": BASE_DIR / "cache"}'
        + ('\nSCHEMASYNC["TEST_SEED"] = "shop.seeds.fill"' if seed else ""),
    )
    assert COPIED not in run(made)
    built = dump(made)
    assert ("'sown'" in built) is seed
    assert COPIED in run(made)
    assert dump(made) == built
    with changed(made, "schema.json", ('"label":', '"more": "text",\n    "label":')):
        assert "schema.json" in run(made)
        assert '"more"' in dump(made)
    assert COPIED in run(made)


ENVIRONMENT = """
import os
def fill(alias):
    from .models import Tag
    Tag.objects.using(alias).create(label=os.environ["COLOUR"])
"""


@pytest.mark.slow
def test_a_run_that_verifies_finds_what_the_cache_cannot_see(tmp_path):
    """The build depends on an environment variable: therefore "cached" is not the default with schema.json."""
    made = Site(tmp_path / "site")
    made.done("makemigrations")
    write(made, "shop/tests.py", FILES["shop/tests.py"])
    write(made, "shop/seeds.py", ENVIRONMENT)

    def ended(tests, colour):
        given = f'{{"TESTS": "{tests}", "TEST_CACHE": BASE_DIR / "cache", "TEST_SEED": "shop.seeds.fill"}}'
        made.settings(flag=True, more=f"SCHEMASYNC |= {given}")
        return made.run("manage.py", "test", variables={"COLOUR": colour}, fresh=True)

    assert ended("cached", "red").code == 0
    assert COPIED in ended("cached", "blue").err
    assert "'red'" in dump(made)
    assert "differs from a new one in: shop_tag" in ended("verified", "blue").err
    assert ended("verified", "red").code == 0
    assert ended("built", "blue").code == 0
    assert "'blue'" in dump(made)


STATUS = """
import io, json
from pathlib import Path
from django.core.management import call_command
from django.test import TransactionTestCase

class First(TransactionTestCase):
    def test_status(self):
        out = io.StringIO()
        call_command("schemasync", "status", "--json", stdout=out)
        found = json.loads(out.getvalue())
        with open(Path(__file__).with_name("found.txt"), "a") as file:
            file.write(f"{found['result']} {found['generation']} {found['errors']}\\n")

class Second(First):
    pass
"""


@pytest.mark.slow
def test_a_copy_on_disk_is_a_generation_as_the_database_is_that_a_sync_builds(tmp_path):
    site = Site(tmp_path / "site")
    site.done("schemasync", "--export")
    name = site.link.readlink().name.removesuffix(".sqlite3")
    write(site, "shop/tests.py", STATUS)
    site.settings(
        flag=True,
        more='SCHEMASYNC = {**SCHEMASYNC, "TESTS": "cached", "TEST_CACHE": BASE_DIR / "cache"}\n'
        'DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}\n',
    )
    assert COPIED not in run(site)
    assert COPIED in run(site)
    assert COPIED in run(site, "--parallel", "2")
    assert (site.folder / "shop" / "found.txt").read_text() == f"ok {name} []\n" * 6
