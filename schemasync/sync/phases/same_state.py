"""Keeps the plan for a database, for others in the same state: most tenants of a fleet share one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ...history.row import HistoryRow
from ...history.rows import hints_of, models_of

MOST = 16  # states: tenants of a fleet may be at several of the last releases

Decided = TypeVar("Decided")
State = tuple[object, ...]
"""The facts that a plan depends on before a row is read: if they are equal for two databases, so is the plan."""


@dataclass(slots=True, eq=False)
class SameState(Generic[Decided]):
    """The decisions of this process, by the state of the database, for the last MOST states."""

    _known: deque[tuple[State, Decided]] = field(default_factory=lambda: deque(maxlen=MOST), init=False)

    def get(self, state: State) -> Decided | None:
        """Return the decision for a database in this state; None if there is none."""
        return next((decided for known, decided in self._known if known == state), None)

    def note(self, state: State, decided: Decided) -> None:
        """Keep the decision for this state."""
        self._known.append((state, decided))


def of_history(newest: HistoryRow) -> State:
    """Return the facts of the newest history row that a plan depends on. All of them may be equal in several
    databases."""
    recorded = (newest.version, newest.schema, newest.fingerprint, newest.sqlite_version)
    return (*recorded, hints_of(newest), models_of(newest))
