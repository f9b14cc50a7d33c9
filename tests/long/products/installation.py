"""One installation of a product in a folder: the code of a release, an environment, settings, and a database."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from tests.support.processes import ROOT, Ended, environment

from .product import Product, Release

INSIDE = Path(__file__).parent / "inside"
PATIENCE = 1800.0

STOCK = """
from {settings} import *
DATABASES = {{alias: dict(one) for alias, one in DATABASES.items()}}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"] |= {{"NAME": "{database}"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if "OUTCOMES" in __import__("os").environ:
    OWN_TEST_RUNNER, TEST_RUNNER = globals().get("TEST_RUNNER"), "outcomes.Runner"
{more}
"""
OURS = """
INSTALLED_APPS = {installed}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"] |= {{"ENGINE": "schemasync.backends.sqlite3"}}
SCHEMASYNC = {schemasync}
"""
RUN_INSIDE = """
import runpy, sys
sys.path.insert(0, "")
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0].removesuffix(".py"), run_name="__main__")
"""
RECIPE = {"ENABLED": True, "MIGRATED_APPS": "all", "ADOPT": True}
"""The settings of docs/howto/product.md."""


class Installation:
    """An installation. `schemasync`: the setting of that name, None for the unchanged product. `is_first`: schemasync
    is first in INSTALLED_APPS."""

    def __init__(
        self,
        folder: Path,
        product: Product,
        release: Release,
        checkout: Path,
        python: Path,
        schemasync: dict | None = None,
        *,
        settings: str | None = None,
        is_first: bool = True,
    ):
        self.folder, self.product, self.checkout, self.python = folder, product, checkout, python
        self.database, self.schema = folder / "data" / "db.sqlite3", folder / "schema.json"
        self.module = f"overlay_{folder.name.replace('-', '_')}"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        text = STOCK.format(settings=settings or release.settings, database=self.database, more=product.settings)
        if schemasync is not None:
            installed = '["schemasync", *INSTALLED_APPS]' if is_first else '[*INSTALLED_APPS, "schemasync"]'
            text += OURS.format(installed=installed, schemasync={**schemasync, "SCHEMA": str(self.schema)})
            if not self.schema.exists():
                self.schema.write_text("{}\n")
        (folder / f"{self.module}.py").write_text(text)

    @property
    def variables(self) -> dict[str, str]:
        package = self.folder / "packages"
        package.mkdir(exist_ok=True)
        if not (package / "schemasync").exists():
            (package / "schemasync").symlink_to(ROOT / "schemasync")
        paths = [self.folder, INSIDE, package]
        kept = environment(**self.product.variables)
        return kept | {
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "DJANGO_SETTINGS_MODULE": self.module,
            "TZ": "UTC",
        }

    def manage(self, *words: str, **variables: str) -> Ended:
        return self.run("manage.py", *words, **variables)

    def done(self, *words: str, **variables: str) -> Ended:
        """Run a manage.py command, which must succeed."""
        ended = self.manage(*words, **variables)
        said = f"{ended.out}\n{ended.err}".strip().replace(str(self.folder), "")
        assert ended.code == 0, f"{' '.join(words)}: exit code {ended.code}\n{said[-3000:]}"
        return ended

    def run(self, *words: str, **variables: str) -> Ended:
        done = subprocess.run(
            [str(self.python), *words],
            cwd=self.checkout,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr, words)

    def python_code(self, code: str, **variables: str) -> str:
        ended = self.run(
            "-c", f"import sys; sys.path.insert(0, '')\nimport django; django.setup()\n{code}", **variables
        )
        assert ended.code == 0, ended.err[-3000:]
        return ended.out.strip()

    def inside(self, script: str, *words: str) -> subprocess.Popen:
        """Start a script of `inside` as a process of this installation."""
        words = ("-c", RUN_INSIDE, script, *words)
        with (self.folder / "processes.txt").open("a") as log:
            return subprocess.Popen(
                [str(self.python), *words],
                cwd=self.checkout,
                env=self.variables,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def rows(self, query: str, path: Path | None = None, parameters=()):
        with closing(sqlite3.connect(path or self.database)) as connection:
            return connection.execute(query, parameters).fetchall()

    def history(self) -> list[dict]:
        return json.loads(self.done("schemasync", "history", "--json").out)["generations"]

    def share(self, other: Installation) -> None:
        """Use the database of another installation, as a new image with the same volume does."""
        shutil.rmtree(self.database.parent)
        self.database.parent.symlink_to(other.database.parent)


def copy_database(source: Path, to: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(to)) as other:
        one.backup(other)
