"""Restores the newest backup into a temporary folder, to find out whether that works and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypedDict

from .. import conf
from ..errors import Code, Problem, ProblemJson, Refused, SchemasyncError
from ..files.layout import size_of
from ..history.kept import DRILL, LastDrillJson
from ..keep.restore import restored_copy
from ..keep.settings import keep_settings
from ..keep.sources import Replicated, Stored, newest_of
from ..keep.store import Store
from ..sync import kept
from ..sync.phases.beforehand import lasting, too_old
from ..sync.phases.health import look_at
from .database import Database
from .restore_source import Asked, replicated


class DrillJson(TypedDict):
    """The output of `manage.py schemasync drill --json`."""

    result: Literal["passed", "failed"]
    drill: LastDrillJson | None
    """The drill; with `--check` the last one, null if there was none."""
    overdue: list[ProblemJson]
    """A problem if the newest backup, or with `--check` the last drill, is overdue."""
    errors: list[ProblemJson]
    """The reasons why the drill failed."""


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill, and its problems."""

    drill: LastDrillJson | None
    overdue: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def is_passed(self) -> bool:
        return not self.overdue and not self.problems


def drill(database: Database, storage: str = "", identity: Path | None = None) -> Drilled:
    """Restore the newest backup next to the live database, or the newest state of Litestream if there is none, check
    it, pass it to HEALTH, and remove it again. Record the outcome in the history. A failed restore is a result, and
    raises no error. Raises UsageError."""
    place, target = keep_settings(database.alias).store(database.link, storage), database.target()
    begun, at = time.monotonic(), datetime.now(UTC)
    source: Stored | Replicated | None = None
    size, problems = 0, tuple[Problem, ...]()
    try:
        source = _newest(database, place, identity, Asked(storage=storage))
        with restored_copy(target, source) as copy:
            size = size_of(copy)
            look_at(target, copy, "the newest backup", "Correct the check, or find out what the backup lacks.")
    except SchemasyncError as error:
        problems = error.problems
    done: LastDrillJson = {
        "at": at.isoformat(),
        "backup": source.name if source is not None else None,
        "made_at": source.made_at.isoformat() if source is not None else None,
        "seconds": round(time.monotonic() - begun, 3),
        "bytes": size,
        "error": str(problems[0].code) if problems else None,
    }
    kept.record(target, DRILL, done)
    return Drilled(done, tuple(_old_backup(database, source)), problems)


def last_drill(database: Database) -> Drilled:
    """Return the last drill, with a problem if it failed or is overdue."""
    found = kept.last_of(database.target())["drill"]
    return Drilled(found, tuple(overdue(found)))


def overdue(found: LastDrillJson | None) -> Iterator[Problem]:
    """Yield a problem if the last drill failed, or is older than BACKUPS allows; none without DRILL_NO_OLDER_THAN."""
    most = conf.drill_age()
    if most is None:
        return
    hint = "To restore the newest backup on trial: manage.py schemasync drill"
    if found is None:
        yield Problem(Code.DRILL_OVERDUE, "no backup was ever restored on trial", hint, {"most": most})
        return
    at = datetime.fromisoformat(found["at"]).timestamp()
    age = time.time() - at
    if found["error"] is not None:
        message = f"the last drill failed {lasting(age)} ago: {found['error']}"
        yield Problem(Code.DRILL_OVERDUE, message, hint, {"most": most, "age": age})
    elif fault := too_old("the last drill", at, most, "BACKUPS"):
        yield Problem(Code.DRILL_OVERDUE, fault, hint, {"most": most, "age": age})


def _newest(database: Database, place: Store, identity: Path | None, asked: Asked) -> Stored | Replicated:
    """Return the newest backup, or without backups the newest state of Litestream. Raises Refused if there is
    neither."""
    found = [Stored(one, place, identity) for one in place.find().backups]
    if found:
        return newest_of(found, place)
    if (state := replicated(database, asked)) is not None:
        return state
    hint = "To make one: manage.py schemasync backup"
    raise Refused.of(Code.NO_BACKUP, f"{place.where} has no backup", hint, storage=place.where)


def _old_backup(database: Database, source: Stored | Replicated | None) -> Iterator[Problem]:
    allowed = database.target().requirements.backup
    if allowed is None or not isinstance(source, Stored):
        return
    at = source.made_at.timestamp()
    if message := too_old("the newest backup", at, allowed.most, "REQUIRE"):
        hint = "To make one: manage.py schemasync backup"
        yield Problem(Code.BACKUP_OVERDUE, message, hint, {"age": time.time() - at})


def as_json(done: Drilled) -> DrillJson:
    """The JSON object."""
    return {
        "result": "passed" if done.is_passed else "failed",
        "drill": done.drill,
        "overdue": [one.as_json() for one in done.overdue],
        "errors": [one.as_json() for one in done.problems],
    }
