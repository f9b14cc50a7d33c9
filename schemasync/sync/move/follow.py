"""Follows the writes to the file: brings to PostgreSQL what was written since the last round."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...engines.postgres.counters import set_counters
from ...engines.postgres.replay import LogRange, replay, written
from ...engines.sqlite.capture import changelog
from ...engines.sqlite.capture.replay import schema_changed
from ...engines.sqlite.connection import Connection, schema_version
from ...engines.sqlite.for_postgres.reading import Changes
from ...engines.sqlite.transactions import snapshot
from ...errors import Code, Failed
from ...schema.names import fold
from ..phases.capture import Capture
from ..phases.lag import FEW, MANY, RATE
from .decide import MovePlan
from .equality import check_equal

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There


@dataclass(slots=True)
class Follower:
    """How far PostgreSQL has followed the file. `source`: a connection of its own to the file. `bound`: the last entry
    of the change log that was replayed."""

    source: Connection
    plan: MovePlan
    capture: Capture
    bound: int
    changes: Changes = field(default_factory=Changes)
    rounds: int = 0
    keys: int = 0
    rate: float = RATE / 10

    def waiting(self) -> int:
        """The number of entries that were not replayed yet."""
        return changelog.last_entry(self.source) - self.bound

    def few(self, seconds: float) -> int:
        """How many entries can be replayed in that time."""
        return max(FEW, int(self.rate * seconds))

    def round(self, there: There, *, prove: bool = True) -> None:
        """One round in its own transaction there. Raises Failed if a row differs, or does not fit."""
        begun = time.monotonic()
        with snapshot(self.source):
            count = self.catch_up(there, prove=prove)
        if count >= MANY:
            self.rate = count / max(time.monotonic() - begun, 0.001)

    def catch_up(self, there: There, *, prove: bool = False) -> int:
        """The same up to the state that the caller's snapshot sees; returns how many rows were copied."""
        with there.transaction():
            count, upto = self.replayed(there, prove=prove)
        self.bound = upto
        return count

    def replayed(self, there: There, *, prove: bool = True) -> tuple[int, int]:
        """Replay, and prove what is replayed, in the caller's transactions on both sides; returns how many rows were
        copied, and up to which entry."""
        log = LogRange(self.bound, self._last_entry())
        done = replay(self.source, there, self.plan.tables, log, self.changes, prove=prove)
        check_equal(done.proofs)
        self.rounds += 1
        self.keys += done.rows
        return done.rows, log.upto

    def counters(self, there: There, log: LogRange | None = None) -> None:
        """Set the counters of identity columns: of the tables that were written in the range, or of all."""
        tables = self.plan.tables if log is None else written(self.source, self.plan.tables, log)
        for table in tables:
            set_counters(self.source, there, table.moved)

    def may_have_changed(self) -> dict[str, frozenset[str]]:
        """By table, the folded names of the columns of which a policy may have changed values."""
        seen: dict[str, set[str]] = {}
        for name, column in self.changes.columns:
            seen.setdefault(name, set()).add(fold(column))
        return {name: self.plan.judged(name) | seen.get(name, set()) for name in self.plan.rows}

    def _last_entry(self) -> int:
        """Raises Failed if somebody changed the schema, or the log lost entries."""
        seen = (
            changelog.read_schema(self.source) if schema_version(self.source) != self.capture.schema.version else None
        )
        if seen is not None and not seen.has_text_of(self.capture.schema):
            raise schema_changed()
        last = changelog.last_entry(self.source)
        if last < self.bound:
            raise Failed.of(
                Code.CHANGED_DURING_RUN,
                "the change log in the live file lost entries",
                "Find out who deletes from it, then run again.",
            )
        return last
