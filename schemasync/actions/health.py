"""Whether the database can be used now, and what needs a person before it no longer can."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypedDict

from .. import conf, databases
from ..errors import APPLICATION_ERRORS, Code, Problem, ProblemJson, SchemasyncError
from ..sync import health as of_files
from ..sync import kept
from ..sync.health import Health
from ..sync.phases.beforehand import lasting
from ..sync.run.requirements import BackupAge
from . import drill
from .database import Database

CACHED = 60.0  # seconds: a storage far away answers in half a second, and a backup gets overdue in hours

Result = Literal["ok", "attention", "unusable"]


class HealthJson(TypedDict):
    """What `manage.py schemasync health --json` prints."""

    result: Result
    """`unusable`: the application cannot use its database. `attention`: it can, and a person should see to it."""
    generation: str | None
    """The live generation; null for a plain file, and where it cannot be read."""
    version: str | None
    disk_free: int
    attention: list[ProblemJson]
    errors: list[ProblemJson]
    """Why the database cannot be used."""


@dataclass(frozen=True, slots=True)
class _Known:
    """When the storage was asked, by the monotonic clock, and when its newest backup was made; or why it did not
    say."""

    asked: float
    newest: float | None
    trouble: str = ""


_known: dict[tuple[str, str], _Known] = {}


def health(database: Database, *, ready: bool = False) -> Health:
    """Look at the database; `ready`: only whether it can be used. A database with problems is no error. Raises
    UsageError."""
    target = database.target()
    found = of_files.health(target)
    if ready:
        return Health(found.unusable, (), found.live, found.free)
    backup = target.requirements.backup
    found = found.but(_overdue(backup, _newest(database.alias, backup))) if backup is not None else found
    return found if conf.drill_age() is None else found.but(drill.overdue(kept.last_of(target)["drill"]))


def healths(*, ready: bool = False) -> Iterator[Health]:
    """Look at every SQLite database that has a schema.json. What prevents that is a problem, too."""
    try:
        for alias in databases.synced():
            yield health(Database(alias), ready=ready)
    except SchemasyncError as error:
        yield Health(error.problems, (), None, 0)


def result(found: Health) -> Result:
    """The result in one word."""
    return "unusable" if found.unusable else "attention" if found.attention else "ok"


def as_json(found: Health) -> HealthJson:
    """The JSON object."""
    return {
        "result": result(found),
        "generation": found.live.generation if found.live else None,
        "version": found.live.version if found.live else None,
        "disk_free": found.free,
        "attention": [one.as_json() for one in found.attention],
        "errors": [one.as_json() for one in found.unusable],
    }


def _newest(alias: str, backup: BackupAge) -> _Known:
    """When the newest backup was made, as it was known a minute ago."""
    key, now = (alias, backup.where), time.monotonic()
    if (known := _known.get(key)) is not None and now - known.asked < CACHED:
        return known
    try:
        found = _Known(now, backup.newest())
    except APPLICATION_ERRORS as error:  # code of the application, or of the storage
        found = _Known(now, None, f"{type(error).__name__}: {error}")
    _known[key] = found
    return found


def _overdue(backup: BackupAge, known: _Known) -> Iterator[Problem]:
    hint, facts = f"Make one. Backups are looked for here: {backup.where}", {"most": backup.most}
    if known.trouble:
        message = f"it is not known when the newest backup was made: {known.trouble}"
        yield Problem(Code.BACKUP_OVERDUE, message, f"Backups are looked for here: {backup.where}", facts)
    elif known.newest is None:
        yield Problem(Code.BACKUP_OVERDUE, "there is no backup", hint, facts)
    elif (age := time.time() - known.newest) > backup.most:
        message = f"the newest backup is {lasting(age)} old, and REQUIRE allows {lasting(backup.most)}"
        yield Problem(Code.BACKUP_OVERDUE, message, hint, {**facts, "age": age})
