"""The result of a switch, as text."""

from __future__ import annotations

from dataclasses import replace

from ...diff.hazards import HazardCode
from ...schema.text import count, short
from ...sync.switch import Switched
from ...texts import span
from ..brief import nothing_to_do
from . import sync
from .shared import Lines, paragraph
from .terminal import Page

_WHY = "its archive is gone, has another key, or it is a virtual table: manage.py schemasync history"

_IN_DOUBT = "rows that were written since, whose ids may be other rows now; they stay in"


def lines(done: Switched, page: Page) -> Lines:
    """The result of a switch."""
    if done.rolled_back is not None:
        return [
            f"{done.generation} is live again: version {short(done.version)}, with every row; "
            f"writers waited {span(done.rolled_back.pause_ms)}"
        ]
    if done.report is None:
        return [nothing_to_do(done.generation, done.version)]
    kept = tuple(one for one in done.report.hazards if one.code is not HazardCode.ROWS_DROPPED)
    lines = [line for line in sync.lines(replace(done.report, hazards=kept), page) if not line.startswith("To undo it")]
    lines += paragraph(f"kept aside in {done.left}: ", done.kept, page)
    lines += [f"  brought back: {name}, {count(rows, 'row')}" for name, rows in (done.brought_back or {}).items()]
    for one in done.in_doubt:
        lines.append(f"  not brought back: {one.column}, {count(one.rows, 'value')} of {_IN_DOUBT} {one.generation}")
    return lines + [f"  not brought back: {name}; {_WHY}" for name in done.not_brought_back]
