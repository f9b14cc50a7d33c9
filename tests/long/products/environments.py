"""The source and the environment of a release, each made once and kept in a folder outside of the repository."""

from __future__ import annotations

import configparser
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.support.archives import unpack
from tests.support.processes import ROOT, environment

from .product import Release

TOOLS = ("pip", "setuptools", "wheel")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*==")


@dataclass(frozen=True, slots=True)
class Sources:
    """The git directories of products, by name, and the interpreters, by version."""

    repositories: dict[str, Path]
    pythons: dict[str, str]
    cache: Path

    def checkout(self, name: str, release: Release, to: Path) -> Path:
        """Unpack the files of a release into the folder `to`, and return it."""
        command = ["git", "--git-dir", str(self.repositories[name]), "archive", release.commit]
        archive = subprocess.run(command, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            unpack(files, to)
        return to

    def environment(self, name: str, release: Release, django: str | None = None) -> Path:
        """Return the interpreter of an environment with the requirements of the release and of this package. `django`
        is a version of Django in place of the release's own."""
        wanted = self._wanted(name, release, django)
        key = hashlib.sha256("\n".join([release.python, *wanted]).encode()).hexdigest()[:12]
        folder = self.cache / f"{name}-{release.version}-{key}"
        done = folder / "done"
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run([self.pythons[release.python], "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            (folder / "wanted.txt").write_text("\n".join(wanted) + "\n")
            _run([*pip, *TOOLS])
            _run([*pip, "-r", str(folder / "wanted.txt")])
            done.touch()
        return folder / "bin" / "python"

    def _wanted(self, name: str, release: Release, django: str | None) -> list[str]:
        text = self._read(name, release.commit, release.requirements)
        lines = _locked(text) if release.requirements.endswith(".lock") else _required(text)
        left_out = {*map(_plain, release.without), *(_plain(re.split(r"[\[=<>]", line)[0]) for line in release.instead)}
        if django is not None:
            left_out |= {"django", "sqlparse", "asgiref"}
        kept = [line for line in lines if _plain(PINNED.match(line)[1] if PINNED.match(line) else line) not in left_out]
        more = [] if django is None else [f"Django=={django}"]
        return sorted({*kept, *release.instead, *more, *_needed()}, key=str.lower)

    def _read(self, name: str, commit: str, path: str) -> str:
        command = ["git", "--git-dir", str(self.repositories[name]), "show", f"{commit}:{path}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def interpreters(given: list[Path]) -> dict[str, str]:
    """Return the given interpreters, this one, and python3.N of the PATH, by version."""
    found: dict[str, str] = {}
    asked = [*map(str, given), sys.executable, *(f"python3.{minor}" for minor in (11, 12, 13, 14))]
    for one in asked:
        path = shutil.which(one)
        if path is None:
            continue
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        ended = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if ended.returncode == 0:
            found.setdefault(ended.stdout.strip(), path)
    return found


def _required(text: str) -> list[str]:
    """Return the pins of a requirements.txt, without options such as the address of an index."""
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def _locked(text: str) -> list[str]:
    """Return the pins of a uv.lock for the dependencies of the project itself, and for theirs."""
    packages = {one["name"]: one for one in tomllib.loads(text)["package"]}
    (project,) = (one for one in packages.values() if "virtual" in one["source"] or "editable" in one["source"])
    waiting, found = [*project["dependencies"]], {}
    while waiting:
        name = waiting.pop()["name"]
        if name not in found:
            found[name] = f"{name}=={packages[name]['version']}"
            waiting += packages[name].get("dependencies", [])
    return list(found.values())


def _needed() -> list[str]:
    """Return the requirements of this package except Django."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return [line for line in setup["options"]["install_requires"].split() if not line.startswith("Django")]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _run(command: list[str]) -> None:
    variables = environment()
    del variables["PYTHONPATH"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800, env=variables)
    said = ended.stderr.strip()[-2000:]
    assert ended.returncode == 0, (
        f"{Path(command[0]).name} {' '.join(command[1:4])}: exit code {ended.returncode}: {said}"
    )
