"""Measure the creation of test databases: CPU seconds of django-oscar, django-cms, pretix and two generated projects,
with Django alone, with TESTS = "cached", and with schema.json."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from django.conf import settings

from benchmarks import machine
from benchmarks.figures import table
from tests.support.site import Site

from .apps import Project, Run
from .borrowed import APPS, CMS, PRETIX

CREATE = """
import hashlib, json, os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
import django
django.setup()
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test.utils import setup_databases
begun = time.process_time()
setup_databases(verbosity=0, interactive=False, serialized_aliases=())
seconds = time.process_time() - begun
lines = [line for line in connection.connection.iterdump() if "django_migrations" not in line]
tables = sum(line.startswith("CREATE TABLE") for line in lines)
(migrations,) = connection.connection.execute("SELECT count(*) FROM django_migrations").fetchone()
print(json.dumps({"cpu": seconds, "tables": tables, "migrations": migrations, "content": hashlib.sha256("\\n".join(sorted(lines)).encode()).hexdigest()}))
"""
CACHED = """
import pathlib
SCHEMASYNC = {**SCHEMASYNC, "TESTS": "cached", "TEST_CACHE": pathlib.Path(__file__).parent / "cache"}
"""
PATIENCE = 3600  # seconds for one start, of which pretix's first takes 200 CPU seconds
STOCK, FIRST, SECOND, SCHEMA, COPY = "Django", "first start", "second start", "schema.json", "schema.json, second start"

MODELS = """
from django.db import models
{models}
"""
MODEL = """
class {name}(models.Model):
    name = models.CharField(max_length=50, db_index=True)
    up = models.ForeignKey("{up}", models.CASCADE, null=True)
{fields}
"""
MIGRATION = """
from django.db import migrations, models

def fill(apps, schema_editor):
    model = apps.get_model("{app}", "{model}")
    model.objects.get_or_create(name="{number}")

class Migration(migrations.Migration):
    dependencies = [("{app}", "{before}")]
    operations = [
        migrations.AddField("{model}", "f{number}", models.CharField(max_length=20, default="")),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
"""


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.long testdb", description=__doc__)
    names = [*PROJECTS]
    parser.add_argument("--only", metavar="NAME", choices=names, nargs="+", default=names, help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default %(default)s)")
    parser.add_argument("--folder", type=Path, help="work here, and leave what was made; environments are used again")
    given = parser.parse_args(arguments)
    settings.configure()
    when, _, where = machine.described()
    only = "" if given.only == names else " --only " + " ".join(map(repr, given.only))
    print(f"$ python -m tests.long testdb --rounds {given.rounds}{only}\n{when}\n{where}", flush=True)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="testdb-") as scratch:
        folder = given.folder or Path(scratch)
        rows = [row(name, measure(PROJECTS[name](folder / name), given.rounds)) for name in given.only]
    head = ("project", "tables", "migrations", STOCK, FIRST, SECOND, "of Django's", SCHEMA, COPY)
    print(
        "\nCPU seconds of creating the test database, medians; one start that takes long", *table(head, rows), sep="\n"
    )
    print(f"\nin all: {time.perf_counter() - begun:.0f} s; commit {machine.commit()}")
    return 0


# --- the projects -------------------------------------------------------------------------------------------------


def borrowed(app):
    """Make the project of an app of others."""

    def make(folder):
        run = Run(app, folder)
        run.install()
        site = Project(folder / "site", app, run.environment)
        site.patience = PATIENCE
        site.settings(flag=False, more=site.more, installed=False)
        site.done("makemigrations", "shop", "-v0")
        return site

    return make


class Generated(Site):
    """A generated project: a number of apps with a number of migrations each."""

    def __init__(self, folder, apps, migrations):
        self.patience = PATIENCE
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        names = [f"app{number}" for number in range(apps)]
        self.more = f"INSTALLED_APPS += {names}\n"
        super().__init__(folder, flag=False, more=self.more)
        for name in names:
            (folder / name).mkdir()
            (folder / name / "__init__.py").touch()
            self.write(name, fields=0)
        self.done("makemigrations", "-v0", "shop", *names)
        for name in names:
            before = "0001_initial"
            for number in range(2, migrations + 1):
                label = f"{number:04}_f{number}"
                text = MIGRATION.format(app=name, model=f"Model{number % 5}", number=number, before=before)
                (folder / name / "migrations" / f"{label}.py").write_text(text)
                before = label
            self.write(name, fields=migrations)

    def write(self, name, fields):
        """Write the five models of an app, with the fields that its migrations add."""
        models = [
            MODEL.format(
                name=f"Model{number}",
                up=f"Model{(number + 1) % 5}",
                fields="".join(
                    f'    f{field} = models.CharField(max_length=20, default="")\n'
                    for field in range(2, fields + 1)
                    if field % 5 == number
                ),
            )
            for number in range(5)
        ]
        (self.folder / name / "models.py").write_text(MODELS.format(models="".join(models)))


PROJECTS = {
    "django-oscar": borrowed(APPS[0]),
    "django-cms": borrowed(CMS),
    "pretix": borrowed(PRETIX),
    "twenty apps": lambda folder: Generated(folder / "site", 20, 4),
    "250 migrations": lambda folder: Generated(folder / "site", 10, 25),
}


# --- the figures --------------------------------------------------------------------------------------------------


LONG = 20.0  # CPU seconds in all, after which a start is not repeated


def measure(site, rounds):
    """Return the figures of the starts of a test run: with Django alone, and without and with a cached database, the
    last two also with schema.json."""
    site.settings(flag=False, more=site.more, installed=False)
    found = {STOCK: repeated(site, rounds)}
    site.settings(flag=False, more=site.more + CACHED)
    found |= cached(site, rounds, FIRST, SECOND)
    site.settings(flag=True, more=site.more)
    site.done("schemasync", "export")
    found[SCHEMA] = repeated(site, rounds)
    site.settings(flag=True, more=site.more + CACHED)
    return found | cached(site, rounds, "", COPY)


def repeated(site, rounds, before=lambda: None):
    found = []
    while len(found) < rounds and sum(one["cpu"] for one in found) < LONG:
        before()
        found.append(created(site))
    return found


def cached(site, rounds, first, second):
    cache = site.folder / "cache"
    found = {
        first: repeated(site, rounds, lambda: subprocess.run(["rm", "-rf", str(cache)], check=True)),
        second: repeated(site, rounds + 2),
    }
    assert len({one["content"] for each in found.values() for one in each}) == 1, f"{site.folder}: the copy differs"
    return found


def created(site):
    """Create the test databases in one process, and return its figures."""
    (site.folder / "create.py").write_text(CREATE)
    ended = site._python("create.py", fresh=True)
    assert ended.code == 0, ended.err[-3000:]
    return json.loads(ended.out.splitlines()[-1])


def row(name, found):
    """Print the line of a project, and return its fields."""
    cpu = {what: median(one["cpu"] for one in each) for what, each in found.items()}
    first = found[STOCK][0]
    figures = [f"{cpu[what]:.3f}" for what in (STOCK, FIRST, SECOND)]
    ratio = f"{cpu[SECOND] / cpu[STOCK]:.4f}"
    line = [
        name,
        str(first["tables"]),
        str(first["migrations"]),
        *figures,
        ratio,
        f"{cpu[SCHEMA]:.3f}",
        f"{cpu[COPY]:.3f}",
    ]
    print(f"  {', '.join(line)}", flush=True)
    return line
