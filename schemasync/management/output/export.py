"""The changes of an export, as text."""

from __future__ import annotations

from pathlib import Path

from ...actions.export import ExportResult
from ...diff.changes import describe
from ...orm.export import Exported
from .shared import Lines
from .terminal import Page


def lines(found: Exported, result: ExportResult, path: Path, page: Page) -> Lines:
    """The changes of an export."""
    headings = {"current": f"{path} matches the models", "differs": f"{path} does not match the models:"}
    lines = [headings.get(result, f"wrote {path}:")]
    lines += [f"  {describe(change)}" for change in found.changes]
    lines += [f"  {line}" for line in found.ownership()]
    if result != "current" and len(lines) == 1:
        lines.append("  hints only")
    if found.untold and page.detail:
        lines.append(f"  unchanged, because they have no _model: {', '.join(found.untold)}")
    return lines
