"""Tests of pretix's own suite, with Django alone, with TESTS = "cached", and with schema.json: each must have the same
outcome."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import machine
from tests.support.archives import unpack
from tests.support.processes import ROOT

from .apps import Run
from .borrowed import PRETIX

VERSION = "2026.8.0"
PACKAGES = (
    "setuptools", "tomli", "wheel",  # its sdist is not built, but pip looks at it
    "aiohttp==3.14.*", "fakeredis==2.38.*", "freezegun", "pypdfium2", "pytest==9.1.*", "pytest-asyncio>=1.4.0",
    "pytest-django==4.*", "pytest-mock==3.15.*", "pytest-xdist==3.8.*", "responses",
)  # fmt: skip
"""The packages of its extra `dev` that these tests import."""
FOLDERS = ("api", "base", "control", "helpers", "multidomain", "plugins", "presale")
"""The folders of its tests, except for e2e, which drives a browser."""

SETTINGS = """
from pathlib import Path
from tests.settings import *
{more}
"""
INSTALLED = """
FOLDER = Path(__file__).parent
INSTALLED_APPS = ["schemasync", *INSTALLED_APPS]
SCHEMASYNC = {"TESTS": "TESTS_OF", "TEST_CACHE": FOLDER / "cache", "SCHEMA": FOLDER / "schema.json"}
"""
ENABLED = """
DATABASES["default"]["ENGINE"] = "schemasync.backends.sqlite3"
SCHEMASYNC["ENABLED"] = True
"""


CACHED, BUILT = (INSTALLED.replace("TESTS_OF", tests) for tests in ("cached", "built"))
STOCK = "Django"
WAYS = {
    STOCK: "",
    "cached": CACHED,
    "schema.json": BUILT + ENABLED,
}
"""The settings for each way to make the test database."""


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.long pretix-suite", description=__doc__)
    parser.add_argument("--count", type=int, default=240, help="tests (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice (default %(default)s)")
    parser.add_argument(
        "--folder", type=Path, help="work here, and leave what was made; environment and cache are used again"
    )
    given = parser.parse_args(arguments)
    when, _, where = machine.described()
    print(f"$ python -m tests.long pretix-suite --count {given.count} --seed {given.seed}\n{when}\n{where}", flush=True)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="pretix-") as scratch:
        suite = Suite((given.folder or Path(scratch)) / "pretix")
        differences = suite.run(given.count, given.seed)
    print(f"\nin all: {time.perf_counter() - begun:.0f} s, {differences} differences; commit {machine.commit()}")
    return 1 if differences else 0


class Suite:
    """pretix with its tests."""

    def __init__(self, folder):
        self.folder = folder
        Run(PRETIX, folder).install()
        self.python = folder / "environment" / "bin" / "python"
        checked(run(self.python, folder, "-m", "pip", "install", "-q", *PACKAGES))
        sdist = folder / f"pretix-{VERSION}.tar.gz"
        if not sdist.exists():
            download = ("-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation", "--no-binary", "pretix")
            checked(run(self.python, folder, *download, "-d", str(folder), f"pretix=={VERSION}"))
        with tarfile.open(sdist) as archive:
            unpack(archive, folder / "sdist")
        self.source = folder / "sdist" / f"pretix-{VERSION}" / "src"

    def run(self, count, seed):
        """Print the outcomes of the tests in each way. Return the number of differences from Django's."""
        ways = {name: Way(self.python, self.source, self.folder / name, more) for name, more in WAYS.items()}
        tests = random.Random(seed).sample(ways[STOCK].collected(), count)
        with ThreadPoolExecutor() as pool:  # a way runs one process at a time
            found = dict(zip(ways, pool.map(lambda way: way.outcomes(tests), ways.values()), strict=True))
        for name, outcome in sorted(found[STOCK].items()):
            if outcome != "passed":
                print(f"  with Django {outcome}: {name}")
        return sum(differences(name, found[STOCK], found[name]) for name in WAYS)


def differences(way, stock, found):
    """Print the tests with another outcome, and return their number."""
    different = sorted(name for name in stock.keys() | found.keys() if stock.get(name) != found.get(name))
    for name in different:
        print(f"  DIFFERENT {name}: {stock.get(name)} with Django, {found.get(name)} with {way}", flush=True)
    return len(different)


class Way:
    """The tests in a folder of their own, with settings for one way to make the test database."""

    def __init__(self, python, source, folder, more):
        self.python, self.folder, self.more = python, folder, more
        shutil.copytree(source / "tests", folder / "tests", dirs_exist_ok=True)
        shutil.copy(source / "setup.cfg", folder)
        (folder / "suite_settings.py").write_text(SETTINGS.format(more=more))

    def collected(self):
        """Return the names of all tests."""
        out = self.pytest("--collect-only", "-q", *(f"tests/{name}" for name in FOLDERS)).stdout
        found = sorted({line for line in out.splitlines() if "::" in line})
        print(f"  pretix {VERSION} has {len(found):,} tests in {', '.join(FOLDERS)}", flush=True)
        return found

    def outcomes(self, tests):
        """Return the outcome of each test, by its name. With a cache, first fill it by a run of one test."""
        if ENABLED in self.more:
            command = ("-m", "django", "schemasync", "export", "--settings", "suite_settings")
            checked(run(self.python, self.folder, *command))
        if CACHED in self.more:
            self.reported(tests[:1])
        cached, begun = self.cached(), time.perf_counter()
        found = self.reported(tests)
        seconds = time.perf_counter() - begun
        copied = "; a copy" if CACHED in self.more and cached == self.cached() else ""
        counted = ", ".join(f"{number} {outcome}" for outcome, number in sorted(Counter(found.values()).items()))
        print(f"  {self.folder.name}: {counted}; {seconds:.0f} s{copied}", flush=True)
        return found

    def reported(self, tests):
        """Run these tests and return their outcomes."""
        report = self.folder / "report.xml"
        report.unlink(missing_ok=True)
        ended = self.pytest("-q", f"--junitxml={report}", *tests)
        assert report.exists(), ended.stdout[-3000:] + ended.stderr[-3000:]
        found = {}
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            outcome = next((part.tag for part in case if part.tag in ("failure", "error", "skipped")), "passed")
            found[f"{case.get('classname')}::{case.get('name')}"] = outcome
        return found

    def cached(self):
        """Return the number of cached test databases."""
        return sum(1 for _ in self.folder.glob("cache/*/*.sqlite3"))

    def pytest(self, *words):
        """Run pytest with pretix's migrations, which its tests leave out except on its own CI server."""
        command = ("-m", "pytest", "-p", "no:cacheprovider", "--ds=suite_settings", "--create-db", *words)
        return run(self.python, self.folder, *command, GITHUB_WORKFLOW="tests")


def run(python, folder, *words, **variables):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "PYTHON", "PYTEST"))}
    path = {"PYTHONPATH": f"{folder}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [str(python), *words], cwd=folder, env=kept | path | variables, capture_output=True, text=True, check=False
    )


def checked(ended):
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
