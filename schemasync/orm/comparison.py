"""Compares schema.json with the models, without writing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..diff.changes import lines_by_table
from ..errors import Code, Problem, Refused
from ..texts import LINE_WIDTH, crop
from .export import Exported

DECISIONS = frozenset({Code.RENAME_OR_DROP, Code.DATA_MIGRATION, Code.UNCLAIMED_TABLE})
"""Codes of problems of an export that need a decision of the author."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`found`: the result of an export; None if the author first has to decide about `problems`."""

    differs: bool
    found: Exported | None = None
    problems: tuple[Problem, ...] = ()

    def lines(self) -> list[str]:
        """Return one line for each table that differs, or for each decision of the author; empty if nothing differs."""
        if self.found is None:
            return [problem.message for problem in self.problems]
        if not self.differs:
            return []
        changed = [crop(line, LINE_WIDTH) for line in lines_by_table(self.found.changes)]
        return [*changed, *self.found.ownership()] or ["hints only"]


def agreement(export: Callable[[], tuple[Exported, bool]]) -> Comparison:
    """Return the comparison of an export that writes nothing. Raises its errors if they are more than decisions of the
    author."""
    try:
        found, differs = export()
    except Refused as refusal:
        if any(one.code not in DECISIONS for one in refusal.problems):
            raise
        return Comparison(differs=True, problems=tuple(refusal.problems))
    return Comparison(differs, found)
