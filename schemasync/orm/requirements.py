"""Reads the setting REQUIRE for one database: the conditions for a run."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from .. import conf, databases
from ..sync.run.requirements import BackupAge, Requirements
from .own_work import function


def requirements(alias: str) -> Requirements:
    """Return the requirements of a database. Raises UsageError for an invalid setting."""
    given = conf.require()
    reader = given.get("NO_READER_OPEN_LONGER_THAN")
    return Requirements(
        _backup(alias, given), int(given.get("DISK_LEFT", 0)), None if reader is None else conf.seconds(reader)
    )


def _backup(alias: str, given: Mapping[str, Any]) -> BackupAge | None:
    if "BACKUP_NO_OLDER_THAN" not in given:
        return None
    source, most = given.get("BACKUP"), conf.seconds(given["BACKUP_NO_OLDER_THAN"])
    if source is None:
        return _of_schemasync(alias, most)
    if callable(source):
        return BackupAge(partial(_asked, source, alias), most, getattr(source, "__qualname__", repr(source)))
    if conf.is_path(source):
        return BackupAge(partial(_newest_file, os.fspath(source)), most, str(source))
    return BackupAge(lambda: _asked(function(source), alias), most, str(source))


def _asked(source: Callable[[str], Any], alias: str) -> float | None:
    found = source(alias)
    if found is None:
        return None
    if not isinstance(found, datetime):
        raise TypeError(f"it returned {found!r}, and neither a datetime nor None")
    return found.timestamp()


def _of_schemasync(alias: str, most: float) -> BackupAge:
    """Return the condition for the backups that `manage.py schemasync backup` makes."""
    from ..keep.settings import keep_settings  # imports Django's storages, which few runs need

    place = keep_settings(alias).store(databases.path_of(alias))

    def newest() -> float | None:
        found = place.find().backups
        return found[-1].made_at.timestamp() if found else None

    return BackupAge(newest, most, f"{place.where}, by: manage.py schemasync backup")


def _newest_file(pattern: str) -> float | None:
    """Return the modification time of the newest file that matches a pattern, or of the newest file in a folder; None
    without files."""
    folder = Path(pattern)
    # a pattern of Path.glob is relative to a folder, and this one may be absolute
    found = folder.iterdir() if folder.is_dir() else map(Path, glob.glob(pattern, recursive=True))  # noqa: PTH207
    return max((path.stat().st_mtime for path in found if path.is_file()), default=None)
