"""Draws the last generations: the order in which they were live, and the rollbacks."""

from __future__ import annotations

from dataclasses import dataclass

from ..history.action import WENT_BACK, HistoryAction
from ..management.local_time import local_time
from ..models import SchemaVersion
from .history_rows import light, story
from .selected_database import SelectedDatabase

LAST = 12  # rows of the history that the picture shows
STEP, LEFT, BASE, ARC = 78, 44, 64, 40  # pixels: between two generations, to the first, from the top, height of an arc


@dataclass(frozen=True, slots=True)
class Dot:
    """A generation at its position; `title` is the tooltip and the text for screen readers."""

    x: int
    name: str
    number: str
    title: str
    is_live: bool
    is_gone: bool
    pk: int


@dataclass(frozen=True, slots=True)
class Way:
    """An arrow from one generation to the next one that was live. `path`: its SVG path. `is_back`: True for a
    rollback."""

    path: str
    title: str
    is_back: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    dots: tuple[Dot, ...]
    ways: tuple[Way, ...]
    width: int
    height: int = BASE + 36
    base: int = BASE


def timeline(selected: SelectedDatabase) -> Timeline:
    """Return the timeline of the last rows of the history: each generation once, and the arrows between them in
    order."""
    rows = list(light(SchemaVersion.objects.using(selected.alias)).order_by("-id")[:LAST])[::-1]
    names = list(dict.fromkeys(row.generation for row in rows))
    there = {g.name for g in selected.layout.generations()}
    live = rows[-1].generation if rows else ""
    last = {row.generation: row for row in rows}
    dots = tuple(
        Dot(
            LEFT + STEP * number,
            name,
            name.partition("-")[0].lstrip("0"),
            f"{name}: {local_time(last[name].applied_at)}, {story(last[name])}",
            name == live,
            name not in there,
            last[name].pk,
        )
        for number, name in enumerate(names)
    )
    return Timeline(dots, tuple(_ways(rows, names)), 2 * LEFT + STEP * max(len(names) - 1, 0))


def _ways(rows: list[SchemaVersion], names: list[str]) -> list[Way]:
    found = []
    for row in rows:
        if row.previous not in names or row.previous is None or row.action == HistoryAction.ALTER:
            continue
        start, end = (LEFT + STEP * names.index(name) for name in (row.previous, row.generation))
        is_back = row.action in WENT_BACK
        middle = (start + end) // 2
        drawn = (
            f"M{start},{BASE} Q{middle},{BASE - ARC - abs(end - start) // 12} {end},{BASE}"
            if is_back
            else f"M{start},{BASE} L{end},{BASE}"
        )
        found.append(Way(drawn, f"{row.previous} → {row.generation}: {story(row)}", is_back))
    return found
