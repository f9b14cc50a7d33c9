"""Cached test databases of a project, on the disk. Each has a database, the inputs of its build, and its content as
Django serializes it, if a test run has needed that."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from ... import conf
from ...files import temporary
from .inputs import Inputs, digest

KEEP = 8  # entries of one alias: enough for the branches that a developer works on
UNUSED = 30 * 86400  # seconds after which the cache of another project is removed


@dataclass(frozen=True, slots=True)
class CachedDatabase:
    """One cached database. `inputs`: the file of its inputs; the other files have the same stem."""

    inputs: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.inputs.with_suffix(".sqlite3")

    @property
    def serialized(self) -> Path:
        """The text of BaseDatabaseCreation.serialize_db_to_string."""
        return self.inputs.with_suffix(".txt")

    def read(self) -> Inputs | None:
        """Return the inputs of its build; None if the entry is damaged or gone."""
        try:
            return Inputs.from_json(self.inputs.read_text(encoding="utf-8")) if self.database.exists() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def serialized_text(self) -> str | None:
        """Return the stored text; None if there is none."""
        try:
            return self.serialized.read_text(encoding="utf-8")
        except OSError:
            return None

    def remove(self) -> None:
        """Remove the entry; first `inputs`, without which it is no entry."""
        temporary.remove_all((self.inputs, self.database, self.serialized))


def folder() -> Path:
    """Return the folder of this project's entries."""
    module = sys.modules.get(str(settings.SETTINGS_MODULE))
    place = getattr(module, "__file__", None) or str(Path.cwd())
    return root() / digest(f"{settings.SETTINGS_MODULE}\n{place}")


def root() -> Path:
    """Return the folder of all projects' caches: the setting TEST_CACHE, or a folder in the user's cache folder."""
    given = conf.setting("TEST_CACHE")
    return Path(given) if given is not None else _cache_home() / "schemasync" / "tests"


def _cache_home() -> Path:
    """Return the user's cache folder: https://specifications.freedesktop.org/basedir-spec/latest/"""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if given:
        return Path(given)
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def entries(alias: str) -> list[CachedDatabase]:
    """Return the entries of a database, the last used one first."""
    try:
        found = [(path.stat().st_mtime, path) for path in folder().glob(f"{digest(alias)}-*.json")]
    except OSError:
        return []
    return [CachedDatabase(path) for _, path in sorted(found, reverse=True)]


def new(alias: str, inputs: Inputs) -> CachedDatabase:
    """Return the entry for a database that is built from these inputs."""
    return CachedDatabase(folder() / f"{digest(alias)}-{digest(inputs.as_json())}.json")


def tidy(alias: str) -> None:
    """Remove entries of the alias beyond KEEP, and caches of other projects that are UNUSED."""
    for entry in entries(alias)[KEEP:]:
        entry.remove()
    for other in _unused():
        temporary.remove_all((), other)


def _unused() -> Iterator[Path]:
    now = temporary.used_at(folder())
    for other in root().iterdir() if root().is_dir() else ():
        if other.is_dir() and now - temporary.used_at(other) > UNUSED:
            yield other
