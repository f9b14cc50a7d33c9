"""Adopt and eject with products of others: a database made by their own migrations is adopted, changed by way of
schema.json and ejected, and then used by the product and Django alone, without this package."""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from django.conf import settings

from benchmarks import machine

from .apps import Run, copy
from .borrowed import APPS, CHANGES, CMS, PRETIX
from .filled import LEFT, fill

PRODUCTS = (*(app for app in APPS if app.name == "django-oscar"), CMS, PRETIX)
PLAIN = (["makemigrations", "--check", "shop"], ["migrate", "--check"], ["check"])
"""Commands that must succeed without schemasync."""

PER_MODEL = ("django_content_type", "auth_permission")
"""Tables that get rows for schemasync's own model, which stay, as for any app that was installed once."""


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.long eject", description=__doc__)
    parser.add_argument("--only", metavar="NAME", choices=[app.name for app in PRODUCTS], help="one of them")
    parser.add_argument("--folder", type=Path, help="work here, and leave what was made; environments are used again")
    given = parser.parse_args(arguments)
    settings.configure()  # code that reads a database looks up CONNECT in the setting SCHEMASYNC
    when, _, where = machine.described()  # each product has a Python and a Django of its own
    print(f"$ python -m tests.long eject{f' --only {given.only}' if given.only else ''}\n{when}\n{where}", flush=True)
    begun, total = time.perf_counter(), Counter()
    with tempfile.TemporaryDirectory(prefix="eject-") as folder:
        for app in PRODUCTS:
            if given.only in (None, app.name):
                total += InAndOut(app, (given.folder or Path(folder)) / app.name).whole()
    reported = ", ".join(f"{count:,} {name}" for name, count in total.items() if name != "faults")
    print(
        f"\nin all: {reported}; {time.perf_counter() - begun:.0f} s, {total['faults']} faults; commit {machine.commit()}"
    )
    return 1 if total["faults"] else 0


class InAndOut(Run):
    """The run of one product, which prints each step and its results."""

    def whole(self):
        print(f"\n{self.app.name}", flush=True)
        return self.in_order(self.migrate, self.adopt, self.change, self.eject, self.alone)

    def migrate(self, site):
        """Migrate and fill with the product's own commands. schemasync is not installed yet."""
        site.settings(flag=False, more=site.more, installed=False)
        site.done("makemigrations", "shop", "-v0")
        site.done("migrate", "-v0")
        rows = fill(site.link)
        self.counts["tables"] += len(rows)
        self.counts["rows"] += sum(rows.values())
        self.checked = site.manage("makemigrations", "--check", "--dry-run", "-v0").code
        self.say(f"migrated by its own commands: {len(rows)} tables, {sum(rows.values()):,} rows")
        copy(site.link, site.folder / "before.sqlite3")

    def adopt(self, site):
        site.flagged()
        site.done("schemasync", "adopt")
        self.same(site, "before")

    def change(self, site):
        """Add and lengthen a field of the project's own model. Sync these and all other differences of the models."""
        site.change(*CHANGES)
        synced = site.done("schemasync", "--export", "--json").json
        self.agrees(site)
        self.say(f"adopted, changed and synced: {len(synced['changes'])} changes; models, schema.json, database agree")
        copy(site.link, site.folder / "synced.sqlite3")

    def eject(self, site):
        """Eject. The first call must succeed, and write no migration for apps of others."""
        ejected = site.done("schemasync", "eject", "--json").json
        assert not site.link.is_symlink(), "it is no plain file"
        for new in ejected["migrations"]:
            self.say(f"ejected: wrote {new['name']}: {'; '.join(new['operations'])}")
        apps_of_others = [new["name"] for new in ejected["migrations"] if not new["name"].startswith("shop.")]
        self.faults([f"a migration of others: {name}" for name in apps_of_others])
        self.say(f"  lagging behind their models: {', '.join(ejected['lagging']) or 'none'}")

    def alone(self, site):
        """Run Django's commands without schemasync, on its own backend, and compare tables and values."""
        site.settings(flag=False, more=site.more, installed=False)
        for command in PLAIN:
            site.done(*command)
        self.same(site, "synced")
        before = site.folder / "before.sqlite3"
        values = self.compare(before, site.link, without={*LEFT, *PER_MODEL})
        self.faults([f"rows of {table} are gone" for table in PER_MODEL if _lost(before, site.link, table)])
        self.counts["values"] += values
        self.say(
            f"without schemasync: {', '.join(' '.join(command) for command in PLAIN)} succeed; {values:,} values compared, "
            "each row under its row id"
        )
        code = site.manage("makemigrations", "--check", "--dry-run", "-v0").code
        self.say(f"  makemigrations --check for all apps exits {code}; it was {self.checked} before adopt")
        self.faults(["makemigrations --check finds what it did not find before"] if code > self.checked else [])


def _lost(before, after, table):
    """Return the rows of a table that are missing now."""
    with closing(sqlite3.connect(after)) as connection:
        connection.execute("ATTACH ? AS before", [str(before)])
        return connection.execute(f'SELECT * FROM before."{table}" EXCEPT SELECT * FROM main."{table}"').fetchall()
