"""Summarize the figures of an hour, a day or a month from those of its stretches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .totals import FOUR_HOURS, MINUTE, QUARTER, Bin, Totals, together


class Period(StrEnum):
    """A period until now. Its stretches are a minute, fifteen minutes or four hours long."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    @property
    def seconds(self) -> int:
        return {Period.HOUR: 3600, Period.DAY: 86_400, Period.MONTH: 30 * 86_400}[self]

    @property
    def width(self) -> int:
        """The seconds of a stretch."""
        return {Period.HOUR: MINUTE, Period.DAY: QUARTER, Period.MONTH: FOUR_HOURS}[self]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period. `seconds`: how long there are figures for."""

    period: Period
    seconds: int
    totals: Totals
    bins: tuple[Bin, ...]

    @property
    def commits_per_second(self) -> float:
        return self.totals.commits / self.seconds if self.seconds else 0.0

    @property
    def most_commits_per_second(self) -> float:
        """The commits a second in the busiest stretch."""
        return max((one.totals.commits / one.width for one in self.bins), default=0.0)

    @property
    def write_seconds(self) -> float:
        """The seconds of a write on average; 0 without any."""
        return _each(self.totals.write_seconds, self.totals.commits)

    @property
    def wait_seconds(self) -> float:
        """The seconds of a wait for the write lock on average; 0 without any."""
        return _each(self.totals.wait_seconds, self.totals.waits)

    @property
    def read_seconds(self) -> float:
        return _each(self.totals.read_seconds, self.totals.reads)

    @property
    def held(self) -> float:
        """The share of the time in which a connection held the write lock."""
        return min(_each(self.totals.held_seconds, self.seconds), 1.0)

    @property
    def writers(self) -> float:
        """The number of writers that were at work or waiting at once, on average."""
        return _each(self.totals.held_seconds + self.totals.wait_seconds, self.seconds)

    @property
    def most_writers(self) -> float:
        """The number of writers that were at work or waiting at once in the busiest stretch, on average."""
        return max((one.at_once for one in self.bins), default=0.0)

    @property
    def busy_rate(self) -> float:
        """The share of the writes that failed because the database was locked."""
        return _each(self.totals.busy, self.totals.busy + self.totals.commits)


def _each(total: float, count: float) -> float:
    return total / count if count else 0.0


def summary(period: Period, bins: Sequence[Bin], now: float, begun: int) -> Summary:
    """Return the figures since the beginning of the period. `begun`: when the measurements began, in seconds since
    1970."""
    inside = tuple(one for one in bins if one.start + one.width > now - period.seconds)
    begin = max(inside[0].start, now - period.seconds) if inside else now
    if inside and begun < inside[0].start + period.width:
        begin = max(begin, begun)
    return Summary(period, max(round(now - begin), 0), together(one.totals for one in inside), inside)
