"""django-oscar moves to PostgreSQL: a database of its own migrations is filled, adopted and moved. Afterwards Django
alone finds no migration to run there, and every row is equal, by a comparison that shares no code with schemasync."""

from __future__ import annotations

import argparse
import configparser
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from django.conf import settings

from benchmarks import machine

from ..postgres.moved_schema import by_hand
from ..postgres.same_rows import assert_same_rows
from ..support import postgres
from ..support.postgres import USER, Database
from ..support.processes import ROOT
from .apps import Run
from .borrowed import APPS
from .filled import fill

ENTRY = 'DATABASES["{alias}"] = {{"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "{user}", "HOST": "{host}"}}\n'
ALONE = (
    ["migrate", "--check"],
    ["check"],
    ["createsuperuser", "--noinput", "--username", "x", "--email", "x@example.com"],
)
OF_POSTGRES = "catalogue.ProductCategoryHierarchy"  # a view that its migrations create only on PostgreSQL
PLANS = 10  # attempts at most: a refusal may hide others, as types defined by hand decide which values fit


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.long move-oscar", description=__doc__)
    parser.add_argument("--folder", type=Path, help="work here, and leave what was made; the environment is used again")
    given = parser.parse_args(arguments)
    settings.configure()
    when, _, where = machine.described()
    print(f"$ python -m tests.long move-oscar\n{when}\n{where}", flush=True)
    begun = time.perf_counter()
    extras = configparser.ConfigParser()
    extras.read(ROOT / "setup.cfg")
    needed = tuple(extras["options.extras_require"]["postgres"].split())
    (app,) = [replace(app, packages=(*app.packages, *needed)) for app in APPS if app.name == "django-oscar"]
    with tempfile.TemporaryDirectory(prefix="move-oscar-") as folder, postgres.own_server() as socket:
        run = Moved(
            app, (given.folder or Path(folder)) / app.name, Database(f"host={socket} user={USER} dbname=postgres")
        )
        counts = run.whole()
    print(f"\n{time.perf_counter() - begun:.0f} s, {counts['faults']} faults; commit {machine.commit()}")
    return 1 if counts["faults"] else 0


class Moved(Run):
    """The run of the product, which prints each step and its results."""

    def __init__(self, app, folder, database):
        super().__init__(app, folder)
        self.database = database

    def whole(self):
        return self.in_order(self.migrate, self.adopt, self.move, self.alone)

    def migrate(self, site):
        """Migrate and fill with the product's own commands. schemasync is not installed yet."""
        site.settings(flag=False, more=site.more, installed=False)
        site.done("makemigrations", "shop", "-v0")
        site.done("migrate", "-v0")
        rows = fill(site.link)
        self.say(f"migrated by its own commands: {len(rows)} tables, {sum(rows.values()):,} rows")

    def adopt(self, site):
        site.settings(flag=True, more=site.more + self._entry("pg"))
        site.done("schemasync", "adopt")

    def move(self, site):
        """Move. Before that, change schema.json for each refusal of the plan as its hint says."""
        path = site.folder / "schema.json"
        for number in range(PLANS):
            planned = site.manage("schemasync", "move", "--to", "pg", "--plan", "--json").json
            if not planned["errors"]:
                break
            tree = json.loads(path.read_text(encoding="utf-8"))
            for problem in planned["errors"]:
                if number == 0:
                    self.say(f"refused, and written by hand: {problem['code']}: {problem['message'][:110]}")
                by_hand(tree, problem["code"], problem["facts"])
            path.write_text(json.dumps(tree, indent=2), encoding="utf-8")
        named = [note for note in planned["notes"] if note.startswith("migration ")]
        assert any("catalogue.0030" in note for note in named), named
        for note in named:
            self.say(f"the plan says: {note[:110]}")
        estimate = planned["estimate"]
        moved = site.done("schemasync", "move", "--to", "pg", "--json").json
        count = sum(moved["rows"].values())
        self.say(
            f"moved: {len(moved['rows'])} tables, {count:,} rows in {moved['duration_ms']:,} ms, writers waited "
            f"{moved['pause_ms']} ms; the plan said {sum(v for k, v in estimate.items() if k in PARTS):,} and {estimate['pause_ms']}"
        )
        self.say(f"{assert_same_rows(site.link, self.database):,} rows are equal")

    def alone(self, site):
        """Run Django's commands without schemasync, on Django's backend for PostgreSQL."""
        site.settings(flag=False, more=site.more + self._entry("default"), installed=False)
        for command in ALONE:
            site.done(*command)
        dumped = json.loads(site.done("dumpdata", "--all", "--exclude", OF_POSTGRES).out)
        assert len(dumped) > 1000
        self.say(
            f"Django alone on PostgreSQL: {', '.join(command[0] for command in ALONE)} succeed; no migration is due"
        )
        self.say(
            f"dumpdata reads {len(dumped):,} objects; not {OF_POSTGRES}, a view that a migration makes on PostgreSQL alone,"
        )
        self.say("  and that SQLite does not have: that migration counts as done")

    def _entry(self, alias):
        return ENTRY.format(alias=alias, user=USER, host=self.database.params["HOST"])


PARTS = ("scan_ms", "copy_ms", "indexes_ms", "compare_ms")
