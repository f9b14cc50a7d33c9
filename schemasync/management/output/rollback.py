"""What a rollback would do and did, as text and as JSON."""

from __future__ import annotations

from ...history.rows import moment
from ...schema.text import short
from ...sync.rollback import Preview, RolledBack
from ...sync.rollback import as_json as differences_json
from ...texts import span
from .shared import Json, Lines
from .terminal import Page, table


def preview_lines(ahead: Preview, page: Page) -> Lines:
    """What a rollback would do."""
    lines = [
        f"back from {ahead.live.generation} to {ahead.to.generation} "
        f"(version {short(ahead.to.version)}, live from {moment(ahead.to.applied_at)} UTC)"
    ]
    here, there = ahead.live.generation, ahead.to.generation
    if not ahead.written:
        return [*lines, "nothing was written since: no row differs" if ahead.is_since else "no row differs"]
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
        what = f"written since, and set aside whole in {here}, to which you can go back:"
        headings = ("table", "added", "changed", "removed", "")
    else:
        what = f"{here} and {there} differ; {here} stays whole, and you can go back to it:"
        number, other = here.partition("-")[0], there.partition("-")[0]
        headings = ("table", f"only in {number}", "differ", f"only in {other}", "")
    lines += [what, *(f"  {line}" for line in table(headings, rows, page, right=(1, 2, 3)))]
    if any(item.not_compared for item in ahead.written):
        lines.append("Rows that differ only in columns that are not compared are not counted.")
    return lines


def lines(done: RolledBack) -> Lines:
    """What a rollback came to."""
    ahead = done.preview
    return [
        f"{ahead.generation.name} is live again: version {short(ahead.to.version)}, "
        f"writers waited {span(done.pause_ms)}",
        f"To undo it: manage.py schemasync rollback {ahead.live.generation}",
    ]


def preview_json(ahead: Preview) -> Json:
    """A rollback that was only looked at."""
    return {
        "result": "planned",
        "version": ahead.to.version,
        "previous": ahead.live.version,
        "generation": ahead.generation.name,
        "differences": differences_json(ahead),
        "errors": [],
    }


def as_json(done: RolledBack) -> Json:
    """The same for machines."""
    times = {"duration_ms": done.duration_ms, "pause_ms": done.pause_ms}
    return {**preview_json(done.preview), "result": "rolled_back", **times, "errors": []}
