"""Five well-known apps of others, each in an environment of its own on the newest Django that it allows: created from
their models, and adopted after their migrations with rows, changed and rolled back. Every value is compared."""

from __future__ import annotations

import argparse
import configparser
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from django.conf import settings

from benchmarks import machine
from schemasync.schema import write
from schemasync.schema.edit import edit
from schemasync.schema.jsonc import scan
from tests.orm.kitchen.process import Kitchen, differences
from tests.scale import content
from tests.support.processes import ROOT
from tests.support.site import Site

from .borrowed import APPS, CHANGES
from .filled import LEFT, count, fill

NO_MIGRATIONS = """
class _Nothing(dict):
    def __contains__(self, label): return True
    def __getitem__(self, label): return None
MIGRATION_MODULES = _Nothing()
"""
PYTHONS = ("python3.13", "python3.12", sys.executable)
"""Interpreters to try, the newest first, as the newest Django does not run on an old one."""

KEPT = """
import json
from pathlib import Path
from django.apps import apps
from schemasync.orm.project import Project
left = Project("default", Path("there is none yet")).left_behind()
labels = sorted({*MOVED, *(name.partition(".")[0] for name in left)})
models = [one for one in apps.get_models(include_auto_created=True) if one._meta.app_label in labels]
print(json.dumps({"labels": labels, "tables": [model._meta.db_table for model in models]}))
"""
"""Code that prints the apps of others whose migrations fill tables, and the tables of these apps."""

VERSIONS = """
import platform, sqlite3, sys
from importlib.metadata import version
print(f"{sys.argv[1]} {version(sys.argv[1])}, Django {version('Django')}, "
      f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}")
"""


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.long apps", description=__doc__)
    parser.add_argument("--only", metavar="NAME", choices=[app.name for app in APPS], help="one of them")
    parser.add_argument("--folder", type=Path, help="work here, and leave what was made; environments are used again")
    given = parser.parse_args(arguments)
    settings.configure()  # code that reads a database looks up CONNECT in the setting SCHEMASYNC
    when, _, where = machine.described()  # each app has a Python and a Django of its own
    print(f"$ python -m tests.long apps{f' --only {given.only}' if given.only else ''}\n{when}\n{where}", flush=True)
    begun, total = time.perf_counter(), Counter()
    with tempfile.TemporaryDirectory(prefix="apps-") as folder:
        for app in APPS:
            if given.only in (None, app.name):
                total += Run(app, (given.folder or Path(folder)) / app.name).whole()
    reported = ", ".join(f"{count:,} {name}" for name, count in total.items() if name != "faults")
    print(
        f"\nin all: {reported}; {time.perf_counter() - begun:.0f} s, {total['faults']} faults; commit {machine.commit()}"
    )
    return 1 if total["faults"] else 0


class Project(Site):
    """A project with an app of others, in the environment of that app."""

    patience = 600

    def __init__(self, folder, app, environment, more=""):
        self.interpreter, self.more = str(environment / "bin" / "python"), app.settings + more
        shutil.rmtree(folder, ignore_errors=True)
        super().__init__(folder, app.models, flag=False, more=self.more)

    def flagged(self):
        """Change the settings so that schema.json takes the place of migrations."""
        self.settings(flag=True, more=self.more)

    def done(self, *args):
        """Run a manage.py command. Raise AssertionError with the end of its output if it fails."""
        ended = self.manage(*args)
        said = f"{ended.out}{ended.err}".strip().replace(str(self.folder), "")
        assert ended.code == 0, f"{' '.join(args)}: exit code {ended.code}\n{said[-2000:]}"
        return ended


