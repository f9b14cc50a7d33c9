"""What was measured in a stretch of time: counts and sums, which add up, and highest values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(slots=True)
class Totals:
    """Seconds and counts. A transaction counts when it ends, whichever process it was in."""

    commits: int = 0
    """Transactions that wrote and were committed, statements outside of a transaction among them."""
    write_seconds: float = 0.0
    """What they spent in the database: the wait for the write lock, the statements that write, and the commit."""
    slowest_write: float = 0.0
    idle: int = 0
    """Transactions that took the write lock, and wrote nothing."""
    rollbacks: int = 0
    held_seconds: float = 0.0
    """How long the write lock was held, for statements outside of a transaction with their wait."""
    longest_held: float = 0.0
    waits: int = 0
    """Transactions that did not get the write lock at once."""
    wait_seconds: float = 0.0
    longest_wait: float = 0.0
    busy: int = 0
    """Errors because the write lock was not free in time, or another one wrote in between."""
    reads: int = 0
    """SELECTs, estimated from a sample."""
    read_seconds: float = 0.0
    """Their time until the first row."""
    file_bytes: int = 0
    log_bytes: int = 0

    def add(self, other: Totals) -> None:
        """Take in what was measured elsewhere, or later."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in HIGHEST:
            setattr(self, name, max(getattr(self, name), getattr(other, name)))


HIGHEST = ("slowest_write", "longest_held", "longest_wait", "file_bytes", "log_bytes")
NAMES = tuple(one.name for one in fields(Totals))
SUMS = tuple(name for name in NAMES if name not in HIGHEST)


def together(found: Iterable[Totals]) -> Totals:
    """All of them as one."""
    total = Totals()
    for one in found:
        total.add(one)
    return total


@dataclass(slots=True)
class Spent:
    """What statements of one text took, or those of one table."""

    count: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, other: Spent) -> None:
        """Take in other statements."""
        self.count += other.count
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)


@dataclass(frozen=True, slots=True)
class Bin:
    """What was measured in the `width` seconds from `start` on, in seconds since 1970."""

    start: int
    width: int
    totals: Totals

    @property
    def at_once(self) -> float:
        """How many writers were at work or waiting at once, on average: https://en.wikipedia.org/wiki/Little%27s_law"""
        return (self.totals.wait_seconds + self.totals.held_seconds) / self.width


MINUTE, QUARTER, FOUR_HOURS = 60, 900, 14_400
KEPT = {MINUTE: 3 * 60, QUARTER: 2 * 96, FOUR_HOURS: 31 * 6}
"""How many stretches of each width are kept: an hour, a day and a month, and the one before that is still going on."""
