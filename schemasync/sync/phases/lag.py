"""Measures how far a new file is behind the live one, and how fast it catches up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ...engines.sqlite.capture.replay import Replay, Round
from ...engines.sqlite.connection import Connection
from ...engines.sqlite.transactions import transaction
from ...files.disk import DiskStep
from ..run.target import Target

FEW = 100  # keys: replayed in a few milliseconds
AIM = 0.002  # seconds of replay to leave for the time under the lock, if the writers allow it
FEW_TABLES = 4  # replayed and compared in a few milliseconds
TABLE = 0.002  # seconds for each table that was written, beside its keys, until it is measured
SEVERAL = 20  # tables: a round of at least as many, and of few keys, measures that
TRIES = 5  # rounds to reach AIM
RATE = 20_000.0  # keys per second, until it is measured
MANY = 500  # keys: a round of at least as many measures the rate
BREATH = 0.02  # seconds between attempts


@dataclass(slots=True, kw_only=True)
class Pace:
    """How fast a replay is: `rate` keys a second, and `table` seconds for each table that was written, beside its keys.
    Both are assumed until they are measured."""

    rate: float = RATE
    table: float = TABLE

    def can_take(self, keys: int, tables: Callable[[], int], seconds: float) -> bool:
        """Return True if that number of keys and tables can be replayed in that time, or is very small. Each written
        table takes some statements, however few its keys are. `tables` is called only if its number decides."""
        if keys > self.few(seconds):
            return False
        number = tables()
        return (keys <= FEW and number <= FEW_TABLES) or keys / self.rate + number * self.table <= seconds

    def few(self, seconds: float) -> int:
        """Return the number of keys of one table that can be replayed in that time, at least FEW."""
        return max(FEW, int(self.rate * seconds))

    def measure(self, keys: int, tables: int, seconds: float) -> None:
        """Measure the pace by a round, if it had enough keys or tables."""
        if keys >= MANY:
            self.rate = keys / max(seconds, 0.001)
        elif tables >= SEVERAL:
            self.table = seconds / tables


@dataclass(slots=True)
class Lag(Pace):
    """How far the new file is behind the old one, and how fast it catches up. `ends_are_checked`: False if the last
    round still has to compare the ends of each table."""

    target: Target
    replay: Replay
    rounds: int = 0
    keys: int = 0
    write_overhead: float | None = None
    ends_are_checked: bool = True

    def round(self, connection: Connection, label: DiskStep) -> Round:
        """Replay one round in its own transaction. Raises Failed if a row differs."""
        begun = time.monotonic()
        with self.target.disk.step(label), transaction(connection):
            done = self.replay.round()
            self.replay.settle()
        self.note(done, time.monotonic() - begun)
        return done

    def note(self, done: Round, seconds: float) -> None:
        self.rounds += 1
        self.keys += done.keys
        self.measure(done.keys, done.tables, seconds)

    def catch_up(self, connection: Connection, label: DiskStep, allowed: float, deadline: float) -> None:
        """Replay until all rows fit and almost nothing is left; or, if writers are too fast for that, until the rest
        takes at most `allowed` seconds. Return in any case at the `deadline`."""
        tries = 0
        while True:
            done, tries = self.round(connection, label), tries + 1
            is_enough = self.fits(AIM if tries < TRIES else allowed) and done.fits
            if is_enough or time.monotonic() > deadline:
                return
            if not done.fits:
                time.sleep(BREATH)

    def keep_up(self, connection: Connection) -> None:
        """Run a round if there is anything to replay or to compare again."""
        if self.replay.waiting() or self.replay.is_doubtful:
            self.round(connection, DiskStep.CUTOVER_ROUND)

    def check_unlogged(self, connection: Connection, *, full: bool) -> bool:
        """Run a round, and check in its snapshot for writes that bypassed the change log since the verification: at the
        ends of each table, or with `full` in every row. Raises Failed if there are any. Return False if a
        row violates the new schema: then the ends are not checked."""
        if full:
            self.replay.doubt()
        with self.target.disk.step(DiskStep.CUTOVER_ROUND), transaction(connection):
            done = self.replay.round()
            self.replay.settle()
            if done.fits:
                self.replay.check_ends()
        return done.fits

    def fits(self, seconds: float) -> bool:
        """Return True if the waiting keys can be replayed in that time, or are very few."""
        return self.can_take(self.replay.waiting(), self.replay.waiting_tables, seconds)
