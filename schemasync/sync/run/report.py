"""The outcome of a run, for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ...diff.changes import Change
from ...diff.changes import as_json as change_json
from ...diff.hazards import Hazard
from ...history.row import HistoryRow
from ...history.rows import Followed
from ...plan.model import Plan


@dataclass(slots=True)
class Report:
    """The outcome of a sync. `result`: current or synced; errors are raised, and put into the same JSON later."""

    result: str
    version: str
    previous: str | None = None
    generation: str | None = None
    strategy: str | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: int = 0
    duration_ms: int = 0
    pause_ms: int = 0
    hazards: tuple[Hazard, ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()
    changes: tuple[Change, ...] = ()
    notes: list[str] = field(default_factory=list)
    followed: Followed | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "result": self.result,
            "version": self.version,
            "previous": self.previous,
            "generation": self.generation,
            "strategy": self.strategy,
            "tables": self.tables,
            "rows": self.rows,
            "duration_ms": self.duration_ms,
            "pause_ms": self.pause_ms,
            "hazards": [hazard.as_json() for hazard in self.hazards],
            "foreign": [{"type": kind, "name": name} for kind, name in self.foreign],
            "changes": [change_json(change) for change in self.changes],
            "notes": self.notes,
            "replay": self.followed and asdict(self.followed),
            "errors": [],
        }


def tables_of(plan: Plan, rows: dict[str, int]) -> dict[str, dict[str, Any]]:
    """Per table what happened to it, and how many rows were written."""
    found: dict[str, dict[str, Any]] = {}
    for step in plan.steps:
        name = f"{step.name} (dropped)" if step.name in found else step.name  # another took its name over
        found[name] = {
            "action": str(plan.effective_action(step)),
            "rows": 0 if name != step.name else rows.get(name, 0),
        }
    return found


def as_row_json(row: HistoryRow) -> dict[str, Any]:
    """A history row without its bulky parts."""
    return {
        "id": row.id,
        "version": row.version,
        "applied_at": row.applied_at,
        "action": row.action,
        "generation": row.generation,
        "previous": row.previous,
        "rows": row.rows,
        "duration_ms": row.duration_ms,
        "pause_ms": row.pause_ms,
        "actor": row.actor,
        "tool_version": row.tool_version,
        "sqlite_version": row.sqlite_version or None,
    }
