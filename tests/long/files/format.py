"""Descriptions of other programs: how to install each, the file that it makes, and the changes that it tolerates."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

INSIDE = Path(__file__).parent / "inside"
DEBIAN_PYTHON = "/usr/bin/python3"
"""Many builds of Python cannot load extensions of SQLite; Debian's can."""


@dataclass(frozen=True)
class Format:
    """A program and its file. `file`: the program's name for it. `packages`: of PyPI. `commands`: programs on PATH,
    with their Debian packages. `column`: tables of the program that get a column, and are rewritten for it. `index`:
    columns that get an index. `renamed`: columns that get another name, on which the program must not depend.
    `fixes`: SQL that fixes rows which violate a constraint, by the code of the hazard. `repository`: an option with
    the git directory of the format's schema, if no package has it. `engine`: of Django, for a site in the program's
    environment."""

    name: str
    file: str
    script: str
    packages: tuple[str, ...] = ()
    commands: dict[str, str] = field(default_factory=dict)
    column: tuple[str, ...] = ()
    index: tuple[tuple[str, str], ...] = ()
    renamed: tuple[tuple[str, str, str], ...] = ()
    fixes: dict[str, str] = field(default_factory=dict)
    schemasync: dict[str, object] = field(default_factory=dict)
    interpreter: str = sys.executable
    repository: str = ""
    engine: str = ""

    def missing(self) -> list[str]:
        """Return the Debian packages whose programs are not installed."""
        return [package for command, package in self.commands.items() if not _found(command)]


class Environment:
    """An interpreter with the packages of a format, and its script."""

    def __init__(self, file: Format, folder: Path, repository: str = "") -> None:
        self._script = INSIDE / f"{file.script}.py"
        self.python, self._repository = file.interpreter, repository
        if not file.packages:
            return
        self.python = str(folder / "bin" / "python")
        if not (done := folder / "done").exists():
            subprocess.run([file.interpreter, "-m", "venv", folder], check=True)
            install = [self.python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *file.packages]
            subprocess.run(install, check=True, capture_output=True)
            done.touch()

    def run(self, what: str, path: Path) -> str:
        """Run the script with `version`, `make`, `write`, `read` or `maintain` on the file, and return its output."""
        variables = {
            **os.environ,
            "PYTHONPATH": "",
            "FILES_REPOSITORY": self._repository,
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        command = [self.python, str(self._script), what, str(path)]
        ended = subprocess.run(
            command, capture_output=True, text=True, env=variables, cwd=path.parent, timeout=300, check=False
        )
        assert ended.returncode == 0, f"{what}: {(ended.stdout + ended.stderr)[-2500:]}"
        return ended.stdout.strip()


def _found(command: str) -> bool:
    return Path(command).exists() if command.startswith("/") else shutil.which(command) is not None
