"""The result of an adoption, as text."""

from __future__ import annotations

from pathlib import Path

from ...actions.adopt import Adoption, way_back
from ...engines.sqlite.runner_tables import runner_of
from ...schema.text import short
from ...texts import span
from .shared import (
    Lines,
    foreign,
    hazards,
    not_created,
    paragraph,
    unknown_names,
)
from .terminal import Page


def lines(adoption: Adoption, link: Path, page: Page) -> Lines:
    """Return the result of an adoption, and the next steps."""
    done, schema = adoption.done, adoption.schema
    lines = [
        f"{link} is adopted: {done.generation}, version {short(done.version)}, writers waited {span(done.pause_ms)}",
        f"wrote {schema}" if adoption.is_written else f"{schema} is unchanged",
    ]
    lines += way_back(done)
    if done.differs:
        lines += paragraph("it differs from the database in: ", done.differs, page)
        lines.append("To see what a sync would do: manage.py schemasync plan")
    lines += foreign(done.foreign, page) + unknown_names(done.unknown, page)
    lines += not_created(done.left_out, page) + hazards(done.notes, page)
    lines += [runner_replaced(name) for name in done.runner_tables]
    return [*lines, "for .gitignore and .dockerignore:", *(f"  {line}" for line in adoption.ignore)]


def runner_replaced(name: str) -> str:
    """Return the instruction for a migration runner whose table the database has."""
    whose = f"the table of a migration runner ({runner_of(name)})"
    return f"{name} is {whose}: do not run it any more, schema.json replaces it"
