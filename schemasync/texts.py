"""Formats sizes, durations and changes for the command line and the admin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len, set_cell_size

from .diff.changes import AddView, ChangeJson, CreateTable
from .schema.text import count

LINES = 10  # of a list inside a message
LINE_WIDTH = 110  # columns of one of them
FEW = 3  # new tables with a phrase each; more of them are only counted


def size(count: int) -> str:
    """Return a number of bytes as text."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:,.0f} {unit}" if unit == "B" or value >= 100 else f"{value:,.1f} {unit}"
        value /= 1000
    raise AssertionError(count)


def change(count: int) -> str:
    """Return a difference in bytes as text, with its sign."""
    sign = "-" if count < 0 else "+" if count > 0 else ""
    return f"{sign}{size(abs(count))}"


def span(milliseconds: int) -> str:
    """Return a duration as text."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def shown(path: Path) -> str:
    """Return the path for messages: relative to the working directory if it is inside it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def crop(text: str, width: int) -> str:
    """Return the text, cut with an ellipsis if it is too wide."""
    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)).rstrip() + "…"


def few_lines(lines: Sequence[str]) -> list[str]:
    """Return at most LINES lines, for a short message; if there are more, the last line counts the others."""
    shown = list(lines[: LINES if len(lines) == LINES else LINES - 1])
    return [*shown, f"and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else shown


def gist(changes: Sequence[ChangeJson], width: int) -> str:
    """Return the changes in one line: as many phrases as fit, and the number of others."""
    phrases = _phrases(changes)
    shown: list[str] = []
    for phrase in phrases:
        if len(_line([*shown, phrase], len(phrases))) <= width:
            shown.append(phrase)
    return crop(_line(shown or phrases[:1], len(phrases)), width)


def _line(shown: Sequence[str], total: int) -> str:
    more = f"; and {total - len(shown)} more" if total > len(shown) else ""
    return "; ".join(shown) + more


def _phrases(changes: Sequence[ChangeJson]) -> list[str]:
    born = {
        kind: [change["text"] for change in changes if change["change"] == kind]
        for kind in (CreateTable.__name__, AddView.__name__)
    }
    many = {kind for kind, texts in born.items() if len(texts) > FEW}
    counted = [count(len(born[kind]), "new table" if kind == CreateTable.__name__ else "new view") for kind in many]
    return sorted(counted) + [change["text"] for change in changes if change["change"] not in many]
