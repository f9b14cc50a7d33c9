"""The preview and the result of a restore, as text."""

from __future__ import annotations

import shlex

from ...actions.restore import Written
from ...history.in_place import LITESTREAM
from ...history.rows import moment, origin_of
from ...keep.sources import Source, Stored
from ...schema.text import count, short
from ...sync.restore import Restored
from ...sync.restore_ahead import Ahead
from ...sync.run.report import Report
from ...texts import shown, size, span
from . import sync
from .backup import rows_of
from .rollback import differing
from .shared import Lines
from .terminal import Page


def written(done: Written) -> Lines:
    """Return the file, and the next step."""
    path = shlex.quote(str(done.output))
    what = f"{_what(done.source)}{size(done.bytes)}, of {moment(done.source.made_at.isoformat())}; whole"
    return [f"wrote {shown(done.output)}: {what}", f"To see its schema: manage.py schemasync inspect {path}"]


def _what(source: Source) -> str:
    if not isinstance(source, Stored):
        return ""
    data = source.manifest.data
    version = short(data["version"]) if data["version"] else "none"
    return f"{rows_of(source.manifest)}, version {version}, "


def preview_lines(ahead: Ahead, page: Page) -> Lines:
    """Return the preview of a restore."""
    origin = origin_of(ahead.to)
    assert origin is not None
    at = origin["made_at"]
    when = f"{at[:19].replace('T', ' ')} UTC" if origin["name"] == LITESTREAM else moment(at)  # a second matters
    what = f"{origin['name']} of {when}, version {short(ahead.to.version)}"
    what += f", synced to {short(ahead.synced_to)}" if ahead.synced_to not in (None, ahead.to.version) else ""
    if ahead.preview is None:
        return [f"restore {what}, as {ahead.generation.name}; there is no database yet"]
    live = ahead.preview.live.generation
    lines = [f"restore {what}, as {ahead.generation.name}, in place of {live}"]
    return [*lines, *differing(ahead.preview, page, "written since then, and kept whole in")]


def lines(done: Restored, page: Page, *, is_behind: bool) -> Lines:
    """Return the result of a restore. `is_behind`: schema.json has another version."""
    ahead = done.ahead
    waited = f", writers waited {span(done.pause_ms)}" if ahead.preview is not None else ""
    lines = [f"{ahead.generation.name} is live: version {short(ahead.to.version)}{waited}"]
    if done.report is not None:
        lines += _synced(done.report, page)
    if ahead.preview is not None:
        lines.append(f"To undo it: manage.py schemasync rollback {ahead.preview.live.generation}")
    if is_behind:
        lines.append("To bring it up to schema.json, with all its rows: manage.py schemasync --allow-older")
    return lines


def _synced(report: Report, page: Page) -> Lines:
    """Return the result of the sync of the backup before it went live."""
    if report.result == "current":
        return ["the backup has the version of schema.json"]
    rest = sync.lines(report, page)[1:]
    what = f"version {short(report.previous or '')} -> {short(report.version)}"
    lines = [f"the backup was synced before it went live: {what}, {count(report.rows, 'row')} written"]
    return [*lines, *(line for line in rest if not line.startswith("To undo it"))]
