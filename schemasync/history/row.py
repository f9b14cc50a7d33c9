"""A history row: one for each time that a generation went live or was changed in place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

HISTORY_TABLE = "_schema_versions"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One row of the history; `id` is 0 before it is written. `schema`, `hints` and `plan` are JSON.

    `sqlite_version`: of the SQLite that built the generation, '' if an older release did not record it.
    """

    id: int
    version: str
    applied_at: str
    action: str
    generation: str
    previous: str | None
    schema: str
    hints: str
    fingerprint: str
    plan: str
    rows: int
    duration_ms: int
    pause_ms: int
    actor: str
    tool_version: str
    sqlite_version: str = ""

    @property
    def identity(self) -> tuple[object, ...]:
        """The columns that never change and that distinguish a row from the rows of other databases."""
        return self.id, self.version, self.applied_at, self.action, self.generation

    @property
    def document(self) -> str | None:
        """The digest of the schema.json that the generation was made from; None if nothing recorded it."""
        found = self.details.get("document")
        return found if isinstance(found, str) else None

    @property
    def run(self) -> dict[str, Any] | None:
        """The figures of the run, as `sync.run.recorder` wrote them; None if nothing recorded them."""
        found = self.details.get("run")
        return found if isinstance(found, dict) else None

    @property
    def details(self) -> dict[str, Any]:
        """The content of the plan column; empty if somebody changed the row by hand into something that is not JSON."""
        try:
            found = json.loads(self.plan)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
