"""Roll back one tenant to the file that it had before the last swap, or before a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from ...actions import keep_writes, rollback
from ...actions.database import Database
from ...actions.option_values import WAIT
from ...engines.sqlite.verify.row_counts import RowDiff
from ...errors import Busy, Code, Refused
from ...history.row import HistoryRow
from ...sync import history
from ...sync.keep_writes import Ahead, KeepWritesOptions
from ...sync.rollback import Preview, RolledBack
from .one import ROLLBACK, Done, Outcome, listed, noted, tried

OF_MODELS = frozenset({"django_content_type", "auth_permission"})
"""Tables in which `migrate` adds rows for new models: rows that were added there belong to the release."""

TRIES = 3  # attempts, as a write between the count of the rows and the swap fails one


class Writes(StrEnum):
    """The treatment of rows that were written since the release."""

    REFUSE = "refuse"
    """A tenant with such rows stays as it is."""
    LEAVE = "leave"
    """They stay in the file of the release, which is kept whole."""
    KEEP = "keep"
    """They are kept: a file with the earlier schema and the rows of today is built."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """A job that rolls back a tenant. `release`: the version to roll back from; a tenant with another version is left
    as it is. None: from its present version."""

    release: str | None
    writes: Writes = Writes.REFUSE
    wait: float = WAIT

    def __call__(self, key: str) -> Outcome:
        return noted(tried(key, self.wait, self._back), ROLLBACK)

    def _back(self, database: Database) -> Done:
        database.finish_swap()
        rows = history.rows(database.target())
        if self.release not in (None, rows[-1].version):
            return Done(rows[-1].version)
        to = destination(rows, self.release)
        match self.writes:
            case Writes.REFUSE:
                done = _unwritten(database, to)
            case Writes.LEAVE:
                done = rollback.rollback(database, to, _yes)
            case Writes.KEEP:
                return Done(keep_writes.keep_writes(database, to, KeepWritesOptions(), _yes).ahead.to.version)
            case _:
                assert_never(self.writes)
        return Done(done.preview.to.version, counted(done.preview))


@dataclass(frozen=True, slots=True)
class Count:
    """A job that counts the rows that were written in a tenant since the release, like `Rollback`, without a change."""

    release: str | None
    writes: Writes = Writes.REFUSE
    wait: float = WAIT

    def __call__(self, key: str) -> Outcome:
        return tried(key, self.wait, self._count)

    def _count(self, database: Database) -> Done:
        rows = history.rows(database.target())
        to = destination(rows, self.release)
        ahead = rollback.preview(database, to)
        if self.writes is Writes.KEEP:
            keep_writes.refuse_hazards(keep_writes.preview(database, to, KeepWritesOptions()))
        return Done(rows[-1].version, counted(ahead))


def destination(rows: Sequence[HistoryRow], release: str | None) -> str | None:
    """Return the generation that was live before the release; None for the one before the last swap."""
    if release is None:
        return None
    earlier = next((row.generation for row in reversed(rows) if row.version != release), None)
    return None if earlier == rows[-1].generation else earlier  # altered in place: the rollback to None is refused


def counted(ahead: Preview) -> Mapping[str, int]:
    """Return how many rows were written since, by table; -1 for a table that cannot be compared."""
    return {one.table: _number(one) for one in ahead.written if not _is_of_release(one)}


def _number(one: RowDiff) -> int:
    return one.added + one.changed + one.removed if one.comparable else -1


def _is_of_release(one: RowDiff) -> bool:
    return one.table in OF_MODELS and one.comparable and not (one.changed or one.removed)


def _unwritten(database: Database, to: str | None) -> RolledBack:
    """Roll back if nothing was written since. Count again if somebody writes meanwhile. Raises Refused if rows were
    written, and Busy after TRIES attempts."""
    for _ in range(TRIES - 1):
        try:
            return rollback.rollback(database, to, _refuse_written, only_unwritten=True)
        except Busy as busy:
            if busy.code is not Code.CHANGED_DURING_RUN:
                raise
    return rollback.rollback(database, to, _refuse_written, only_unwritten=True)


def _refuse_written(ahead: Preview) -> bool:
    if found := counted(ahead):
        raise Refused.of(
            Code.WRITES_LEFT_BEHIND,
            f"rows were written since: {listed(found)}",
            "Its file is as it was. To take them along, where the earlier schema has room for them, run the same "
            "command with --keep-writes. To leave them in the file of the release, which is kept: --leave-writes",
            rows=dict(found),
        )
    return True


def _yes(ahead: Preview | Ahead) -> bool:
    return True
