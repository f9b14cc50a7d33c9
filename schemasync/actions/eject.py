"""Returns a project to migrations and a plain file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypedDict

from django.core.management.base import OutputWrapper

from .. import conf
from ..errors import Code, ProblemJson, Refused
from ..orm import migrations
from ..orm.migrations import NewMigration
from ..orm.new_file import on_file
from ..orm.questioner import Questioner, past
from ..schema.document import Document
from ..sync import eject as files
from ..sync import history
from ..sync.eject import Ejected
from ..sync.run.error_translation import translated_errors
from ..sync.run.target import Target
from .check import checked, kept, verdict
from .database import Database
from .export import compared


class MigrationJson(TypedDict):
    """A migration that an app lacks."""

    name: str
    path: str
    operations: list[str]
    """Django's description of each operation."""


class EjectJson(TypedDict):
    """The output of `manage.py schemasync eject --json`. With `--dry-run` everything except the migrations is null."""

    result: Literal["planned", "ejected"]
    migrations: list[MigrationJson]
    lagging: list[str]
    """Apps of installed packages whose models differ from their migrations."""
    archive: str | None
    """The generation that was live."""
    bytes: int | None
    duration_ms: int | None
    pause_ms: int | None
    """The time that writers waited."""
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Ejecting:
    """The decisions of an eject: the missing migrations to write, for a database of this version; none without the
    setting ENABLED. `lagging`: apps of installed packages whose models differ from their migrations."""

    target: Target
    version: str | None = None
    new: tuple[NewMigration, ...] = ()
    lagging: tuple[str, ...] = ()


def prepare(database: Database) -> Ejecting:
    """Finish an interrupted swap, and return the decisions of an eject. Raises a SchemasyncError."""
    target = database.released()
    database.finish_swap()
    files.check(target)
    if not conf.is_enabled():
        return Ejecting(target)
    wanted = database.document()
    _refuse_out_of_step(database, wanted)
    can_ask = database.dialogue.ask is not None
    new = migrations.lacking(Questioner(past(history.rows(target)), wanted, target.opener, can_ask=can_ask))
    return Ejecting(target, wanted.version, new, tuple(migrations.lagging()))


def eject(database: Database, ejecting: Ejecting, log: OutputWrapper) -> Ejected:
    """Write the migrations, and make the database a plain file. Raises a SchemasyncError."""
    if ejecting.version is None:
        return files.eject(ejecting.target, None, lambda path: None)
    with translated_errors(database.link):
        migrations.write(ejecting.new, log)
    return files.eject(ejecting.target, ejecting.version, partial(_record, database.alias))


def _refuse_out_of_step(database: Database, wanted: Document) -> None:
    why = verdict(checked(database, wanted), compared(database), kept(database.alias), strict=False)
    if why:
        raise Refused.of(
            Code.MODELS_DIFFER,
            "models, schema.json and database differ, so migrations that are written now would not match it",
            "\n".join(why),
        )


def _record(alias: str, plain: Path) -> None:
    """Record in the plain file that every migration was run."""
    with on_file(alias, plain):
        migrations.record(alias)


def as_json(ejecting: Ejecting, done: Ejected | None) -> EjectJson:
    """The JSON object; `done` is None for a dry run."""
    return {
        "result": "planned" if done is None else "ejected",
        "migrations": [{"name": one.name, "path": str(one.path), "operations": list(one.does)} for one in ejecting.new],
        "lagging": list(ejecting.lagging),
        "archive": None if done is None else done.archive,
        "bytes": None if done is None else done.bytes,
        "duration_ms": None if done is None else done.duration_ms,
        "pause_ms": None if done is None else done.pause_ms,
        "errors": [],
    }
