"""The preview and the result of a rollback, as text and as JSON."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from ...engines.sqlite.verify.row_counts import RowDiff
from ...errors import ProblemJson
from ...schema.text import short
from ...sync.rollback import Preview, RolledBack
from ...sync.rollback_in_place import Reverse, Undone
from ...texts import span
from ..local_time import local_time
from .shared import Lines
from .terminal import Page, table

# "from" is a keyword of Python
DifferencesJson = TypedDict(
    "DifferencesJson",
    {"from": str, "to": str, "version": str, "tables": dict[str, "RowDiffJson"], "complete": bool},
)


class RowDiffJson(TypedDict):
    """The number of rows in which a table differs between the live file and the other one."""

    added: int
    """Rows that only the live file has."""
    changed: int
    removed: int
    """Rows that only the other file has."""
    comparable: bool
    note: str
    not_compared: list[str]
    """Columns that could not be compared."""


class PreviewJson(TypedDict):
    """What `manage.py schemasync rollback --dry-run --json` prints."""

    result: Literal["planned"]
    version: str
    """The version that a rollback makes live."""
    previous: str
    """The version that is live."""
    generation: str
    """The generation that a rollback makes live."""
    differences: DifferencesJson
    sql: NotRequired[list[str]]
    """The statements; only with `--in-place`."""
    errors: list[ProblemJson]


class RollbackJson(TypedDict):
    """What `manage.py schemasync rollback --json` prints."""

    result: Literal["rolled_back"]
    version: str
    """The version that is live now."""
    previous: str
    """The version that was live before."""
    generation: str
    """The generation that is live now."""
    differences: DifferencesJson
    duration_ms: int
    pause_ms: int
    """How long writers waited."""
    sql: NotRequired[list[str]]
    """The statements; only with `--in-place`."""
    errors: list[ProblemJson]


def preview_lines(ahead: Preview, page: Page) -> Lines:
    """What a rollback would do."""
    lines = [
        f"back from {ahead.live.generation} to {ahead.to.generation} "
        f"(version {short(ahead.to.version)}, live from {local_time(ahead.to.applied_at)})"
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
        what = f"written since, and kept whole in {here}, to which you can go back:"
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
    """The result of a rollback."""
    ahead = done.preview
    return [
        f"{ahead.generation.name} is live again: version {short(ahead.to.version)}, "
        f"writers waited {span(done.pause_ms)}",
        f"To undo it: manage.py schemasync rollback {ahead.live.generation}",
    ]


def reverse_lines(found: Reverse) -> Lines:
    """What undoing an alteration in place would do."""
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
    """What a schema.json of another version means after a rollback."""
    return [f"schema.json still has version {wanted}: until it has {live} again, a sync is refused (older-version)"]


def preview_json(ahead: Preview) -> PreviewJson:
    """The JSON object of a preview."""
    return {
        "result": "planned",
        "version": ahead.to.version,
        "previous": ahead.live.version,
        "generation": ahead.generation.name,
        "differences": _differences_json(ahead),
        "errors": [],
    }


def as_json(done: RolledBack) -> RollbackJson:
    """The JSON object of a rollback."""
    ahead = done.preview
    return {
        "result": "rolled_back",
        "version": ahead.to.version,
        "previous": ahead.live.version,
        "generation": ahead.generation.name,
        "differences": _differences_json(ahead),
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "errors": [],
    }


def reverse_json(found: Reverse) -> PreviewJson:
    """The JSON object of a preview with `--in-place`."""
    return {
        "result": "planned",
        "version": found.to.version,
        "previous": found.live.version,
        "generation": found.live.generation,
        "differences": _same_file_json(found),
        "sql": found.statements,
        "errors": [],
    }


def undone_json(done: Undone) -> RollbackJson:
    """The JSON object of a rollback with `--in-place`."""
    found = done.reverse
    return {
        "result": "rolled_back",
        "version": found.to.version,
        "previous": found.live.version,
        "generation": found.live.generation,
        "differences": _same_file_json(found),
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "sql": found.statements,
        "errors": [],
    }


def _same_file_json(found: Reverse) -> DifferencesJson:
    name = found.live.generation
    return {"from": name, "to": name, "version": found.to.version, "tables": {}, "complete": True}


def _differences_json(ahead: Preview) -> DifferencesJson:
    return {
        "from": ahead.live.generation,
        "to": ahead.to.generation,
        "version": ahead.to.version,
        "tables": {one.table: _row_diff_json(one) for one in ahead.written},
        "complete": ahead.is_complete,
    }


def _row_diff_json(one: RowDiff) -> RowDiffJson:
    return {
        "added": one.added,
        "changed": one.changed,
        "removed": one.removed,
        "comparable": one.comparable,
        "note": one.note,
        "not_compared": list(one.not_compared),
    }
