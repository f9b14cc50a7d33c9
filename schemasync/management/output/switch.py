"""The result of a switch, as text and as JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypedDict

from ...diff.hazards import HazardCode
from ...errors import ProblemJson
from ...schema.text import count, short
from ...sync.switch import Switched
from ...texts import span
from ..brief import nothing_to_do
from . import sync
from .shared import Lines, paragraph
from .terminal import Page

_WHY = "its archive is gone, has another key, or it is a virtual table: manage.py schemasync history"


class SwitchJson(TypedDict):
    """What `manage.py schemasync switch --json` prints."""

    result: Literal["current", "rolled_back", "synced"]
    version: str
    generation: str
    """The generation that is live now."""
    left: str | None
    """The generation that was live before; null if nothing was done."""
    kept: list[str]
    """What only that one has, as `table` or `table.column`."""
    brought_back: dict[str, int]
    """The rows that came back from archives, for each `table` or `table.column`."""
    not_brought_back: list[str]
    """What the database had when it last had this version, and what no archive can give back: its file is gone, its key
    differs, or it is a virtual table."""
    pause_ms: int
    """How long writers waited."""
    errors: list[ProblemJson]


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
    return lines + [f"  not brought back: {name}; {_WHY}" for name in done.not_brought_back]


def as_json(done: Switched) -> SwitchJson:
    """The JSON object."""
    ended = done.rolled_back or done.report
    return {
        "result": "rolled_back" if done.rolled_back else "synced" if done.report else "current",
        "version": done.version,
        "generation": done.generation,
        "left": done.left,
        "kept": list(done.kept),
        "brought_back": done.brought_back or {},
        "not_brought_back": list(done.not_brought_back),
        "pause_ms": ended.pause_ms if ended is not None else 0,
        "errors": [],
    }
