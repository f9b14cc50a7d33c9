"""Whether the database can be used now, as text."""

from __future__ import annotations

from ...errors import Problem
from ...schema.text import short
from ...sync.health import Health
from ...texts import size
from .shared import Lines, problem


def lines(found: Health) -> Lines:
    """The live generation, and what needs attention."""
    row = found.live
    if found.unusable:
        return []
    state = f"{row.generation} can be used: version {short(row.version)}" if row else "the database can be used"
    return [f"{state}; {size(found.free)} of the disk are free"]


def why(found: Health) -> Lines:
    """Everything that is wrong, for the error of the command; empty if nothing is."""
    return [*_told("unusable", found.unusable), *_told("attention", found.attention)]


def _told(word: str, problems: tuple[Problem, ...]) -> Lines:
    return [f"{word} {line}" for one in problems for line in [problem(one)]]
