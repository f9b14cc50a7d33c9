"""One product in all parts of the trial. Each part prints its steps and results, and returns the entry for a table."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

from . import postgres
from .compare import ALLOWED, compare, counted, kept_numbers
from .environments import Sources
from .installation import RECIPE, Installation, copy_database
from .load import Ledger, lost_writes, under_load
from .product import Patch, Product
from .shipped import written

VERSIONS = """
import platform, sqlite3, sys
from importlib.metadata import version
print(f"Django {version('Django')}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}")
"""
PARTS = ("recipe", "schema.json", "load", "new", "suite", "restore", "postgres")


class Trial:
    def __init__(self, product: Product, sources: Sources, folder: Path, seed: int) -> None:
        self.product, self.sources, self.folder, self.seed = product, sources, folder, seed
        self.counts, self.outcomes = Counter(products=1, faults=0), {}
        self.before = folder / "before.sqlite3"
        self.allowed = [*ALLOWED, *product.allowed]

    def run(self, parts: list[str]) -> None:
        print(f"\n{self.product.name} {self.product.old.version} to {self.product.new.version}", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        if not all(
            self.part(name, action)
            for name, action in {"install": self.install, "fill": self.fill, "stock": self.stock}.items()
        ):
            return
        actions = {
            "recipe": self.recipe,
            "schema.json": self.schema_json,
            "load": self.load,
            "new": self.new,
            "suite": self.suite,
            "restore": self.restore,
            "postgres": self.postgres,
        }
        for name in PARTS:
            if name in parts:
                self.part(name, actions[name])
        self.say("allowed to differ from stock's:")
        for rule in self.allowed:
            self.say(f"  {rule}")

    def part(self, name: str, action) -> bool:
        begun, faults, outcome = time.perf_counter(), self.counts["faults"], None
        try:
            outcome = action()
        except (AssertionError, subprocess.SubprocessError) as error:
            self.faults([f"{name}: {error}"])
        found = self.counts["faults"] - faults
        self.outcomes[name] = (f"{found} FAULTS" if found else outcome or "ok", time.perf_counter() - begun)
        return not found

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)

    def faults(self, found: list[str]) -> None:
        self.counts["faults"] += len(found)
        for fault in found:
            self.say("FAULT " + fault.replace("\n", "\n    "))

    # --- preparation ----------------------------------------------------------------------------------------------

    def install(self) -> str:
        """Get the code and environments of both releases. The old one has two, as schemasync needs a newer Django."""
        product = self.product
        old, new = product.old, product.new
        self.pythons = {
            "old": self.sources.environment(product.name, old),
            "writing": self.sources.environment(product.name, old, product.writing),
            "new": self.sources.environment(product.name, new),
        }
        self.code = {
            "old": self.sources.checkout(product.name, old, self.folder / "code-old"),
            "new": self.sources.checkout(product.name, new, self.folder / "code-new"),
            "ours": self.sources.checkout(product.name, new, self.folder / "code-ours"),
            "writing": self.sources.checkout(product.name, old, self.folder / "code-writing"),
        }
        for checkout in self.code.values():
            for name in product.folders:
                (checkout / name).mkdir(parents=True, exist_ok=True)
        for patch in product.patches:
            for checkout in ("ours", "writing"):
                _apply(patch, self.code[checkout])
        for name, release in {"old": old, "writing": old, "new": new}.items():
            ended = subprocess.run([self.pythons[name], "-c", VERSIONS], capture_output=True, text=True, check=True)
            self.say(f"{name}: release {release.version} ({release.commit[:8]}), {ended.stdout.strip()}")
        return f"{old.version} ({old.commit[:8]}) and {new.version} ({new.commit[:8]})"

    def installation(self, name: str, code: str, schemasync=None, database: Path | None = None, **how) -> Installation:
        release = self.product.old if code in ("old", "writing") else self.product.new
        python = self.pythons["new" if code == "ours" else code]
        how = {"is_first": self.product.is_first, **how}
        made = Installation(self.folder / name, self.product, release, self.code[code], python, schemasync, **how)
        if database is not None:
            copy_database(database, made.database)
        return made

    def fill(self) -> str:
        """Make and fill a database with the old release's own code."""
        old = self.installation("old", "old")
        old.done("migrate", "-v0")
        module = self.product.module
        old.python_code(f"import random, {module}\n{module}.seed(random.Random({self.seed}))")
        copy_database(old.database, self.before)
        rows = counted(self.before)
        del rows["sqlite_sequence"], rows["django_migrations"]
        empty = sorted(table for table, count in rows.items() if not count)
        self.counts["tables filled"] += len(rows)
        self.counts["rows filled"] += sum(rows.values())
        self.say(
            f"filled by its own code: {len(rows)} tables, {sum(rows.values()):,} rows; empty: {', '.join(empty) or 'none'}"
        )
        return f"{len(rows)} tables, {sum(rows.values()):,} rows, {len(empty)} tables empty"

    def stock(self) -> str:
        """Upgrade the database with Django's own backend and migrate, for comparison."""
        self.stock_done = self.installation("stock", "new", database=self.before)
        begun = time.perf_counter()
        self.stock_done.done("migrate", "-v0")
        seconds = time.perf_counter() - begun
        ran = self.stock_done.rows("SELECT count(*) FROM django_migrations")[0][0]
        before = counted(self.before)["django_migrations"]
        self.say(f"stock: {ran - before} migrations in {seconds:.1f} s")
        return f"{ran - before} migrations"

    # --- the parts ------------------------------------------------------------------------------------------------

    def recipe(self) -> str:
        """Upgrade as in docs/howto/product.md: migrate adopts the file, and runs the migrations on a copy."""
        ours = self.installation("recipe", "ours", RECIPE, self.before)
        ended = ours.done("migrate")
        outcome = self.same("recipe", self.stock_done.database, ours.database)
        self.faults([f"recipe: {fault}" for fault in kept_numbers(self.before, ours.database)])
        live = ours.history()[0]
        self.say(f"recipe: {len(live['migrations'])} migrations in one swap, writers waited {live['pause_ms']} ms")
        self.expect("recipe", "is adopted: 0001-" in ended.out, ended.out)
        self.agrees(ours)
        return outcome

    def agrees(self, ours: Installation) -> None:
        """Check that nothing is left to do, by `migrate` and by the checks."""
        again = ours.done("migrate")
        self.expect(ours.folder.name, "nothing to do" in again.out, f"migrate again: {again.out}")
        for words in (["check"], ["migrate", "--check"], ["schemasync", "check"]):
            ours.done(*words)

    def same(self, name: str, stock: Path, ours: Path, *, is_full: bool = False, is_new: bool = False) -> str:
        rules = [rule for rule in self.allowed if (is_full or not rule.only_full) and (is_new or not rule.only_new)]
        found = compare(stock, ours, rules, is_exact=not is_full)
        self.faults([f"{name}: {fault}" for fault in found.faults])
        self.counts["rows compared"] += found.counts["rows"]
        self.counts["values compared"] += found.counts["values"]
        self.say(f"{name}: {found}")
        return f"as stock: {found.counts['rows']:,} rows in {found.counts['tables']} tables"

    def expect(self, name: str, is_true: bool, said: str) -> None:
        if not is_true:
            self.faults([f"{name}: {said}"])

    def full(self) -> dict:
        product = self.product
        return {
            "ENABLED": True,
            "WRITE_MIGRATIONS": True,
            "ADOPT": True,
            "DATA_MIGRATIONS": {
                name: function and f"{product.module}_upgrades.{function}"
                for name, function in (product.data_migrations or {}).items()
            },
            **({"SEED": f"{product.module}_upgrades.{product.seed}"} if product.seed else {}),
        }

    def schema_json(self) -> str:
        """Upgrade by the schema.json that the maintainer ships; functions do its data migrations."""
        text = self.maintained()
        ours = self.installation("full", "ours", self.full(), self.before)
        ours.schema.write_text(text)
        said = ours.done("migrate").out
        outcome = self.same("schema.json", self.stock_done.database, ours.database, is_full=True)
        applied = [
            one.rows("SELECT * FROM django_migrations ORDER BY id", path)
            for one, path in ((ours, None), (ours, self.before))
        ]
        self.expect("schema.json", applied[0] == applied[1], "django_migrations is not as it was")
        live = ours.history()[0]
        ran = len(live["migrations"])
        self.say(f"schema.json: {ran} data migrations run by functions, writers waited {live['pause_ms']} ms")
        self.expect("schema.json", "is adopted" in said, said)
        self.agrees(ours)
        return outcome

    def maintained(self) -> str:
        """Return the schema.json of a maintainer who began with it at the old release: the newer models, exported with
        the hints that old databases need."""
        path = self.folder / "shipped.json"
        if not path.exists():
            oldest = self.installation("oldest", "old")
            oldest.done("migrate", "-v0")
            settings = self.full() | {"DATA_MIGRATIONS": {}, "SEED": None}
            first = self.installation("maintainer", "writing", settings, oldest.database)
            first.schema.unlink()
            first.done("schemasync", "adopt")
            newer = self.installation("maintainer", "ours", self.full())
            ended = newer.manage("schemasync", "export", *self.product.exported)
            self.say("the maintainer's export:")
            for line in f"{ended.out}{ended.err}".splitlines():
                self.say(f"  {line.replace(str(self.folder), '')}")
            assert ended.code == 0, "schema.json is not written"
            newer.schema.write_text(written(newer.schema.read_text(), self.product.hints or {}))
            newer.done("migrate")
            for words in (["schemasync", "export", "--check"], ["schemasync", "check"]):
                newer.done(*words)
            path.write_text(newer.schema.read_text())
        return path.read_text()

    def load(self) -> str:
        """Put the same load on stock's migrate and on that of schemasync."""
        outcomes = []
        for name, setting in {"stock": None, "ours": RECIPE}.items():
            writing = self.installation(f"load-{name}-old", "writing", setting, self.before)
            if setting:
                writing.done("migrate", "-v0")
            migrating = self.installation(f"load-{name}-new", "ours" if setting else "new", setting)
            migrating.share(writing)
            ledger = under_load(writing, migrating, self.seed)
            outcomes.append(self.judged(name, ledger, writing, migrating))
        return "; ".join(outcomes)

    def judged(self, name: str, ledger: Ledger, writing: Installation, migrating: Installation) -> str:
        lost = lost_writes(writing, migrating)
        locked = sum(count for text, count in ledger.errors.items() if "locked" in text)
        self.say(
            f"under load, {name}: migrate exits {ledger.migrate_code} after {ledger.migrate_seconds:.1f} s; "
            f"{ledger.counts['acknowledged']:,} writes acknowledged, {ledger.counts['acknowledged during migrate']:,} of them meanwhile, "
            f"{len(lost)} lost; {locked} ended with a locked database; longest time without a write {ledger.pause * 1000:.0f} ms "
            f"(before: {ledger.usual * 1000:.0f} ms)"
        )
        if ledger.migrate_code:
            self.say(f"  migrate ended with: {ledger.migrate_said.strip().splitlines()[-1]}")
        for text, count in ledger.errors.most_common():
            self.say(f"  {count} times {text}")
        self.counts[f"writes beside {name}"] += ledger.counts["acknowledged"]
        self.counts[f"locked beside {name}"] += locked
        if name == "ours":
            self.expect("load", ledger.migrate_code == 0, f"migrate: {ledger.migrate_said[-1500:]}")
            self.faults([f"load: lost: {one}" for one in lost[:5]])
            self.faults([f"load: {count} times {text}" for text, count in ledger.errors.items()])
            live = migrating.history()[0]
            self.say(f"  the history says that writers waited {live['pause_ms']} ms")
        return f"{name}: {len(lost)} of {ledger.counts['acknowledged']:,} lost, {locked} locked, {ledger.pause * 1000:.0f} ms"

    def new(self) -> str:
        """Make a new installation by migrate, by migrations and by schema.json."""
        stock = self.installation("new-stock", "new")
        stock.done("migrate", "-v0")
        recipe = self.installation("new-recipe", "ours", RECIPE)
        recipe.done("migrate")
        outcome = self.same("new by migrations", stock.database, recipe.database, is_new=True)
        self.agrees(recipe)
        last = self.installation("new-last", "ours", RECIPE, is_first=False)
        last.done("migrate")
        self.same("new by migrations, schemasync last in INSTALLED_APPS", stock.database, last.database, is_new=True)
        full = self.installation("new-full", "ours", self.full())
        full.schema.write_text(self.maintained())
        full.done("migrate")
        self.same("new by schema.json", stock.database, full.database, is_full=True, is_new=True)
        self.agrees(full)
        return outcome

    def suite(self) -> str:
        """Run the product's own tests with stock Django and with the recipe."""
        found = []
        for name, setting in {"stock": None, "ours": RECIPE}.items():
            made = self.installation(
                f"suite-{name}", "ours" if setting else "new", setting, settings=self.product.suite_settings
            )
            outcomes = made.folder / "outcomes.json"
            begun = time.perf_counter()
            ended = made.manage(
                "test", "--noinput", *self.product.suite, OUTCOMES=str(outcomes), **self.product.suite_variables
            )
            seconds = time.perf_counter() - begun
            assert outcomes.exists(), f"the tests did not run with {name}: {ended.err[-2000:]}"
            found.append(json.loads(outcomes.read_text()))
            kinds = Counter(one.split()[0] for one in found[-1].values())
            self.say(
                f"its tests, {name}: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))} in {seconds:.0f} s"
            )
        stock, ours = found
        names = sorted(stock.keys() | ours.keys())
        differ = [
            f"suite: {one}: stock {stock.get(one)}, ours {ours.get(one)}"
            for one in names
            if stock.get(one) != ours.get(one)
        ]
        self.faults(differ)
        self.counts["tests of products"] += len(names)
        return f"{len(names):,} tests, each as with stock ({sum(one == 'passed' for one in stock.values()):,} pass)"

    def restore(self) -> str:
        """Move the backup from before the upgrade over the link, and run migrate, which upgrades it again."""
        ours = self.installation("restore", "ours", RECIPE, self.before)
        ours.done("migrate", "-v0")
        live = ours.database.readlink().name
        backup = ours.folder / "backup.sqlite3"
        copy_database(self.before, backup)
        backup.rename(ours.database)
        said = ours.done("migrate").out
        outcome = self.same("restored", self.stock_done.database, ours.database)
        self.expect("restore", "was a plain file, and is adopted" in said, said)
        kept = [path.name for path in (ours.database.parent / "db.sqlite3.generations").glob("*.sqlite3")]
        self.expect("restore", live in kept, f"{live}, which was live, is not among {kept}")
        history = [(row["generation"], row["action"]) for row in ours.history()]
        self.expect("restore", live.removesuffix(".sqlite3") in dict(history), f"the history has no {live}: {history}")
        self.say(
            f"restored: the history goes on: {', '.join(f'{name} {action}' for name, action in reversed(history))}"
        )
        self.agrees(ours)
        return outcome

    def postgres(self) -> str:
        """Compare databases on PostgreSQL, where migrate is Django's own, with and without schemasync installed."""
        with postgres.cluster() as cluster:
            described, said = {}, {}
            for name, setting in {"without": None, "beside": RECIPE, "full": self.full()}.items():
                made = self.installation(f"pg-{name}", "ours" if setting else "new", setting)
                cluster.create(name)
                values = {"host": cluster.socket, "name": name, "user": postgres.USER}
                variables = {key: value.format(**values) for key, value in self.product.postgres.items()}
                said[name] = made.done("migrate", "--no-color", **variables).out
                described[name] = cluster.described(name)
                self.expect("postgres", not made.database.exists(), "a SQLite file was made")
                made.done("migrate", "--check", **variables)
            for name in ("beside", "full"):
                for what, lines in described["without"].items():
                    other = described[name][what]
                    only = [[line for line in one if line not in two] for one, two in ((lines, other), (other, lines))]
                    if lines != other:
                        self.faults([f"postgres, {name}, {what}: only without {only[0][:5]}, only with {only[1][:5]}"])
                self.expect(
                    "postgres", said[name] == said["without"], f"migrate says something else: {said[name][:500]}"
                )
            counts = ", ".join(f"{len(lines)} {what}" for what, lines in described["without"].items())
            self.say(
                f"PostgreSQL {cluster.version}: with schemasync and without, {counts}; the same, and so is what migrate prints"
            )
            return f"the same: {counts}"


def _apply(patch: Patch, checkout: Path) -> None:
    path = checkout / patch.path
    text = path.read_text()
    assert patch.old in text, f"{patch.path} has no {patch.old!r}"
    path.write_text(text.replace(patch.old, patch.new))
