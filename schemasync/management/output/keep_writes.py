"""The preview and the result of a rollback that keeps writes, as text."""

from __future__ import annotations

from collections.abc import Iterator

from ...schema.text import count, short
from ...sync.keep_writes import Ahead, KeptWrites
from ...texts import span
from .shared import Lines, changes, hazards
from .sync import replayed
from .terminal import Page


def preview_lines(ahead: Ahead, page: Page) -> Lines:
    """Return the preview of a rollback that keeps writes."""
    heading = page.style.MIGRATE_HEADING
    lines = [
        f"from {ahead.live.generation}, with its rows, to the schema of {ahead.archive.name} "
        f"(version {short(ahead.to.version)}), in a new file",
        heading("changes:"),
        *changes(ahead.plan.changes, page),
    ]
    if found := list(_from_archive(ahead)):
        lines += [heading(f"from {ahead.archive.name}:"), *found]
    if notes := [hazard for hazard in ahead.plan.hazards if not hazard.blocking]:
        lines += [heading("hazards:"), *hazards(notes, page)]
    return lines


def _from_archive(ahead: Ahead) -> Iterator[str]:
    for one in ahead.tables:
        yield f"  {one.table}: {count(one.rows, 'row')}"
    for column in ahead.columns:
        new = f"; {count(column.new, 'row has', 'rows have')} no value there" if column.new else ""
        yield f"  {column.table}.{column.column}: for {count(column.rows, 'row')}, by primary key{new}"
    for kept in ahead.kept:
        where = f"{kept.table}.{kept.column}"
        yield f"  {where}: {kept.live} as it is, because its fill kept {count(kept.values, 'value')}"


def lines(done: KeptWrites, page: Page) -> Lines:
    """The result of a rollback that keeps writes."""
    live = done.ahead.live.generation
    replay = [f"  {replayed(done.followed)}"] if page.detail and done.followed is not None else []
    return [
        f"{done.generation.name} is live, with the schema of {done.ahead.archive.name} and the rows of {live}: "
        f"{count(done.rows, 'row')} written in {done.duration_ms / 1000:.2f} s, writers waited {span(done.pause_ms)}",
        *(f"  note: {text}" for text in done.notes),
        *replay,
        f"What its schema has no place for stays in {live}.",
        f"To undo it, with its rows as they were: manage.py schemasync rollback {live}",
        f"To undo it, with all rows: manage.py schemasync rollback --keep-writes {live}",
    ]
