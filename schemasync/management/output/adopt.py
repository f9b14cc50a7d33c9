"""The result of an adoption, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from ...diff.hazards import HazardJson
from ...engines.sqlite.runner_tables import runner_of
from ...errors import ProblemJson
from ...schema.text import short
from ...sync.adopt import Adopted
from ...texts import span
from .shared import (
    ForeignJson,
    Lines,
    NotCreatedJson,
    UnknownNamesJson,
    foreign,
    foreign_json,
    hazards,
    not_created,
    not_created_json,
    paragraph,
    unknown_json,
    unknown_names,
)
from .terminal import Page


class AdoptJson(TypedDict):
    """What `manage.py schemasync adopt --json` prints."""

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
    """How long writers waited."""
    errors: list[ProblemJson]


def lines(done: Adopted, link: Path, schema: Path, ignored: Sequence[str], page: Page, *, written: bool) -> Lines:
    """The result of an adoption, and what to do with it."""
    lines = [
        f"{link} is adopted: {done.generation}, version {short(done.version)}, writers waited {span(done.pause_ms)}",
        f"wrote {schema}" if written else f"{schema} is unchanged",
    ]
    lines += _way_back(done)
    if done.differs:
        lines += paragraph("it differs from the database in: ", done.differs, page)
        lines.append("To see what a sync would do: manage.py schemasync plan")
    lines += foreign(done.foreign, page) + unknown_names(done.unknown, page)
    lines += not_created(done.left_out, page) + hazards(done.notes, page)
    lines += [runner_replaced(name) for name in done.runner_tables]
    return [*lines, "for .gitignore and .dockerignore:", *(f"  {line}" for line in ignored)]


def by_itself(done: Adopted, link: Path) -> Lines:
    """What a sync says that adopted a plain file first."""
    if done.is_in_place:
        return [f"a file without a history was copied into {done.generation} through {link}, and is adopted there"]
    return [f"{link} was a plain file, and is adopted: {done.generation}", *_way_back(done)]


def _way_back(done: Adopted) -> Lines:
    if done.previous is None:
        return []
    number = done.previous.partition("-")[0].lstrip("0")
    return [f"{done.previous} was live before; to go back to it: manage.py schemasync rollback {number}"]


def runner_replaced(name: str) -> str:
    """What to do about a migration runner whose table the database has."""
    whose = f"the table of a migration runner ({runner_of(name)})"
    return f"{name} is {whose}: do not run it any more, schema.json replaces it"


def as_json(done: Adopted, schema: Path, ignored: Sequence[str], *, written: bool) -> AdoptJson:
    """The JSON object."""
    return {
        "result": "adopted",
        "version": done.version,
        "generation": done.generation,
        "schema_written": str(schema) if written else None,
        "differs": list(done.differs),
        "foreign": foreign_json(done.foreign),
        "not_created": not_created_json(done.left_out),
        "unknown_names": unknown_json(done.unknown),
        "notes": [hazard.as_json() for hazard in done.notes],
        "runner_tables": list(done.runner_tables),
        "ignore": list(ignored),
        "previous": done.previous,
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "errors": [],
    }
