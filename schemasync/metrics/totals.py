"""The figures of a stretch of time: counts and sums, which add up, and highest values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(slots=True)
class Totals:
    """Seconds and counts of a stretch of time in all processes. A transaction counts when it ends."""

    commits: int = 0
    """Transactions that wrote and were committed, including statements outside of a transaction."""
    write_seconds: float = 0.0
    """Their time in the database: the wait for the write lock, the statements that write, and the commit."""
    slowest_write: float = 0.0
    idle: int = 0
    """Transactions that took the write lock, and wrote nothing."""
    rollbacks: int = 0
    held_seconds: float = 0.0
    """How long the write lock was held. For statements outside of a transaction this includes their wait."""
    longest_held: float = 0.0
    waits: int = 0
    """Transactions that did not get the write lock at once."""
    wait_seconds: float = 0.0
    longest_wait: float = 0.0
    busy: int = 0
    """Errors because the write lock was not free in time, or another connection wrote in between."""
    reads: int = 0
    """SELECTs, estimated from a sample."""
    read_seconds: float = 0.0
    """Their time until the first row."""
    file_bytes: int = 0
    log_bytes: int = 0

    def add(self, other: Totals) -> None:
        """Add the figures of another process, or of a later stretch."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in HIGHEST:
            setattr(self, name, max(getattr(self, name), getattr(other, name)))


HIGHEST = ("slowest_write", "longest_held", "longest_wait", "file_bytes", "log_bytes")
NAMES = tuple(one.name for one in fields(Totals))
SUMS = tuple(name for name in NAMES if name not in HIGHEST)


def together(found: Iterable[Totals]) -> Totals:
    """Return the sum of all these totals."""
    total = Totals()
    for one in found:
        total.add(one)
    return total


@dataclass(slots=True)
class Spent:
    """The number and the seconds of the statements of one text, or of those of one table."""

    count: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, other: Spent) -> None:
        """Add the figures of other statements."""
        self.count += other.count
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)


@dataclass(frozen=True, slots=True)
class Bin:
    """The figures of the `width` seconds from `start` on, which is in seconds since 1970."""

    start: int
    width: int
    totals: Totals

    @property
    def at_once(self) -> float:
        """The average number of writers at work or waiting at once: https://en.wikipedia.org/wiki/Little%27s_law"""
        return (self.totals.wait_seconds + self.totals.held_seconds) / self.width


MINUTE, QUARTER, FOUR_HOURS = 60, 900, 14_400
KEPT = {MINUTE: 3 * 60, QUARTER: 2 * 96, FOUR_HOURS: 31 * 6}
"""How many stretches of each width are kept: enough for an hour, a day and a month, and some older ones."""
