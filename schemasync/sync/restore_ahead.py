"""Decides what a restore makes: the generation, its history, and in which rows it differs from the live file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ..engines.sqlite import history_table
from ..engines.sqlite.objects import fingerprint
from ..errors import Code, Refused
from ..files.layout import Generation
from ..history.in_place import Backup, restored
from ..history.lineage import Lineage
from ..history.row import HistoryRow
from ..schema.text import short
from .phases.decide import decide
from .restore_with_sync import Wanted
from .rollback import Preview
from .run.live_database import LiveDatabase
from .run.target import Target
from .sides import differences, sides_of


@dataclass(frozen=True, slots=True)
class Ahead:
    """The preview of a restore, which makes `generation` live with a history that ends with the row `to`. `preview`:
    the rows in which it differs from the live file; None if no generation is live. `synced_to`: the version to which a
    sync brings the backup first; None without a sync."""

    to: HistoryRow
    generation: Generation
    preview: Preview | None
    synced_to: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """`current`: the live database, or an empty file; None without either. `rows`: the history of the new generation,
    whose file is `copy` now. `synced_to`: as in `Ahead`."""

    current: LiveDatabase | None
    rows: Sequence[HistoryRow]
    generation: Generation
    copy: Path
    synced_to: str | None

    @property
    def replaces(self) -> bool:
        """True if a generation is live, which stays live if the application's check refuses the new one."""
        return self.current is not None and self.current.generation is not None

    def ahead(self, target: Target) -> Ahead:
        """Return the preview."""
        row, current = self.rows[-1], self.current
        if current is None or current.generation is None or current.newest is None:
            return Ahead(row, self.generation, None, self.synced_to)
        there = replace(self.generation, path=self.copy)
        tallies = differences(target, sides_of(self.rows, current.generation, there, target.opener))
        found = Preview(current.newest, row, self.generation, tallies, self._is_since(current.newest))
        return Ahead(row, self.generation, found, self.synced_to)

    def _is_since(self, live: HistoryRow) -> bool:
        """Return True if the live file was made from the state of which the backup is a copy: then all differences were
        written since."""
        lineage = Lineage(self.rows)
        source = lineage.before(self.rows[-1])
        return source is not None and source.id in {row.id for row in lineage.line(live.generation)}


def decided(target: Target, current: LiveDatabase | None, copy: Path, backup: Backup, wanted: Wanted | None) -> Decided:
    with closing(target.opener.read(copy)) as connection:
        its = history_table.read(connection)
    if not its:
        raise Refused.of(
            Code.NO_HISTORY,
            f"{backup.name} has no history: it was made before the database was adopted",
            "To restore it into a file, which can be put at the path and adopted: manage.py schemasync restore "
            f"{backup.words} --into FILE",
        )
    live = current.rows if current is not None and current.rows else its
    used = (row.generation for row in (*live, *its))
    synced_to = None if wanted is None else wanted.document.version
    generation = target.layout.next(short(synced_to or its[-1].version), used)
    row = restored(live, its, generation.name, backup, target.stamp)
    return Decided(current, (*live, row), generation, copy, synced_to)


def check_sync(target: Target, decided: Decided, wanted: Wanted | None) -> None:
    """Raise the errors of a sync of the restored file, if one is wanted: for example, if its rows do not fit the
    schema."""
    if wanted is None:
        return
    copy, generation = decided.copy, decided.generation
    with closing(target.opener.read(copy)) as connection:
        state = LiveDatabase(connection, copy, generation, tuple(decided.rows), fingerprint(connection))
        decide(target, wanted.document, wanted.options, state)
