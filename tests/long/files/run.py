"""Files of other programs, with functions, collations and modules that only those programs know. Each is adopted,
changed without registering any of these, rolled back and forth, and ejected. The program reads it after each step."""

from __future__ import annotations

import argparse
import shlex
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine

from .format import Environment, Format
from .formats import FORMATS
from .steps import Steps


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long files", description=__doc__)
    names = [file.name for file in FORMATS]
    parser.add_argument("--only", metavar="NAME", choices=names, action="append", help=", ".join(names))
    parser.add_argument("--environments", metavar="FOLDER", type=Path, help="where to keep them for the next run")
    for file in FORMATS:
        if file.repository:
            parser.add_argument(
                f"--{file.repository}", metavar="GIT", default="", help=f"the git directory for {file.name}"
            )
    given = parser.parse_args(arguments)
    tried = [file for file in FORMATS if not given.only or file.name in given.only]
    print(f"$ {_command(given.only or (), tried)}\n{chr(10).join(machine.described())}", flush=True)
    begun, faults = time.perf_counter(), 0
    for file in tried:
        faults += _whole(file, given.environments, getattr(given, file.repository, ""))
    print(f"\n{time.perf_counter() - begun:.0f} s, {faults} faults; commit {machine.commit()}")
    return 1 if faults else 0


def _command(only: Sequence[str], tried: Sequence[Format]) -> str:
    options = [word for name in only for word in ("--only", name)]
    repositories = [word for file in tried if file.repository for word in (f"--{file.repository}", "GIT")]
    return shlex.join(["python", "-m", "tests.long", "files", *options, *repositories])


def _whole(file: Format, kept: Path | None, repository: str) -> int:
    print(f"\n{file.name}", flush=True)
    if missing := file.missing():
        print(f"  NOT TRIED: apt-get install {' '.join(missing)}")
        return 1
    if file.repository and not repository:
        print(f"  NOT TRIED: --{file.repository} GIT")
        return 1
    with tempfile.TemporaryDirectory(prefix="files-") as folder:
        try:
            program = Environment(file, (kept or Path(folder)) / file.script, repository)
            Steps(file, program, Path(folder)).take()
        except AssertionError as error:
            print(f"  FAULT {error}", flush=True)
            return 1
    return 0
