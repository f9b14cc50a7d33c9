"""Adopts a plain file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from .. import conf
from ..diff.hazards import HazardJson
from ..errors import Code, ProblemJson, Refused
from ..files.permissions import may_change_names
from ..history.rows import Afterwards
from ..orm.adopting import adopted_by_itself
from ..orm.baseline import baseline
from ..orm.data_migrations import carrying, data_migrations
from ..orm.field_readers import readers
from ..orm.models import Modelled, made_elsewhere, modelled
from ..orm.models_fingerprint import models_stamp
from ..orm.own_work import asked_about
from ..schema.names import fold
from ..sync import adopt as files
from ..sync import check, up_to_date
from ..sync.adopt import Adopted
from ..sync.phases.finish import note
from ..sync.run.target import Target
from .database import Database, write_text
from .inspect import faults_of
from .shared import (
    ForeignJson,
    NotCreatedJson,
    UnknownNamesJson,
    foreign_json,
    not_created_json,
    unknown_json,
)


class AdoptJson(TypedDict):
    """The output of `manage.py schemasync adopt --json`."""

    result: Literal["adopted"]
    version: str
    generation: str
    schema_written: str | None
    """The schema.json that was written; null if one existed."""
    differs: list[str]
    """Tables and views in which schema.json and the database differ."""
    foreign: list[ForeignJson]
    """Objects that schema.json does not name."""
    not_created: list[NotCreatedJson]
    unknown_names: UnknownNamesJson
    notes: list[HazardJson]
    runner_tables: list[str]
    """Tables of migration runners, which must not run on this database any more."""
    ignore: list[str]
    """Lines for .gitignore and .dockerignore."""
    previous: str | None
    """The generation that was live until the file took the place of the link; a rollback to it is possible."""
    duration_ms: int
    pause_ms: int
    """The time that writers waited."""
    errors: list[ProblemJson]


def by_itself(done: Adopted, link: Path) -> list[str]:
    """Return the lines that a sync prints after it has adopted a plain file."""
    if done.is_in_place:
        return [f"a file without a history was copied into {done.generation} through {link}, and is adopted there"]
    return [f"{link} was a plain file, and is adopted: {done.generation}", *way_back(done)]


def way_back(done: Adopted) -> list[str]:
    if done.previous is None:
        return []
    number = done.previous.partition("-")[0].lstrip("0")
    return [f"{done.previous} was live before; to go back to it: manage.py schemasync rollback {number}"]


@dataclass(frozen=True, slots=True)
class Adoption:
    """`schema`: the path of schema.json, which the adoption wrote if `is_written`. `faults`: problems to fix in it.
    `unreadable`: columns that Django cannot read. `ignore`: lines for .gitignore."""

    done: Adopted
    schema: Path
    is_written: bool
    faults: tuple[str, ...]
    unreadable: tuple[str, ...]
    ignore: tuple[str, ...]


def adopt(database: Database, accepted: Collection[str] = ()) -> Adoption:
    """Adopt a plain file, and write schema.json if there is none. `accepted`: data migrations that are accepted
    although the database never ran them. Raises a SchemasyncError."""
    alias, path = database.alias, database.schema_path
    target, is_resumed = database.released(), database.finish_swap()
    found = database.document() if path.exists() else None
    if found is None:
        _refuse_unwritable(path)
    models = modelled(alias) if found is None else None
    kept = models.kept if models is not None else made_elsewhere(alias)
    installed = asked_about(data_migrations(alias))
    done = files.adopt(target, found, _labels(models), installed, accepted, kept, is_resumed=is_resumed)
    faults = _write_schema(target, path, done, models) if models is not None else []
    unreadable = check.unreadable(target, readers(alias)) if conf.is_enabled() else ()
    return Adoption(
        done,
        path,
        models is not None,
        tuple(faults),
        tuple(hazard.message for hazard in unreadable),
        tuple(files.ignore_lines(target)),
    )


def before_sync(database: Database, accepted: Collection[str]) -> None:
    """Adopt a plain file if the setting ADOPT lets a sync do that. Raises a SchemasyncError."""
    if not database.schema_path.exists():
        return  # the sync reports the missing file
    target, wanted = database.released(), database.document()
    done = adopted_by_itself(database.alias, target, wanted, accepted)
    for line in by_itself(done, target.layout.link) if done is not None else ():
        database.dialogue.say(line)


def _refuse_unwritable(path: Path) -> None:
    if not may_change_names(path.absolute().parent):
        raise Refused.of(
            Code.PERMISSION,
            f"there is no {path}, and it cannot be written: its folder is missing or not writable",
            "Use another path: manage.py schemasync adopt --schema PATH",
        )


def _write_schema(target: Target, path: Path, done: Adopted, models: Modelled) -> list[str]:
    """Write schema.json; return the problems to fix in it before a sync."""
    text = baseline(done.schema, models, f"taken from {target.layout.link.name}", carrying(), done.foreign)
    write_text(path, text)
    faults = faults_of(text, path)
    if not faults and (generation := target.layout.generation(done.generation)) is not None:
        # the generation matches this schema.json, so that the fast path of the next run finds it
        note(target, generation, Afterwards(document=up_to_date.digest(text.encode(), models_stamp())))
    return faults


def _labels(models: Modelled | None) -> dict[str, str]:
    """Maps each table to the model that owns it."""
    if models is None:
        return {}
    return {table.name: models.labels[fold(table.name)] for table in models.schema.tables}


def as_json(adoption: Adoption) -> AdoptJson:
    """The JSON object."""
    done = adoption.done
    return {
        "result": "adopted",
        "version": done.version,
        "generation": done.generation,
        "schema_written": str(adoption.schema) if adoption.is_written else None,
        "differs": list(done.differs),
        "foreign": foreign_json(done.foreign),
        "not_created": not_created_json(done.left_out),
        "unknown_names": unknown_json(done.unknown),
        "notes": [hazard.as_json() for hazard in done.notes],
        "runner_tables": list(done.runner_tables),
        "ignore": list(adoption.ignore),
        "previous": done.previous,
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "errors": [],
    }
