"""The outcome of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypedDict

from ...diff.changes import Change
from ...diff.hazards import Hazard
from ...history.rows import Followed
from ...plan.model import Action, Plan, Strategy


class TableReport(TypedDict):
    """The step of a table."""

    action: Action
    rows: int
    """How many rows were written."""


@dataclass(slots=True)
class Report:
    """The outcome of a sync. `result`: current or synced; errors are raised. `ran`: the migrations that ran on the new
    file."""

    result: Literal["current", "synced"]
    version: str
    previous: str | None = None
    generation: str | None = None
    strategy: Strategy | None = None
    tables: dict[str, TableReport] = field(default_factory=dict)
    rows: int = 0
    duration_ms: int = 0
    pause_ms: int = 0
    hazards: tuple[Hazard, ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()
    changes: tuple[Change, ...] = ()
    notes: list[str] = field(default_factory=list)
    followed: Followed | None = None
    ran: tuple[str, ...] = ()


def tables_of(plan: Plan, rows: dict[str, int]) -> dict[str, TableReport]:
    """For each table its step, and how many rows were written."""
    found: dict[str, TableReport] = {}
    for step in plan.steps:
        name = f"{step.name} (dropped)" if step.name in found else step.name  # another table got its name
        found[name] = {
            "action": plan.effective(step).action,
            "rows": 0 if name != step.name else rows.get(name, 0),
        }
    return found
