"""What taking a database over and giving it back came to, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...orm.migrations import NewMigration
from ...schema.text import count, short
from ...sync.adopt import Adopted
from ...sync.eject import Ejected
from . import comparison, results
from .comparison import Danger
from .results import Json, Lines
from .terminal import Page, size, span


def adopted(done: Adopted, link: Path, schema: Path, ignored: Sequence[str], page: Page, *, written: bool) -> Lines:
    """What taking a file over came to, and what to do with it."""
    lines = [
        f"{link} is taken over: {done.generation}, version {short(done.version)}, writers waited {span(done.pause_ms)}",
        f"wrote {schema}" if written else f"{schema} was left as it is",
    ]
    if done.differs:
        lines += results.paragraph("it differs from the database in: ", done.differs, page)
        lines.append("To see what a sync would do: manage.py schemasync plan")
    lines += results.foreign(done.foreign, page) + results.unknown_names(done.unknown, page)
    lines += results.not_created(done.left_out, page) + results.hazards(done.notes, page)
    return [*lines, "for .gitignore and .dockerignore:", *(f"  {line}" for line in ignored)]


def adopted_json(done: Adopted, schema: Path, ignored: Sequence[str], *, written: bool) -> Json:
    """The same for machines."""
    return {
        "result": "adopted",
        "version": done.version,
        "generation": done.generation,
        "schema_written": str(schema) if written else None,
        "differs": list(done.differs),
        "foreign": results.foreign_json(done.foreign),
        "not_created": results.not_created_json(done.left_out),
        "unknown_names": results.unknown_json(done.unknown),
        "notes": [hazard.as_json() for hazard in done.notes],
        "ignore": list(ignored),
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "errors": [],
    }


def migrations(new: Sequence[NewMigration], page: Page) -> Lines:
    """The migrations that the project lacks, and what each does."""
    if not new:
        return ["the migrations that are there make what the models say: none is missing"]
    lines = [page.style.MIGRATE_HEADING(f"{count(len(new), 'migration is', 'migrations are')} missing:")]
    for one in new:
        lines.append(f"  {page.style.MIGRATE_LABEL(str(one.path))}")
        lines += [f"    {does}" for does in one.does]
    return lines


def behind(labels: Sequence[str]) -> Lines:
    """Apps of others whose migrations lag behind their models."""
    if not labels:
        return []
    return [
        f"the models of {', '.join(labels)} are not what the migrations in their packages make; the "
        "database is what the models say",
        "  Django's own makemigrations --check names these apps as it did before adopt; do not run it for them. When a "
        "package brings the missing migration, run it with: manage.py migrate --fake APP MIGRATION",
    ]


def ejected(done: Ejected, link: Path, danger: Danger | None, page: Page) -> Lines:
    """What became of the database, and what is left to do. `danger` is None where there are no models to speak of."""
    lines = [
        f"{link} is a plain file again ({size(done.bytes)}), writers waited {span(done.pause_ms)}",
        f"its archives stay in {link.name}.generations until you delete them; {done.archive} was live",
    ]
    if danger is None:
        return [*lines, "django_migrations was left as it is: without the flag ENABLED it is Django's all along"]
    lines += [
        "django_migrations says that every migration has been run",
        "now take schemasync out of INSTALLED_APPS, set ENGINE to django.db.backends.sqlite3, and restart every",
        "process that has the database open: manage.py migrate --check has nothing to say then",
    ]
    return [*lines, *comparison.danger(danger, page)]


def ejected_json(done: Ejected | None, new: Sequence[NewMigration], lagging: Sequence[str] = ()) -> Json:
    """The same for machines; None for a dry run."""
    return {
        "result": "planned" if done is None else "ejected",
        "migrations": [{"name": one.name, "path": str(one.path), "operations": list(one.does)} for one in new],
        "lagging": list(lagging),
        "archive": None if done is None else done.archive,
        "bytes": None if done is None else done.bytes,
        "duration_ms": None if done is None else done.duration_ms,
        "pause_ms": None if done is None else done.pause_ms,
        "errors": [],
    }
