"""Find data migrations that a database never ran, by its django_migrations and its own history.

Each database has run its own set of migrations: one schema.json serves many databases, and each may have stopped at
another release.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ..plan.model import NeverRun
from .action import HistoryAction
from .row import HistoryRow
from .rows import models_of


@dataclass(frozen=True, slots=True)
class DataMigration:
    """A migration that runs Python or SQL, as `app.name`; `replaces` are those that it was squashed from."""

    name: str
    replaces: tuple[DataMigration, ...] = ()

    def is_in(self, names: Collection[str]) -> bool:
        """True if the names contain it, or all that it was squashed from."""
        return self.name in names or (bool(self.replaces) and all(one.is_in(names) for one in self.replaces))


def recorded(rows: Sequence[HistoryRow]) -> NeverRun | None:
    """Return the data migrations that the history records for the live generation as never run; None if the release
    that wrote its rows did not check."""
    for row in reversed(rows):
        found = row.details.get("data_migrations") if row.generation == rows[-1].generation else None
        if found is not None:
            return NeverRun(frozenset(found["passed_over"]), frozenset(found["born_with"]))
    return None


def unapplied(
    installed: Collection[DataMigration],
    applied: Collection[str],
    rows: Sequence[HistoryRow],
    accepted: Collection[str] = (),
) -> tuple[tuple[str, ...], NeverRun]:
    """Return the names of the installed data migrations that the database never ran and nobody accepted, and the record
    for the history if there are none. `accepted`: those that are accepted now."""
    known = recorded(rows)
    if known is None and not _lived_on_migrations(applied, rows):
        return (), NeverRun(born_with=frozenset(one.name for one in installed))
    known = known or NeverRun()
    behind = {*applied, *known.passed_over, *known.born_with}
    missing = [one.name for one in installed if not one.is_in(behind)]
    passed = known.passed_over.union(name for name in missing if name in accepted)
    return tuple(name for name in missing if name not in accepted), replace(known, passed_over=passed)


def _lived_on_migrations(applied: Collection[str], rows: Sequence[HistoryRow]) -> bool:
    """Return whether migrations made the tables of a database whose history records no data migrations. A database that
    was made from models in schema.json may have rows for apps that keep their migrations, but used none for the others.
    """
    was_made_from_models = bool(rows) and rows[0].action == HistoryAction.SYNC and bool(models_of(rows[0]))
    return bool(applied) and not was_made_from_models