class Run:
    """The run of one app, which prints each step and its results."""

    def __init__(self, app, folder):
        self.app, self.folder, self.environment = app, folder, folder / "environment"
        self.counts, self.seconds = Counter(apps=1), {}

    def whole(self):
        print(f"\n{self.app.name}", flush=True)
        if self.part("install", self.install):
            self.part("from models", self.from_models)
            self.part("from migrations", self.from_migrations)
            self.part("with migrations of their own", self.with_their_own)
        return self.ended()

    def in_order(self, *parts):
        """Install, then do each part with one project until one fails."""
        if self.part("install", self.install):
            site = Project(self.folder / "site", self.app, self.environment)
            for part in parts:
                if not self.part(part.__name__, lambda part=part: part(site)):
                    break
        return self.ended()

    def ended(self):
        """Print the seconds, and return the counts."""
        seconds = ", ".join(f"{name} {took:.1f}" for name, took in self.seconds.items())
        self.say(f"seconds: {seconds}; faults: {self.counts['faults']}")
        return self.counts

    def part(self, name, action):
        begun = time.perf_counter()
        try:
            action()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            self.faults([f"{name}: {error}"])
            return False
        finally:
            self.seconds[name] = time.perf_counter() - begun
        return True

    def say(self, text):
        print(f"  {text}", flush=True)

    def faults(self, found):
        self.counts["faults"] += len(found)
        for fault in found:
            self.say("FAULT " + fault.replace("\n", "\n    "))

    # --- the environment ------------------------------------------------------------------------------------------

    def install(self):
        """Install the newest release of the app, and the newest Django that both it and this package allow."""
        python = self.environment / "bin" / "python"
        if not python.exists():
            _run([_newest_python(), "-m", "venv", str(self.environment)])
            _run(
                [
                    str(python),
                    "-m",
                    "pip",
                    "install",
                    "-q",
                    self.app.name + self.app.extras,
                    *self.app.packages,
                    *_needed(),
                ]
            )
        self.say(_run([str(python), "-c", VERSIONS, self.app.name]).strip())

    # --- from models ----------------------------------------------------------------------------------------------

    def from_models(self):
        """Create the models' tables by Django itself and by way of schema.json, and compare them."""
        site = Project(self.folder / "models", self.app, self.environment, NO_MIGRATIONS)
        site.done("migrate", "--run-syncdb", "-v0")
        site.link.rename(site.folder / "stock.sqlite3")
        site.flagged()
        exported = site.done("schemasync", "export", "--json").json
        site.done("schemasync", "-v0")
        tables = self.same(site, "stock")
        self.counts["tables from models"] += tables
        self.say(f"from models: {tables} tables compared with what Django itself makes, by PRAGMAs and normal form")
        for note in exported["notes"]:
            self.say(f"  {note}")
        self.agrees(site)

    def same(self, site, name, only=None):
        """Compare the tables of a file with those of the live one, as PRAGMAs show them. Return their number."""
        kitchen = Kitchen(site.folder)
        one, other = kitchen.tables(name), kitchen.tables("db")
        self.faults([f"{name}: only one of the two has {table}" for table in sorted(one.keys() ^ other.keys())])
        both = sorted(one.keys() & other.keys() & (only or one.keys()))
        for table in both:
            self.faults(differences(table, one[table], other[table]))
        return len(both)

    def agrees(self, site):
        for command in (["schemasync", "check"], ["makemigrations", "--check"], ["migrate", "--check"]):
            site.done(*command)

    # --- from migrations ------------------------------------------------------------------------------------------

    def from_migrations(self):
        """Migrate with Django, fill, adopt, change and roll back, and compare after each step."""
        site = Project(self.folder / "migrated", self.app, self.environment)
        before = site.folder / "before.sqlite3"
        site.done("makemigrations", "shop", "-v0")
        site.done("migrate", "-v0")
        rows = fill(site.link)
        copy(site.link, before)
        self.counts["tables migrated"] += len(rows)
        self.counts["rows"] += sum(rows.values())
        empty = [table for table, count in rows.items() if not count]
        self.say(f"migrated: {len(rows)} tables, {sum(rows.values()):,} rows; empty: {', '.join(empty) or 'none'}")
        self.adopt(site)
        adopted = site.folder / "adopted.sqlite3"
        copy(site.link, adopted)
        self.evolve(site, before)
        site.done("schemasync", "rollback", "--noinput")
        found = content.differences(adopted, site.link)
        self.faults([f"after the rollback: {fault}" for fault in found])
        values = self.compare(before, site.link)
        self.say(f"rolled back: {values:,} values compared, every object as before: {'no' if found else 'yes'}")

    def adopt(self, site):
        site.flagged()
        site.done("schemasync", "adopt")
        self.same(site, "before")
        code = site.manage("makemigrations", "--check").code
        ended = site.manage("schemasync", "export", "--check", "--json")
        assert code == ended.code, f"makemigrations --check exits {code}, export --check {ended.code}"
        changes = [change["text"] for change in ended.json["changes"]] if ended.out else []
        self.say(
            f"adopted: makemigrations --check exits {code}; the migrations left something else than the models say:"
        )
        for line in changes or ended.err.strip().splitlines() or ["nowhere"]:
            self.say(f"  {line}")

    def evolve(self, site, before):
        """Add and lengthen a field in a model that refers to the app, add a collation to a table of it, and sync."""
        site.change(*CHANGES)
        _collate(site.schema, *self.app.collated)
        site.done("schemasync", "--export")
        self.changed(site)
        values = self.compare(before, site.link)
        self.counts["values"] += values
        self.say(f"changed and synced: {values:,} values compared, each row under its row id")
        self.agrees(site)
        self.say("schemasync check, makemigrations --check and migrate --check: nothing differs")

    def changed(self, site):
        """Check that the changes are in the database."""
        said = dict(site.rows("SELECT name, sql FROM sqlite_schema"))
        for table, text in ((self.app.collated[0], 'COLLATE "nocase"'), ("shop_remark", "varchar(80)")):
            assert text in said[table], f"{table} has no {text}: {said[table]}"
        other = site.rows("SELECT count(*) FROM shop_remark WHERE stars IS NOT 3")
        assert other == [(0,)], f"{other} new values are not 3"

    def compare(self, before, after, without=()):
        """Compare all columns of all old tables, virtual ones too, and return the number of equal values."""
        values, faults = 0, []
        with closing(sqlite3.connect(before)) as old, closing(sqlite3.connect(after)) as new:
            for table in (name for name in [*content.tables_of(old), *_virtual(old)] if name not in without):
                names = content.columns_of(old, table)
                rows = [_rows(side, table, names) for side in (old, new)]
                values += content.compare(*rows, table, faults) * len(names)
        self.faults(faults)
        return values

    # --- MIGRATED_APPS --------------------------------------------------------------------------------------------

    def with_their_own(self):
        """Compare a new database, where apps whose migrations fill tables keep them, with one that Django migrated."""
        site = Project(self.folder / "kept", self.app, self.environment)
        site.done("makemigrations", "shop", "-v0")
        site.done("migrate", "-v0")
        site.link.rename(site.folder / "stock.sqlite3")
        kept = json.loads(site.python(f"MOVED = {self.app.moved}\n{KEPT}"))
        if not kept["labels"]:
            self.say("MIGRATED_APPS: none of its migrations fill tables")
            return
        site.more += f'SCHEMASYNC["MIGRATED_APPS"] = {kept["labels"]}\n'
        site.flagged()
        site.done("schemasync", "--export")
        tables = self.same(site, "stock", only=set(kept["tables"]))
        rows = self.counted(site)
        self.counts["tables of MIGRATED_APPS"] += tables
        self.say(
            f"MIGRATED_APPS {', '.join(kept['labels'])}: a new file has their {tables} tables as after migrate, by PRAGMAs "
            f"and normal form, and as many rows in every table, {rows} in all"
        )
        if self.app.moved:
            self.say(f"  ({', '.join(self.app.moved)} fills none, but has tables that the others' migrations made)")
        self.agrees(site)

    def counted(self, site):
        """Return the number of rows of the new file. Each table must have as many as after Django's migrate."""
        with (
            closing(sqlite3.connect(site.folder / "stock.sqlite3")) as stock,
            closing(sqlite3.connect(site.link)) as new,
        ):
            names = [name for name in content.tables_of(stock) if name not in LEFT]
            counts = {name: [count(side, name) for side in (stock, new)] for name in names}
        self.faults([f"{name}: {a} rows by migrate, {b} in the new file" for name, (a, b) in counts.items() if a != b])
        return sum(there for _, there in counts.values())


