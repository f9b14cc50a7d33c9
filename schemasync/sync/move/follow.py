"""Follows the writes to the file: replays on PostgreSQL the rows that were written since the last round."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...engines.postgres.counters import set_counters
from ...engines.postgres.replay import LogRange, Replayed, replay, written
from ...engines.sqlite.capture import changelog
from ...engines.sqlite.capture.replay import schema_changed
from ...engines.sqlite.connection import Connection, schema_version
from ...engines.sqlite.for_postgres.reading import Changes
from ...engines.sqlite.transactions import snapshot
from ...errors import Code, Failed
from ...schema.names import fold
from ..phases.capture import Capture
from ..phases.lag import RATE, Pace
from .decide import MovePlan
from .equality import check_equal

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There

TABLE = 0.003  # seconds for each table with entries, beside its keys, until it is measured


@dataclass(slots=True)
class Follower(Pace):
    """How far PostgreSQL has followed the file. `source`: a connection of its own to the file. `bound`: the last entry
    of the change log that was replayed. `counted`: the last one that was replayed when the counters of all tables were
    set, None before."""

    source: Connection
    plan: MovePlan
    capture: Capture
    bound: int
    changes: Changes = field(default_factory=Changes)
    rounds: int = 0
    keys: int = 0
    counted: int | None = None
    rate: float = field(default=RATE / 10, kw_only=True)
    table: float = field(default=TABLE, kw_only=True)

    def waiting(self) -> int:
        """Return the number of entries that are not replayed yet."""
        return changelog.last_entry(self.source) - self.bound

    def fits(self, seconds: float) -> bool:
        """Return True if the waiting entries can be replayed and compared in that time, or are very few."""
        return self.can_take(self.waiting(), self._waiting_tables, seconds)

    def _waiting_tables(self) -> int:
        return len(changelog.written_since(self.source, self.bound))

    def round(self, there: There, *, prove: bool = True) -> None:
        """Replay one round in its own transaction there; with `prove`, compare its rows. Raises Failed if a row
        differs, or does not fit."""
        begun = time.monotonic()
        with snapshot(self.source):
            done = self.catch_up(there, prove=prove)
        self.measure(done.rows, done.tables, max(time.monotonic() - begun, 0.001))

    def catch_up(self, there: There, *, prove: bool = False) -> Replayed:
        """Like round(), but up to the state that the caller's snapshot sees, and without a measurement of the pace."""
        with there.transaction():
            done, upto = self.replayed(there, prove=prove)
        self.bound = upto
        return done

    def replayed(self, there: There, *, prove: bool = True) -> tuple[Replayed, int]:
        """Replay in the caller's transactions on both sides; with `prove`, compare the replayed rows. Return the
        result, and the last entry of the change log that was replayed. `bound` does not move."""
        log = LogRange(self.bound, self._last_entry())
        done = replay(self.source, there, self.plan.tables, log, self.changes, prove=prove)
        check_equal(done.proofs)
        self.rounds += 1
        self.keys += done.rows
        return done, log.upto

    def set_counters(self, there: There, upto: int | None = None) -> None:
        """Set the counters of identity columns: the first time of all tables, later of those that were written since
        then, up to the entry `upto` of the change log, in this round or in an earlier one."""
        if self.counted is None or upto is None:
            self.counted, tables = self.bound, self.plan.tables
        else:
            tables = written(self.source, self.plan.tables, LogRange(self.counted, upto))
        for table in tables:
            set_counters(self.source, there, table.moved)

    def may_have_changed(self) -> dict[str, frozenset[str]]:
        """Return, for each table, the folded names of the columns in which a policy may have changed values."""
        seen: dict[str, set[str]] = {}
        for name, column in self.changes.columns:
            seen.setdefault(name, set()).add(fold(column))
        return {name: self.plan.judged(name) | seen.get(name, set()) for name in self.plan.rows}

    def _last_entry(self) -> int:
        """Return the last entry of the log. Raises Failed if somebody changed the schema, or the log lost entries."""
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
