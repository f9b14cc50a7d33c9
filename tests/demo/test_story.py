"""`manage.py demo` and `filldemo`, as a newcomer runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import environment

from .demo import Demo

NOTICES = "SELECT count(*) FROM notices_notice JOIN notices_notice_tags ON notice_id = notices_notice.id"


def test_the_demo_tells_its_story_to_the_end(tmp_path):
    reported = Demo(tmp_path).done("demo", fresh=True)
    assert reported.err == ""
    assert "18 new tables; project_hours: new view" in reported.out
    assert "written since, and kept whole in 0002-" in reported.out
    assert "with its rows, to the schema of 0001-" in reported.out
    assert 'Invoices" is dropped with 1 row' in reported.out
    assert "35 rows written" in reported.out, "by the transform"
    assert "13 columns masked, 2 tables left empty" in reported.out
    *_, last = reported.out.rpartition("What next\n")
    assert "manage.py runserver\n" in last
    assert last.endswith("http://127.0.0.1:8000/admin/  sign in as demo, with the password only-for-the-demo\n")


# Stands in for SQLite's shell, which some machines lack.
SHELL = """
set -e
sqlite3() { python -c 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()' "$@"; }
"""


@pytest.mark.slow
def test_each_command_that_the_demo_prints_can_be_pasted_into_a_shell(tmp_path):
    """Typed one after the other, the commands create the same rows as the demo."""
    reported = Demo(tmp_path).done("demo")
    commands = [line.removeprefix("$ ") for line in reported.out.splitlines() if line.startswith("$ ")]
    assert commands.pop().endswith("runserver")
    folder = tmp_path / "typed"
    folder.mkdir()
    script = "\n".join([SHELL, *commands])
    variables = environment(PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    typed = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=variables, capture_output=True, text=True, timeout=120
    )
    assert typed.returncode == 0, typed.stderr
    typed_into = Demo(folder)
    for query in ("SELECT * FROM Users", "SELECT username FROM auth_user", NOTICES):
        assert typed_into.rows(query) == Demo(tmp_path).rows(query) != []


def test_filldemo_writes_over_rows_only_when_told_to(demo):
    before = demo.rows(NOTICES)
    assert "holds rows already, and nothing was written" in demo.manage("filldemo").err
    assert "notices_notice: 4 rows" in demo.done("filldemo", "--clear").out
    assert demo.rows(NOTICES) == before != [(0,)]
