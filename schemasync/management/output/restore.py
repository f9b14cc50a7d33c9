"""The preview and the result of a restore, as text."""

from __future__ import annotations

import shlex

from ...actions.restore import WentLive, Written
from ...history.in_place import LITESTREAM
from ...history.rows import moment, origin_of
from ...keep.sources import Source, Stored
from ...schema.text import count, short
from ...sync.restore import Ahead
from ...texts import shown, size, span
from . import sync
from .rollback import differing
from .shared import Lines
from .terminal import Page


def written(done: Written) -> Lines:
    """The file, and what to do with it."""
    path = shlex.quote(str(done.output))
    what = f"{_what(done.source)}{size(done.bytes)}, of {moment(done.source.made_at.isoformat())}; whole"
    return [f"wrote {shown(done.output)}: {what}", f"To see its schema: manage.py schemasync inspect {path}"]


def _what(source: Source) -> str:
    if not isinstance(source, Stored):
        return ""
    data = source.manifest.data
    version = short(data["version"]) if data["version"] else "none"
    return f"{count(sum(data['content']['rows'].values()), 'row')}, version {version}, "


def preview_lines(ahead: Ahead, page: Page) -> Lines:
    """What a restore would do."""
    origin = origin_of(ahead.to)
    assert origin is not None
    at = origin["made_at"]
    when = f"{at[:19].replace('T', ' ')} UTC" if origin["name"] == LITESTREAM else moment(at)  # a second matters
    what = f"{origin['name']} of {when}, version {short(ahead.to.version)}"
    if ahead.preview is None:
        return [f"restore {what}, as {ahead.generation.name}; there is no database yet"]
    live = ahead.preview.live.generation
    lines = [f"restore {what}, as {ahead.generation.name}, in place of {live}"]
    return [*lines, *differing(ahead.preview, page, "written since then, and kept whole in")]


def lines(found: WentLive, page: Page, *, is_behind: bool) -> Lines:
    """The result of a restore. `is_behind`: schema.json has another version."""
    done, ahead = found.done, found.done.ahead
    waited = f", writers waited {span(done.pause_ms)}" if ahead.preview is not None else ""
    lines = [f"{ahead.generation.name} is live: version {short(ahead.to.version)}{waited}"]
    if ahead.preview is not None:
        lines.append(f"To undo it: manage.py schemasync rollback {ahead.preview.live.generation}")
    if is_behind:
        lines.append("To bring it up to schema.json, with all its rows: manage.py schemasync --allow-older")
    return [*lines, *(sync.lines(found.report, page) if found.report is not None else [])]
