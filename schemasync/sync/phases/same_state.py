"""Remembers what was planned for a database, for others in the same state: most tenants of a fleet are in one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ...history.row import HistoryRow
from ...history.rows import hints_of, models_of

MOST = 16  # states: those that a fleet has been left in by the last releases

Decided = TypeVar("Decided")
State = tuple[object, ...]
"""What a plan depends on before a row is read. Equal for two databases whose plans are the same."""


@dataclass(slots=True, eq=False)
class SameState(Generic[Decided]):
    """What was decided in this process, by the state of the database; of the last states alone."""

    _known: deque[tuple[State, Decided]] = field(default_factory=lambda: deque(maxlen=MOST), init=False)

    def get(self, state: State) -> Decided | None:
        """What was decided for a database in this state; None if there was none."""
        return next((decided for known, decided in self._known if known == state), None)

    def note(self, state: State, decided: Decided) -> None:
        """Remember it."""
        self._known.append((state, decided))


def of_history(newest: HistoryRow) -> State:
    """What a plan takes from the newest row of the history: nothing that is of one database alone."""
    recorded = (newest.version, newest.schema, newest.fingerprint, newest.sqlite_version)
    return (*recorded, hints_of(newest), models_of(newest))
