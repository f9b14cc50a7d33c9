"""Checks whether the database can be used now, and whether anything needs a person before it no longer can."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypedDict

from .. import conf, databases
from ..errors import APPLICATION_ERRORS, Code, Problem, ProblemJson, SchemasyncError
from ..files.lock import is_held
from ..keep.litestream.faults import link_faults, read_replica_faults, replication_faults
from ..keep.litestream.lag import ReadReplica, Replica, read_replicas, replica
from ..keep.litestream.settings import litestream
from ..metrics.advice import BUSY_RATE, is_busy
from ..metrics.summary import Period
from ..sync import health as of_files
from ..sync import kept
from ..sync.health import Health
from ..sync.phases.beforehand import too_old
from ..sync.run.requirements import BackupAge
from ..sync.run.target import Target
from . import drill
from .database import Database
from .metrics import of_period

CACHED = 60.0  # seconds: a storage far away answers in half a second, and a backup gets overdue in hours

Result = Literal["ok", "attention", "unusable"]


class ReadReplicaJson(TypedDict):
    """The lag of a read replica."""

    transactions: int
    seconds: float | None
    """Seconds since it got a transaction; null if it never got one."""


class ReplicaJson(TypedDict):
    """The lag of Litestream's replica."""

    seconds: float | None
    """Seconds since it was last known to be complete; null if the daemon does not answer, or replicates another
    file."""
    read_replicas: dict[str, ReadReplicaJson]
    """By alias."""


class HealthJson(TypedDict):
    """The output of `manage.py schemasync health --json`."""

    result: Result
    """`unusable`: the application cannot use its database. `attention`: it can, but a person should look at it."""
    generation: str | None
    """The live generation; null for a plain file, and if it cannot be read."""
    version: str | None
    disk_free: int
    litestream: ReplicaJson | None
    """Null without the setting LITESTREAM, and with `--ready`."""
    attention: list[ProblemJson]
    errors: list[ProblemJson]
    """The reasons why the database cannot be used."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A cached answer of the storage: the time of the query by the monotonic clock, the time of the newest backup, or
    `trouble` if the query failed."""

    asked: float
    newest: float | None
    trouble: str = ""


_known: dict[tuple[Path, str], _Known] = {}
"""By the path of the database, as all tenants share an alias, and by the place where its backups are."""


@dataclass(frozen=True, slots=True)
class Found:
    """The health of a database, with the replica and the read replicas of Litestream."""

    health: Health
    replica: Replica | None = None
    read_replicas: Mapping[str, ReadReplica] = field(default_factory=dict)


def health(database: Database, *, ready: bool = False) -> Found:
    """Check the database; `ready`: only whether it can be used. A database with problems is no error. Raises
    UsageError."""
    target, alias = database.target(), database.alias
    found = of_files.health(target)
    if ready:
        return Found(replace(found, attention=()))
    backup = target.requirements.backup
    if backup is not None:
        found = found.but(_overdue(backup, _newest(database.link, backup)))
    if conf.drill_age() is not None and not conf.key_of(databases.meant(alias)):  # of all tenants it would take days
        found = found.but(drill.overdue(kept.last_of(target)["drill"]))
    found = found.but(_busy(database))
    replica, behind = _replicas(alias, target)
    faults = [*link_faults(alias), *replication_faults(alias, replica), *read_replica_faults(alias, behind)]
    return Found(found.but(faults), replica, behind)


def _replicas(alias: str, target: Target) -> tuple[Replica | None, dict[str, ReadReplica]]:
    """Query Litestream; if it still replicates another file because a run died after its swap, let it replicate the
    live one."""
    daemon = litestream(alias)
    if daemon is None:
        return None, {}
    found = replica(daemon, target.layout)
    if found is not None and not (found.trouble or found.is_live or is_held(target.layout.lock)):
        target.replicate()
        found = replica(daemon, target.layout)
    return found, read_replicas(found.position) if found is not None and found.is_live else {}


def healths(*, ready: bool = False) -> Iterator[Health]:
    """Yield the health of every SQLite database that has a schema.json. A database that cannot be checked is yielded as
    one that cannot be used, with the error; so are the settings, if they name no databases."""
    try:
        aliases = databases.synced()
    except SchemasyncError as error:
        yield _unusable(error)
        return
    for alias in aliases:
        try:
            yield health(Database(alias), ready=ready).health
        except SchemasyncError as error:
            yield _unusable(error)


def _unusable(error: SchemasyncError) -> Health:
    return Health(error.problems, (), None, 0)


def result(found: Health) -> Result:
    """Return the result in one word."""
    return "unusable" if found.unusable else "attention" if found.attention else "ok"


def as_json(done: Found) -> HealthJson:
    """The JSON object."""
    found = done.health
    return {
        "result": result(found),
        "generation": found.live.generation if found.live else None,
        "version": found.live.version if found.live else None,
        "disk_free": found.free,
        "litestream": _replica_json(done) if done.replica is not None else None,
        "attention": [one.as_json() for one in found.attention],
        "errors": [one.as_json() for one in found.unusable],
    }


def _replica_json(done: Found) -> ReplicaJson:
    seconds = done.replica.seconds if done.replica is not None and done.replica.is_live else None
    return {
        "seconds": None if seconds is None else round(seconds, 1),
        "read_replicas": {
            alias: {"transactions": one.transactions, "seconds": one.seconds}
            for alias, one in done.read_replicas.items()
        },
    }


def _busy(database: Database) -> Iterator[Problem]:
    """Yield a problem if too many writes of the last hour failed because the database was locked."""
    hour = of_period(database, Period.HOUR)
    if is_busy(hour):
        count, rate = hour.totals.busy, hour.busy_rate
        message = (
            f"in the last hour {count:,} statements failed because the database was locked, {rate:.1%} of the writes"
        )
        hint = "To see what holds the write lock for long: manage.py schemasync advise"
        yield Problem(Code.BUSY_RATE, message, hint, {"busy": count, "rate": rate, "most": BUSY_RATE})


def _newest(link: Path, backup: BackupAge) -> _Known:
    """Return the time of the newest backup, at most CACHED seconds old."""
    key, now = (link, backup.where), time.monotonic()
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
    elif fault := too_old("the newest backup", known.newest, backup.most, "REQUIRE"):
        yield Problem(Code.BACKUP_OVERDUE, fault, hint, {**facts, "age": time.time() - known.newest})
