"""The preview and the result of a rollback, as text."""

from __future__ import annotations

from ...schema.text import short
from ...sync.rollback import Preview, RolledBack
from ...sync.rollback_in_place import Reverse, Undone
from ...texts import span
from ..local_time import local_time
from .shared import Lines
from .terminal import Page, table


def preview_lines(ahead: Preview, page: Page) -> Lines:
    """Return the preview of a rollback."""
    lines = [
        f"back from {ahead.live.generation} to {ahead.to.generation} "
        f"(version {short(ahead.to.version)}, live from {local_time(ahead.to.applied_at)})"
    ]
    return [*lines, *differing(ahead, page, "written since, and kept whole in")]


def differing(ahead: Preview, page: Page, written: str) -> Lines:
    """Return the number of rows that differ in each table. `written`: the words before the name of the live file, if
    all of them were written since."""
    here, there = ahead.live.generation, ahead.to.generation
    if not ahead.written:
        return ["nothing was written since: no row differs" if ahead.is_since else "no row differs"]
    rows = [
        [item.table, f"{item.added:,}", f"{item.changed:,}", f"{item.removed:,}", item.note]
        if item.comparable
        else [item.table, "?", "?", "?", f"not comparable: {item.note}"]
        for item in ahead.written
    ]
    if all(item.comparable and not (item.added or item.changed or item.removed) for item in ahead.written):
        what = f"no difference was found, but not every column was compared; {here} stays whole:"
        headings = ("table", "added", "changed", "removed", "")
    elif ahead.is_since:
        what = f"{written} {here}, to which you can go back:"
        headings = ("table", "added", "changed", "removed", "")
    else:
        what = f"{here} and {there} differ; {here} stays whole, and you can go back to it:"
        number, other = here.partition("-")[0], there.partition("-")[0]
        headings = ("table", f"only in {number}", "differ", f"only in {other}", "")
    lines = [what, *(f"  {line}" for line in table(headings, rows, page, right=(1, 2, 3)))]
    if any(item.not_compared for item in ahead.written):
        lines.append("Rows that differ only in columns that are not compared are not counted.")
    return lines


def lines(done: RolledBack) -> Lines:
    """The result of a rollback."""
    ahead = done.preview
    return [
        f"{ahead.generation.name} is live again: version {short(ahead.to.version)}, "
        f"writers waited {span(done.pause_ms)}",
        f"To undo it: manage.py schemasync rollback {ahead.live.generation}",
    ]


def reverse_lines(found: Reverse) -> Lines:
    """Return the preview of undoing an alteration in place."""
    return [
        f"back in {found.live.generation}, with all rows, from version {short(found.live.version)} to "
        f"{short(found.to.version)}:",
        *(f"  {statement}" for statement in found.statements),
    ]


def undone_lines(done: Undone) -> Lines:
    """The result of undoing an alteration in place."""
    found = done.reverse
    return [
        f"{found.live.generation} has version {short(found.to.version)} again, with all rows; writers waited "
        f"{span(done.pause_ms)}",
        "To undo it: manage.py schemasync rollback --in-place",
    ]


def left_ahead(wanted: str, live: str) -> Lines:
    """Return a line about a schema.json of another version after a rollback."""
    return [f"schema.json still has version {wanted}: until it has {live} again, a sync is refused (older-version)"]
