"""Cached test databases of a project, on the disk: for each a database, the inputs it was built from, and its content
as Django serializes it if a test run has needed that."""

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

KEEP = 8  # of one alias: enough for the branches that somebody works on
UNUSED = 30 * 86400  # seconds after which the cache of another project goes


@dataclass(frozen=True, slots=True)
class Entry:
    """One cached database: `inputs` is its file, and the others have the same stem."""

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
        """What it was built from; None if it is damaged or gone."""
        try:
            return Inputs.from_json(self.inputs.read_text(encoding="utf-8")) if self.database.exists() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def serialized_text(self) -> str | None:
        """The stored text, if there is one."""
        try:
            return self.serialized.read_text(encoding="utf-8")
        except OSError:
            return None

    def remove(self) -> None:
        """Remove the entry; `inputs` first, which makes it one."""
        temporary.remove_all((self.inputs, self.database, self.serialized))


def folder() -> Path:
    """The folder of this project's entries."""
    module = sys.modules.get(str(settings.SETTINGS_MODULE))
    place = getattr(module, "__file__", None) or str(Path.cwd())
    return root() / digest(f"{settings.SETTINGS_MODULE}\n{place}")


def root() -> Path:
    """The folder of all projects' caches: the setting TEST_CACHE, or one in the user's cache folder."""
    given = conf.setting("TEST_CACHE")
    return Path(given) if given is not None else _cache_home() / "schemasync" / "tests"


def _cache_home() -> Path:
    """https://specifications.freedesktop.org/basedir-spec/latest/"""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if given:
        return Path(given)
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def entries(alias: str) -> list[Entry]:
    """The entries of a database, the one that was used last first."""
    try:
        found = [(path.stat().st_mtime, path) for path in folder().glob(f"{digest(alias)}-*.json")]
    except OSError:
        return []
    return [Entry(path) for _, path in sorted(found, reverse=True)]


def new(alias: str, inputs: Inputs) -> Entry:
    """The entry that a database built from these inputs gets."""
    return Entry(folder() / f"{digest(alias)}-{digest(inputs.as_json())}.json")


def tidy(alias: str) -> None:
    """Remove what is too old, of this project and of others."""
    for entry in entries(alias)[KEEP:]:
        entry.remove()
    for other in _unused():
        temporary.remove_all((), other)


def _unused() -> Iterator[Path]:
    now = temporary.used_at(folder())
    for other in root().iterdir() if root().is_dir() else ():
        if other.is_dir() and now - temporary.used_at(other) > UNUSED:
            yield other
