"""Chooses the source of a restore: a backup of a storage, an archive, a file, or a state of Litestream."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ..errors import Code, Failed, Refused, UsageError
from ..files.layout import PathKind, size_of
from ..history.in_place import LITESTREAM
from ..keep.litestream.moments import moment
from ..keep.litestream.settings import litestream
from ..keep.settings import keep_settings
from ..keep.sources import MARGIN, Replicated, Source, chosen
from .database import Database


@dataclass(frozen=True, slots=True)
class Asked:
    """The chosen backup: the one whose name is `name` or begins with it, the file at this path, the newest until the
    time `at`, or the newest, as `chosen` says. `storage`: the storage to search. `identity`: the key file for an
    encrypted backup."""

    name: str = ""
    at: str = ""
    storage: str = ""
    identity: Path | None = None


def chosen_source(database: Database, asked: Asked) -> Source:
    """Return the source of a restore. Raises Refused, UsageError, or Failed if the storage fails."""
    place = keep_settings(database.alias).store(database.link, asked.storage)
    at = time_of(asked.at) if asked.at else None
    ask = partial(replicated, database, asked, at)
    return chosen(place, database.target(), asked.name, at, asked.identity, ask)


def replicated(database: Database, asked: Asked, at: datetime | None = None) -> Replicated | None:
    """Return the state of Litestream at that time, or now; None if it has none, or `asked` names another backup or
    storage. A failure is only a warning, so that backups can still be restored, unless `asked` names Litestream."""
    is_named = asked.name == LITESTREAM
    daemon = litestream(database.alias) if is_named or not (asked.name or asked.storage) else None
    if daemon is None:
        return None
    wanted = at or datetime.now(UTC)
    if database.target().layout.path_kind() is not PathKind.NOTHING:  # otherwise nobody writes
        since = datetime.now(UTC) - wanted
        time.sleep(max(0.0, min(MARGIN, MARGIN - since).total_seconds()))  # it reads each second
    try:
        found = moment(daemon.replica, wanted)
    except (Failed, Refused) as error:
        if is_named:
            raise
        database.dialogue.warn(f"{error.problems[0].message}; so only backups and archives are looked at")
        return None
    return None if found is None else Replicated(daemon.replica, found, size_of(database.link))


def time_of(text: str) -> datetime:
    """Parse a time; without a zone it is UTC, as in all output of the command. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "Use for example: --at 2026-11-29T17:30, which is UTC, or --at 2026-11-29T17:30+01:00"
        raise UsageError.of(Code.BAD_OPTION, f"--at {text} is no time", hint) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
