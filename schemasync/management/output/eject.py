"""The result of an eject, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...orm.migrate_risks import MigrateRisk
from ...orm.migrations import NewMigration
from ...schema.text import count
from ...sync.eject import Ejected
from ...texts import size, span
from . import migrate_risks
from .shared import Lines
from .terminal import Page


def migrations(new: Sequence[NewMigration], page: Page) -> Lines:
    """Return the missing migrations, and the operations of each."""
    if not new:
        return ["the migrations match the models: none is missing"]
    lines = [page.style.MIGRATE_HEADING(f"{count(len(new), 'migration is', 'migrations are')} missing:")]
    for one in new:
        lines.append(f"  {page.style.MIGRATE_LABEL(str(one.path))}")
        lines += [f"    {does}" for does in one.does]
    return lines


def behind(labels: Sequence[str]) -> Lines:
    """Return lines about installed packages whose models differ from their migrations."""
    if not labels:
        return []
    return [
        f"the models of {', '.join(labels)} differ from the migrations in their packages; the database matches "
        "the models",
        "  Django's own makemigrations --check names these apps as it did before adopt; do not run it for them. When a "
        "package adds the missing migration, run it with: manage.py migrate --fake APP MIGRATION",
    ]


def lines(done: Ejected, link: Path, risks: Sequence[MigrateRisk] | None, page: Page) -> Lines:
    """Return the result of an eject, and the next steps. `risks` is None without models."""
    lines = [
        f"{link} is a plain file again ({size(done.bytes)}), writers waited {span(done.pause_ms)}",
        f"its archives stay in {link.name}.generations until you delete them; {done.archive} was live",
    ]
    if risks is None:
        return [*lines, "django_migrations is unchanged: without the setting ENABLED, only Django writes to it"]
    lines += [
        "django_migrations records that every migration was run",
        "now take schemasync out of INSTALLED_APPS, set ENGINE to django.db.backends.sqlite3, and restart every",
        "process that has the database open: manage.py migrate --check reports nothing then",
    ]
    return [*lines, *migrate_risks.lines(risks, page)]
