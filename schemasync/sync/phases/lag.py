"""How far a new file is behind the live one, and how fast it follows."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ...engines.sqlite.capture.replay import Replay, Round
from ...engines.sqlite.connection import Connection
from ...engines.sqlite.transactions import transaction
from ...files.disk import DiskStep
from ..run.target import Target

FEW = 100  # keys: so many are replayed in a few milliseconds
AIM = 0.002  # seconds of replay that are left for the lock, where writers allow it
TRIES = 5  # rounds in which to come so close
RATE = 20_000.0  # keys a second, until it was measured
MANY = 500  # keys: a round of so many tells how fast it goes
BREATH = 0.02  # seconds between attempts


@dataclass(slots=True)
class Lag:
    """How far the new file is behind the old one, and how fast it follows."""

    target: Target
    replay: Replay
    rounds: int = 0
    keys: int = 0
    rate: float = RATE
    write_overhead: float | None = None

    def round(self, connection: Connection, label: DiskStep) -> Round:
        """One round in a transaction of its own. Raises Failed where a row is not what it should be."""
        begun = time.monotonic()
        with self.target.disk.step(label), transaction(connection):
            done = self.replay.round()
            self.replay.settle()
        self.note(done, time.monotonic() - begun)
        return done

    def note(self, done: Round, seconds: float) -> None:
        self.rounds += 1
        self.keys += done.keys
        if done.keys >= MANY:
            self.rate = done.keys / max(seconds, 0.001)

    def catch_up(self, connection: Connection, label: DiskStep, allowed: float, deadline: float) -> None:
        """Replay until what is left is next to nothing, or, where writers are too quick for that, a matter of
        `allowed` seconds, or time is up."""
        tries = 0
        while True:
            done, tries = self.round(connection, label), tries + 1
            enough = self.few(AIM if tries < TRIES else allowed)
            if (self.replay.waiting() <= enough and done.fits) or time.monotonic() > deadline:
                return
            if not done.fits:
                time.sleep(BREATH)

    def keep_up(self, connection: Connection) -> None:
        """A round, if there is anything to replay, or to compare again."""
        if self.replay.waiting() or self.replay.is_doubtful:
            self.round(connection, DiskStep.CUTOVER_ROUND)

    def check_unlogged(self, connection: Connection, *, full: bool) -> None:
        """A round, and in its snapshot a look whether something wrote past the log since the new file was verified:
        at the ends of each table, or where it is to be `full` at every row. Raises Failed if so."""
        if full:
            self.replay.doubt()
        with self.target.disk.step(DiskStep.CUTOVER_ROUND), transaction(connection):
            done = self.replay.round()
            self.replay.settle()
            if done.fits:
                self.replay.check_ends()

    def few(self, seconds: float) -> int:
        """How many keys can be replayed in that time."""
        return max(FEW, int(self.rate * seconds))
