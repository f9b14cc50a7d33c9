"""Decide from figures whether a database outgrows SQLite. The limits are those that are often recommended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .summary import Summary
from .totals import Bin

ENOUGH = 3600  # seconds of figures: fewer do not represent the load
STEADY = 4  # consecutive stretches of fifteen minutes above a limit: an hour, so that a short peak is no signal
BUSY_RATE = 0.01  # the share of the writes that may fail because the database is locked
FEW = 10  # writes in a stretch, or busy errors in a day: averages of fewer mean nothing
GIGABYTE = 1_000_000_000
TREND = 7 * 86_400  # seconds of figures that are enough to estimate the growth
SOON = 3650  # days: a later date is no useful estimate


class Signal(StrEnum):
    """A reason to leave SQLite: measured, or declared by the project in the setting NEEDS."""

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
    """The recommendation for a database with certain signals."""

    MOVE_TO_POSTGRES = "MOVE_TO_POSTGRES"
    OPTIMIZE_SQLITE = "OPTIMIZE_SQLITE"
    TOO_LITTLE_MEASURED = "TOO_LITTLE_MEASURED"


@dataclass(frozen=True, slots=True)
class Found:
    """A signal: a figure that is above its limit. `days`: until it will be above the limit, 0 if it is already."""

    signal: Signal
    figure: float
    limit: float
    unit: str
    better: str
    """The improvement that PostgreSQL would bring."""
    days: int = 0


@dataclass(frozen=True, slots=True)
class Help:
    """A measure that would help this database. `evidence`: the figures that show it; `seconds`: an estimate of the time
    that it can save a day, to compare measures."""

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
RECOVERY_POINT, RECOVERY_TIME = 1.0, 60.0  # seconds: Litestream's interval of uploads, and the time of a restore


def measured(day: Summary, month: Summary, now: float) -> tuple[Found, ...]:
    """Return the signals of figures that are above their limits, and of a size that will be by the trend of the month;
    no signals if there are figures of less than an hour."""
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
    """True if the share of failed writes is above its limit, and they are too many to be chance."""
    return period.busy_rate > BUSY_RATE and period.totals.busy >= FEW


def _write_ms(one: Bin) -> float:
    return 1000 * one.totals.write_seconds / one.totals.commits if one.totals.commits >= FEW else 0.0


def _commits(one: Bin) -> float:
    return one.totals.commits / one.width


def _steady(signal: Signal, bins: Sequence[Bin], figure: Any, limit: float, unit: str) -> Found | None:
    """Return a signal if a figure was above its limit during a whole hour, with the highest value that it never fell
    below for an hour."""
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
    """Return in how many days the file will have this size if it keeps growing as in the month; None if it does not
    grow, if that is more than ten years away, or if there are figures of less than a week."""
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
    """Return the signals of the needs that the project declares in the setting NEEDS."""
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
    """Return the recommendation: MOVE_TO_POSTGRES for `at_least` signals, without those of the future. `seconds`: how
    long there are figures for; if that is too short, only needs can be signals."""
    if sum(one.days == 0 for one in found) >= at_least:
        return Recommendation.MOVE_TO_POSTGRES
    return Recommendation.OPTIMIZE_SQLITE if seconds >= ENOUGH else Recommendation.TOO_LITTLE_MEASURED
