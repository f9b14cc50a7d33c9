"""Completion in a shell: the script of `schemasync.management.completion` in a real bash, and Django's own
completion."""

import argparse
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from schemasync.management import options
from schemasync.management.commands.schemasync import Command
from tests.support.processes import environment, run

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
DJANGO = "_django_completion() { COMPREPLY=(of-django); }; _python_django_completion() { COMPREPLY=(of-django); };"


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """Return the script as its command prints it."""
    ended = run(["-m", "schemasync.management.completion", "bash"], tmp_path_factory.mktemp("empty"), environment())
    assert ended.code == 0, ended.err
    return ended.out


@pytest.fixture
def complete(script, tmp_path):
    """Return a function that returns the completions of bash for the last word of a command line."""

    def offered(line, before=""):
        words = line.split(" ")
        code = f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _schemasync {shlex.quote(words[0])}"
        reported = subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", f"{before}{script}\n{code}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""],
            cwd=tmp_path,
            env=environment(PATH=PATH),
            capture_output=True,
            text=True,
            check=True,
        )
        assert reported.stderr == ""
        return reported.stdout.split()

    return offered


def test_actions_are_completed(complete):
    assert complete("python manage.py schemasync ro") == ["rollback"]
    assert complete("./manage.py schemasync ") == list(options.ACTIONS)
    assert complete(".venv/bin/python3.12 manage.py schemasync --database other st") == ["status"]


def test_options_are_those_of_the_action(complete):
    assert complete("python manage.py schemasync plan --s") == ["--schema", "--sql"]
    assert "--postpone" in complete("python manage.py schemasync --")
    assert "--postpone" not in complete("python manage.py schemasync rollback --")
    assert complete("python manage.py schemasync --database plan rollback --d") == ["--database", "--dry-run"]


def test_every_action_has_the_options_that_its_help_shows(complete):
    (actions,) = [
        found
        for found in Command().create_parser("manage.py", "schemasync")._actions
        if isinstance(found, argparse._SubParsersAction)
    ]
    for action, parser in actions.choices.items():
        listed = re.findall(r"^  (-.*?)(?=  |$)", parser.format_help(), re.MULTILINE)
        helped = {name for line in listed for name in re.findall(r"--[a-z-]+", line)}
        assert set(complete(f"manage.py schemasync {action} --")) == helped, action


def test_values_of_an_option_are_its_choices_or_files(complete):
    assert complete("python manage.py schemasync --verify ") == ["full"]
    assert complete("python manage.py schemasync --schema ") == []  # `-o default`: bash completes file names
    assert complete("python manage.py schemasync inspect ") == []


@pytest.mark.slow
def test_archives_are_offered_for_a_rollback(complete, evolved):
    evolved.command()
    first, live = (name.removesuffix(".sqlite3") for name in evolved.generations())
    assert complete("python manage.py schemasync rollback ") == [first]
    assert complete(f"python manage.py schemasync rollback {live[:4]}") == []
    assert complete("python manage.py schemasync rollback --database default 00") == [first]


def test_no_name_of_a_generation_is_run_by_the_shell(complete, tmp_path):
    """compgen expands its words, and the history of a foreign file may contain any text."""
    for name in ("0001-$(touch ran)", "0001-`touch ran`", "0001-abcabcabcabc"):
        history = [{"generation": name, "live": False, "file_missing": False}]
        (tmp_path / "manage.py").write_text(f"import json; print(json.dumps({{'generations': {history}}}, indent=2))")
        assert complete("python manage.py schemasync rollback ") == ([name] if name.endswith("abc") else [])
    assert not (tmp_path / "ran").exists()


def test_every_other_command_is_left_to_the_completion_of_django(complete):
    for line in ("python manage.py schema", "manage.py migrate --f", "python3 manage.py "):
        assert complete(line, DJANGO) == ["of-django"]
        assert complete(line) == []


def test_the_tab_key_completes(script, tmp_path):
    (tmp_path / "rc").write_text(script)
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--rcfile", tmp_path / "rc", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(PATH=PATH, PS1="> "),
        cwd=tmp_path,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        shown, deadline = "", time.monotonic() + 20
        os.write(ours, b"python manage.py schemasync rollb\t--dr\t")
        while "schemasync rollback --dry-run " not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([ours], [], [], 0.2)[0]:
                with suppress(OSError):
                    shown += os.read(ours, 4096).decode()
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def test_the_completion_of_django_offers_our_options(project):
    """Django's completion offers the command and the options of a sync, but knows no actions."""
    project.command()
    asked = {"DJANGO_AUTO_COMPLETE": "1", "COMP_WORDS": "manage.py schemasync --re", "COMP_CWORD": "2"}
    assert project.run("manage.py", variables=asked).out.split() == ["--rebuild-all", "--repair", "--report="]
    asked |= {"COMP_WORDS": "manage.py schemas", "COMP_CWORD": "1"}
    assert project.run("manage.py", variables=asked).out.split() == ["schemasync"]
    asked |= {"COMP_WORDS": "manage.py schemasync rollb", "COMP_CWORD": "2"}
    assert project.run("manage.py", variables=asked).out.split() == []
