"""Medians, ratios and the tables that show them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from .process import ROOT

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
TITLE = "# Benchmarks"


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return the median, followed by the smallest and the largest value: `2.00 (1.50 to 3.00)`."""
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table that is aligned for a terminal too: the first column left, the others right."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *others = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join([first, *others])} |"

    rule = ["-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return [line(headings), line(rule), *map(line, rows)]


def write(name: str, lines: Sequence[str]) -> None:
    """Replace the section of this name in RESULTS.md, or insert it as the first. The others stay as they are."""
    text = RESULTS.read_text("utf-8") if RESULTS.exists() else f"{TITLE}\n"
    head, *sections = text.split("\n## ")
    kept = {section.partition("\n")[0]: section.rstrip("\n") for section in sections}
    written = "\n".join([name, "", *lines]).rstrip("\n")
    kept = {**kept, name: written} if name in kept else {name: written, **kept}
    body = "".join(f"\n## {section}\n" for section in kept.values())
    RESULTS.write_text(f"{head.rstrip()}\n{body}", "utf-8")
