"""Draw the main table as an SVG: one line for each group of goals, as multiples of the goal.

Text stays text, the colours follow the reader's light or dark theme, and words repeat what colours show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from statistics import median

from .measure import Figures
from .report import shown, values
from .table import Goal

WIDTH, TOP, ROW = 1000, 92, 34
LEFT, RIGHT = 540, 750  # the ends of the scale
LEAST, MOST = 0.1, 10.0  # their values, as multiples of the goal
SCALE = "medians, and the lowest to highest of the pairs, as multiples of the goal: left of the dashed line holds"
STYLE = """
text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.small { font-size: 12px; fill: #59636e } .title { font-size: 17px; font-weight: 600 } .end { text-anchor: end }
.middle { text-anchor: middle } .goal { stroke: #59636e; stroke-dasharray: 4 3 } .line { stroke: #d1d9e0 }
.holds { fill: #0969da; stroke: #0969da } .misses { fill: #bc4c00; stroke: #bc4c00 } .range { stroke-width: 3 }
.ground { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { fill: #9198a1 } .goal { stroke: #9198a1 } .line { stroke: #3d444d }
.holds { fill: #4493f8; stroke: #4493f8 } .misses { fill: #f0883e; stroke: #f0883e } .ground { fill: #0d1117 }
}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A group of goals, shown by its worst member, with that one's values."""

    what: str
    against: str
    goal: Goal
    found: list[float]
    members: int

    @property
    def holds(self) -> bool:
        return self.goal.holds(median(self.found))

    def sentence(self) -> str:
        """Return a description for readers who cannot see the picture."""
        most = f"at most {self.goal.phrase()}, which {'holds' if self.holds else 'does not hold'}"
        return f"{self.what} against {self.against}: {shown(self.goal, self.found)}; {most}."


def lines(all_figures: Sequence[Figures]) -> list[Line]:
    """Return a line for each group that has a goal and figures."""
    groups: dict[str, list[tuple[Goal, list[float]]]] = {}
    for one in all_figures:
        found = values(one)
        if found is not None and one.goal.at_most is not None:
            groups.setdefault(one.goal.line, []).append((one.goal, found))
    return [_line(name, group) for name, group in groups.items()]


def _line(name: str, group: list[tuple[Goal, list[float]]]) -> Line:
    goal, found = max(group, key=lambda one: _multiple(one[0], median(one[1])))
    return Line(name.partition("|")[0] if len(group) > 1 else goal.what, goal.against, goal, found, len(group))


def _multiple(goal: Goal, value: float) -> float:
    assert goal.at_most is not None
    return value / goal.at_most


def draw(all_figures: Sequence[Figures], note: str) -> str:
    """Return the picture as SVG. `note`: a line below it, such as the date and the machine of the measurement."""
    drawn = lines(all_figures)
    height = TOP + ROW * len(drawn) + 44
    holding = sum(line.holds for line in drawn)
    title = f"schemasync: {holding} of {len(drawn)} speed goals hold"
    body = [
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
        _text(20, 32, title, "title"),
        _text(20, 54, SCALE, "small"),
        _text(20, 78, "what, and against what", "small"),
        *(_text(_x(at), 78, name, "small middle") for at, name in ((LEAST, "0.1"), (1.0, "goal"), (MOST, "10"))),
        _text(RIGHT + 20, 78, "measured", "small"),
        _text(WIDTH - 20, 78, "at most", "small end"),
        f'<line class="goal" x1="{_x(1.0)}" y1="{TOP - 8}" x2="{_x(1.0)}" y2="{height - 40}"/>',
        *(part for number, line in enumerate(drawn) for part in _drawn(line, TOP + ROW * number)),
        _text(20, height - 16, note, "small"),
    ]
    described = " ".join(line.sentence() for line in drawn)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(described)}</desc>',
        f"<style>{STYLE}</style>",
        *body,
        "</svg>",
        "",
    ])  # fmt: skip


def _drawn(line: Line, top: int) -> list[str]:
    middle, kind = top + ROW // 2, "holds" if line.holds else "misses"
    low, mid, high = (_x(_multiple(line.goal, each)) for each in (min(line.found), median(line.found), max(line.found)))
    worst = f", worst of {line.members}" if line.members > 1 else ""
    return [
        f'<line class="line" x1="20" y1="{top}" x2="{WIDTH - 20}" y2="{top}"/>',
        _text(20, middle - 2, line.what),
        _text(20, middle + 12, line.against + worst, "small"),
        f'<line class="{kind} range" x1="{low}" y1="{middle}" x2="{high}" y2="{middle}"/>',
        f'<circle class="{kind}" cx="{mid}" cy="{middle}" r="6"/>',
        _text(RIGHT + 20, middle - 2, shown(line.goal, line.found)),
        _text(RIGHT + 20, middle + 12, "holds" if line.holds else "does not hold", "small"),
        _text(WIDTH - 20, middle - 2, line.goal.phrase().partition(" (")[0], "end"),
    ]


def _x(multiple: float) -> float:
    """Return the position on the logarithmic scale. A value beyond an end is drawn at that end."""
    share = (log10(min(max(multiple, LEAST), MOST)) - log10(LEAST)) / (log10(MOST) - log10(LEAST))
    return round(LEFT + share * (RIGHT - LEFT), 1)


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{escape(text)}</text>'
