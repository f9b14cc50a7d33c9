"""Rules that say from figures whether a database outgrows SQLite. Limits are those that are often named; a project that
has measured others sets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .summary import Summary
from .totals import Bin

ENOUGH = 3600  # seconds of figures: less is a mood of the day
STEADY = 4  # stretches in a row of fifteen minutes that are above a limit: an hour, and no peak
BUSY_RATE = 0.01  # of the writes that may fail because the database is locked
FEW = 10  # writes in a stretch, or busy errors in a day, of which no average says anything
GIGABYTE = 1_000_000_000
TREND = 7 * 86_400  # seconds of figures from which a growth can be told
SOON = 3650  # days: what is later is no timeline


class Signal(StrEnum):
    """A reason to leave SQLite: measured, or said by the project in NEEDS."""

    WRITE_LATENCY = "write-latency"
    CONCURRENT_WRITERS = "concurrent-writers"
    BUSY_RATE = "busy-rate"
    COMMIT_RATE = "commit-rate"
    SIZE = "size"
    SEVERAL_NODES = "several-nodes"
    RECOVERY_POINT = "recovery-point"
    RECOVERY_TIME = "recovery-time"
    MANAGED_SERVICE = "managed-service"


class Recommendation(StrEnum):
    """What follows from the signals."""

    MOVE_TO_POSTGRES = "MOVE_TO_POSTGRES"
    OPTIMIZE_SQLITE = "OPTIMIZE_SQLITE"
    TOO_LITTLE_MEASURED = "TOO_LITTLE_MEASURED"


@dataclass(frozen=True, slots=True)
class Found:
    """A signal with the figure and the limit that it is above. `days`: until the figure is there, 0 if it is."""

    signal: Signal
    figure: float
    limit: float
    unit: str
    better: str
    """What would improve elsewhere."""
    days: int = 0


@dataclass(frozen=True, slots=True)
class Help:
    """Something that would help this database. `evidence`: the figures that say so; `seconds`: what it can save a day,
    to compare."""

    code: str
    evidence: str
    hint: str
    seconds: float


_BETTER = {
    Signal.WRITE_LATENCY: "writers wait for rows that others write, not for the whole database",
    Signal.CONCURRENT_WRITERS: "writers of different rows work at the same time",
    Signal.BUSY_RATE: "a write fails only if it conflicts with another one on the same rows",
    Signal.COMMIT_RATE: "several commits are written to the disk together",
    Signal.SIZE: "tables can be partitioned, and copied while they are in use",
    Signal.SEVERAL_NODES: "several machines use one database",
    Signal.RECOVERY_POINT: "a synchronous replica loses no commit when a machine is lost",
    Signal.RECOVERY_TIME: "a standby takes over in seconds",
    Signal.MANAGED_SERVICE: "many hosters run it as a service",
}
RECOVERY_POINT, RECOVERY_TIME = 1.0, 60.0  # seconds: less than what Litestream uploads in, and than a restore takes


def measured(day: Summary, month: Summary, now: float) -> tuple[Found, ...]:
    """The figures that are above their limits, and in the trend of the month those that will be. None without figures
    of an hour."""
    if day.seconds < ENOUGH:
        return ()
    return tuple(one for one in (*_now(day), *_size(month, now)) if one is not None)


def _now(day: Summary) -> Iterator[Found | None]:
    yield _steady(Signal.WRITE_LATENCY, day.bins, _write_ms, 10, "ms for a write on average")
    yield _steady(Signal.CONCURRENT_WRITERS, day.bins, lambda one: one.at_once, 50, "writers at once")
    yield _steady(Signal.COMMIT_RATE, day.bins, _commits, 500, "commits a second")
    if is_busy(day):
        yield _found(Signal.BUSY_RATE, day.busy_rate * 100, BUSY_RATE * 100, "% of the writes failed")


def is_busy(period: Summary) -> bool:
    """True if more writes failed than may, and so many that it is no chance."""
    return period.busy_rate > BUSY_RATE and period.totals.busy >= FEW


def _write_ms(one: Bin) -> float:
    return 1000 * one.totals.write_seconds / one.totals.commits if one.totals.commits >= FEW else 0.0


def _commits(one: Bin) -> float:
    return one.totals.commits / one.width


def _steady(signal: Signal, bins: Sequence[Bin], figure: Any, limit: float, unit: str) -> Found | None:
    """The lowest figure of the hour in which it was highest, if that is above the limit."""
    best = 0.0
    for last in range(STEADY, len(bins) + 1):
        hour = bins[last - STEADY : last]
        if hour[-1].start - hour[0].start == (STEADY - 1) * hour[0].width:
            best = max(best, min(map(figure, hour)))
    return _found(signal, best, limit, unit) if best > limit else None


def _size(month: Summary, now: float) -> Iterator[Found]:
    limit, size = 500 * GIGABYTE, month.totals.file_bytes
    days = 0 if size > limit else days_until(limit, month, now)
    if days is not None:
        yield _found(Signal.SIZE, size / GIGABYTE, 500, "GB", days)


def days_until(limit: float, month: Summary, now: float) -> int | None:
    """When the file has this size, if it goes on to grow as in the month; None if it does not grow, or if too little is
    known of it."""
    sizes = [one for one in month.bins if one.totals.file_bytes]
    if not sizes or now - sizes[0].start < TREND:
        return None
    growth = (sizes[-1].totals.file_bytes - sizes[0].totals.file_bytes) / (sizes[-1].start - sizes[0].start)
    if growth <= 0:
        return None
    days = round((limit - sizes[-1].totals.file_bytes) / growth / 86_400)
    return days if 0 <= days <= SOON else None


def _found(signal: Signal, figure: float, limit: float, unit: str, days: int = 0) -> Found:
    return Found(signal, round(figure, 3), limit, unit, _BETTER[signal], days)


def needed(needs: Mapping[str, Any]) -> tuple[Found, ...]:
    """The signals of what the project says that it needs."""
    return tuple(_needed(needs))


def _needed(needs: Mapping[str, Any]) -> Iterator[Found]:
    if needs.get("NODES", 1) > 1:
        yield _found(Signal.SEVERAL_NODES, needs["NODES"], 1, "machines")
    if (point := needs.get("RECOVERY_POINT")) is not None and point < RECOVERY_POINT:
        yield _found(Signal.RECOVERY_POINT, point, RECOVERY_POINT, "seconds may be lost")
    if (until := needs.get("RECOVERY_TIME")) is not None and until < RECOVERY_TIME:
        yield _found(Signal.RECOVERY_TIME, until, RECOVERY_TIME, "seconds to be back")
    if needs.get("MANAGED_SERVICE"):
        yield _found(Signal.MANAGED_SERVICE, 1, 0, "is required")


def recommendation(found: Iterable[Found], at_least: int, seconds: int) -> Recommendation:
    """What follows: signals that are still ahead do not count. Without enough figures only needs are signals."""
    if sum(one.days == 0 for one in found) >= at_least:
        return Recommendation.MOVE_TO_POSTGRES
    return Recommendation.OPTIMIZE_SQLITE if seconds >= ENOUGH else Recommendation.TOO_LITTLE_MEASURED