def _rows(connection, table, names):
    if table == "sqlite_sequence":  # its row ids have no meaning
        return sorted(row[1:] for row in content.rows_of(connection, table))
    columns = ", ".join(f'"{name}"' for name in names)
    return connection.execute(f'SELECT rowid, {columns} FROM "{table}" ORDER BY rowid')


def _virtual(connection):
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_list WHERE type = 'virtual'")]


def _collate(path, table, column):
    """Add a collation to a column of schema.json, and `_keep` so that the export keeps it."""
    text = path.read_text("utf-8")
    body = json.loads(scan(text).json)[table]
    body[column] += " COLLATE NOCASE"
    body["_keep"] = [*body.get("_keep", ()), column]
    path.write_text(edit(text, {table: write.pretty(body)}), "utf-8")


def copy(database, to):
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def _needed():
    """Return the requirements of this package."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup["options"]["install_requires"].split()


def _newest_python():
    for name in PYTHONS:
        there = shutil.which(name)
        if there and subprocess.run([there, "-V"], capture_output=True, check=False).returncode == 0:
            return there
    return sys.executable


def _run(command):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "PYTHON"))}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=kept, timeout=900)
    last = (ended.stderr.strip().splitlines() or ["no word"])[-1]
    assert ended.returncode == 0, f"{Path(command[0]).name} {command[1]}: exit code {ended.returncode}: {last}"
    return ended.stdout
