"""The plugin costs a test run nothing until a test uses its fixture, and then provides real databases."""

import subprocess
import sys
from configparser import ConfigParser

import pytest

from tests.support.processes import ROOT, environment

TESTS = """
from schemasync.testing import TemporaryDatabase

A = {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}}
B = {"t": {"id": "INTEGER PRIMARY KEY", "b": {"type": "TEXT UNIQUE", "was": ["a"]}}}


def test_a_change(schemasync_database):
    first = schemasync_database(A, {"t": [{"a": "x"}]})
    other = schemasync_database(B)
    assert isinstance(first, TemporaryDatabase)
    first.sync(B)
    assert first.rows("t") == [{"id": 1, "b": "x"}]
    assert other.rows("t") == []
    assert first.hazards == ()
    assert first.pause_ms >= 0
    first.rollback()
    assert first.rows("t") == [{"id": 1, "a": "x"}]
    paths.extend([first.path, other.path])


paths = []


def test_nothing_is_left():
    assert not any(path.parent.exists() for path in paths)
"""


def python(*words, folder=ROOT):
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_project_uses_the_fixture_without_settings_of_django(tmp_path):
    (tmp_path / "test_shop.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["schemasync.pytest_plugin"]')
    done = python("-m", "pytest", "-q", "-p", "no:schemasync", "-p", "no:django", "-p", "no:xdist", folder=tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_imports_neither_django_nor_the_engine():
    code = (
        "import pytest, sys; before = set(sys.modules); import schemasync.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    assert python("-c", code).stdout.split() == ["schemasync", "schemasync.pytest_plugin"]


def test_pytest_finds_the_plugin_where_schemasync_is_installed():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    assert config["options.entry_points"]["pytest11"].strip() == "schemasync = schemasync.pytest_plugin"
