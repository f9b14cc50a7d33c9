"""A real run, recorded call by call with strace: python -m tests.power.recorder SCENARIO FOLDER MARKS.

During the run another connection writes a row before and after each step, and records acknowledged rows in MARKS.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from schemasync.files.disk import DiskStep
from tests.crash.databases import WRITE, SampleDatabase
from tests.crash.processes import sqlite
from tests.crash.scenarios import SCENARIOS, run

from .calls import NAMES, Call, Reader
from .model import Disk, Epoch

ROOT = Path(__file__).resolve().parents[2]
NOTE = "power "
DONE = "done"
"""The mark of a run that has returned to its caller."""


def strace() -> str | None:
    """Return the path of strace, or None if it is not installed or may not trace."""
    program = shutil.which("strace")
    if program is None:
        return None
    tried = subprocess.run([program, "-o", "/dev/null", "true"], capture_output=True, check=False)
    return program if tried.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Recording:
    """The calls of one run, and the folder `before` it."""

    before: Path
    calls: tuple[Call, ...]

    def epochs(self) -> list[Epoch]:
        """Return all epochs in their order."""
        disk = Disk()
        disk.hold(self.before)
        return list(disk.epochs(self.calls))


def record(work: list[str], before: Path, folder: Path) -> Recording:
    """Record a Python module that runs on a copy of `before`, with these arguments and then the folder and the file of
    marks. Raise AssertionError if it fails, or if its calls do not lead to the content of the folder."""
    program = strace()
    assert program is not None
    root, marks, log = folder / "w", folder / "marks", folder / "strace.log"
    shutil.copytree(before, root, symlinks=True)
    options = ["-f", "-y", "-x", "-s", "100000000", "--seccomp-bpf", "-o", str(log), "-e", f"trace={NAMES}"]
    command = [program, *options, sys.executable, "-m", *work, str(root), str(marks)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    recording = Recording(before, tuple(Reader(root, marks).calls(log.read_text(encoding="latin-1"))))
    log.unlink()
    marks.unlink()
    _compare(recording, root)
    shutil.rmtree(root)
    return recording


def _compare(recording: Recording, root: Path) -> None:
    """Check that following the calls leads to the content of the folder."""
    disk = Disk()
    disk.hold(recording.before)
    list(disk.epochs(recording.calls))
    found = {path: node for path, node in disk.now.walk() if not path.endswith("-shm")}
    there = {str(path.relative_to(root)) for path in root.rglob("*") if not path.name.endswith("-shm")}
    assert set(found) == there, set(found) ^ there
    for path, node in found.items():
        if node in disk.now.files:
            assert disk.now.files[node] == (root / path).read_bytes(), path


@dataclass
class Writing:
    """An observer that writes a row at each step, through the link on a new connection, as another program would."""

    database: SampleDatabase
    marks: int
    number: int = 0

    def __call__(self, when: str, label: DiskStep) -> None:
        self.say(f"{when} {label}")
        self.number += 1
        note = f"{NOTE}{self.number}"
        with suppress(sqlite3.Error), sqlite(self.database.link) as connection:
            connection.execute("PRAGMA synchronous=EXTRA")
            name = Path(connection.execute("PRAGMA database_list").fetchone()[2]).name
            connection.execute(WRITE, (note,))
            self.say(f"acknowledged {name} {note}")

    def say(self, text: str) -> None:
        os.write(self.marks, f"{text}\n".encode())


def main(name: str, folder: str, marks: str) -> None:
    scenario, database = SCENARIOS[name], SampleDatabase(Path(folder))
    observer = Writing(database, os.open(marks, os.O_CREAT | os.O_WRONLY | os.O_APPEND))
    run(scenario, database.target(observer))
    observer.say(DONE)


if __name__ == "__main__":
    main(*sys.argv[1:])
