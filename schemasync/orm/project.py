"""Exports a project: its models and installed migrations into its schema.json."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import conf, databases
from ..diff.changes import shortened
from ..diff.questions import Ask
from ..errors import Code, SchemasyncError
from ..files.layout import Layout
from ..schema import document
from ..schema.names import fold
from ..sync import history
from ..sync.phases.older_version import was_rolled_back, was_undone
from ..sync.run.target import Target
from ..texts import shown
from .comparison import agreement
from .data_migrations import carrying, is_of_django, unseen
from .export import Exported, export
from .export_decisions import NOTHING_DECIDED, Decisions
from .export_tables import DataMigrations
from .fills import NeedsFill, fill_of
from .models import modelled


@dataclass(frozen=True, slots=True)
class Project:
    """One database of a project, and its schema.json."""

    alias: str
    path: Path

    def compared(self, seen: Collection[str] = (), decisions: Decisions = NOTHING_DECIDED) -> tuple[Exported, bool]:
        """Return the new content of the file without fills, and whether it differs. Asks no questions."""
        return self._exported(None, seen, decisions, fills=False)

    def exported(
        self, ask: Ask | None, seen: Collection[str] = (), decisions: Decisions = NOTHING_DECIDED
    ) -> tuple[Exported, bool]:
        """Like compared(), but with answers of `ask`, and with fills: existing rows get the values that Django would
        give them."""
        return self._exported(ask, seen, decisions, fills=True)

    def left_behind(self) -> Iterator[str]:
        """Yield the data migrations that will not run on a new database, except Django's own, if there is no file
        yet."""
        if not self.path.exists():
            yield from (name for name in unseen(carrying(), {}) if not is_of_django(name))

    def _exported(
        self, ask: Ask | None, seen: Collection[str], decisions: Decisions, *, fills: bool
    ) -> tuple[Exported, bool]:
        before = self.path.read_text("utf-8") if self.path.exists() else None
        models = modelled(self.alias)

        def fill(table: str, column: str) -> str | NeedsFill | None:
            found = models.fields.get((fold(table), fold(column)))
            return fill_of(self.alias, found) if fills and found is not None else None

        known = DataMigrations(carrying(), {*seen, *conf.data_migrations()})
        found = export(before, models, fill, ask, shown(self.path), known, decisions)
        return found, found.differs(before)


def differences(alias: str, path: Path) -> list[str]:
    """Return one line for each table in which the models and the file differ, or an error; empty if they agree."""
    try:
        return agreement(Project(alias, path).compared).lines()
    except (SchemasyncError, OSError) as error:
        return _first_line(error)


def difference(alias: str, path: Path) -> str:
    """Return the names of tables in which the models and the file differ, or a phrase or an error; '' if they agree."""
    try:
        found = agreement(Project(alias, path).compared)
    except (SchemasyncError, OSError) as error:
        return "".join(_first_line(error))
    if found.problems:
        renamed = any(problem.code is Code.RENAME_OR_DROP for problem in found.problems)
        return "something was renamed or dropped" if renamed else found.problems[0].message
    return shortened([line.partition(": ")[0] for line in found.lines()])


def is_of_before_rollback(alias: str, path: Path) -> bool:
    """True if the database was rolled back from the version of the models, so that a sync to it is refused."""
    try:
        found = agreement(Project(alias, path).compared).found
        rows = history.rows(Target(Layout(databases.path_of(alias)), databases.opener(alias)))
        version = document.read(found.text.encode()).version if found is not None else ""
        return was_rolled_back(version, rows) or was_undone(version, rows)
    except (SchemasyncError, OSError):  # without a database or a history there was no rollback
        return False


FORWARD_AGAIN = (
    "The database was rolled back from the version of these models, so a sync to it is refused. To stay there, run the "
    "release that belongs to it; to go forward again with today's data: manage.py schemasync --export --allow-older"
)


def _first_line(error: Exception) -> list[str]:
    return str(error).splitlines()[:1]
