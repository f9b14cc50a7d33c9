"""Virtual environments of the peers, created once in a folder and used again by later runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path


class NotPossible(Exception):
    """This machine lacks something that a measurement needs. The text names it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool to compare with: the packages to install, and the oldest Python that it runs on."""

    label: str
    packages: tuple[str, ...]
    python: tuple[int, int] = (3, 11)

    @property
    def folder(self) -> str:
        return "+".join(self.packages)


DJANGO_5 = Peer("Django 5.2.19 migrate", ("Django==5.2.19",))
DJANGO_6 = Peer("Django 6.1.3 migrate", ("Django==6.1.3",), (3, 12))
SQLITE_UTILS = Peer("sqlite-utils 4.2.1 transform", ("sqlite-utils==4.2.1",))
ALEMBIC = Peer("Alembic 1.20.1 batch", ("alembic==1.20.1", "SQLAlchemy==2.1.9"))


@dataclass(frozen=True, slots=True)
class Environments:
    """The environments in a folder: whether to create missing ones, and an interpreter for peers that need a later
    Python than this one."""

    folder: Path
    install: bool = True
    preferred: str | None = None

    def python(self, peer: Peer) -> Path:
        """Return the interpreter of a peer. Raises NotPossible if it has no environment and none can be created."""
        place = self.folder / peer.folder
        found = place / "bin" / "python"
        if not (place / "ready").exists():
            if not self.install:
                raise NotPossible(f"{' and '.join(peer.packages)} is not installed for the benchmark (--no-peers)")
            self._make(peer, place)
        return found

    def _make(self, peer: Peer, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", *peer.packages]
        for command in (
            [interpreter(peer.python, self.preferred), "-m", "venv", str(place)],
            [str(place / "bin" / "python"), *pip],
        ):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                raise NotPossible(f"{' '.join(command)} failed: {done.stdout.strip()[-300:]}")
        (place / "ready").touch()  # last, so that an incomplete environment is created again


@cache
def interpreter(oldest: tuple[int, int], preferred: str | None) -> str:
    """Return a Python of that version or a later one. Raises NotPossible if there is none."""
    for name in _candidates(preferred):
        if _version(name) >= oldest:
            return name
    raise NotPossible(f"it needs Python {oldest[0]}.{oldest[1]} or later (--python PATH)")


def _candidates(preferred: str | None) -> Iterator[str]:
    yield sys.executable
    if preferred is not None:
        yield preferred
    yield from (path for minor in (14, 13, 12) if (path := shutil.which(f"python3.{minor}")) is not None)


def _version(python: str) -> tuple[int, int]:
    """Return the version of an interpreter; (0, 0) if it does not run."""
    command = [python, "-c", "import sys, sqlite3, venv; print(*sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    major, minor = done.stdout.split()
    return int(major), int(minor)


def described(python: Path | str) -> str:
    """Return the versions of Python and SQLite of an interpreter, as they differ between environments."""
    code = "import platform, sqlite3; print(f'Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}')"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
