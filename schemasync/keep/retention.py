"""Decide which backups stay: the newest one of each of the last hours, days, weeks and months that have any."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

Period = Literal["hourly", "daily", "weekly", "monthly"]

RULE: Mapping[Period, int] = {"hourly": 24, "daily": 14, "weekly": 8, "monthly": 12}
"""For how many hours, days, weeks and months a backup stays."""

_PERIODS: Mapping[Period, Callable[[datetime], tuple[int, ...]]] = {
    "hourly": lambda at: (at.year, at.month, at.day, at.hour),
    "daily": lambda at: (at.year, at.month, at.day),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
}


def kept(
    made_at: Iterable[datetime], now: datetime, rule: Mapping[Period, int] = RULE
) -> dict[datetime, tuple[Period, ...]]:
    """Return the moments whose backups stay, each with the periods that need it. Hours and days are those of UTC.

    Periods without a backup are not counted, so that a pause in the backups never removes old ones. The newest backup
    always stays. A moment later than `now` stays and represents no period: a clock was wrong, and that must not remove
    a backup that is really newer.
    """
    every = sorted(set(made_at), reverse=True)
    moments = [at for at in every if at <= now]
    found: dict[datetime, list[Period]] = {at: [] for at in (*every[: len(every) - len(moments)], *moments[:1])}
    for period, number in rule.items():
        for at in _newest_of_each(moments, _PERIODS[period])[:number]:
            found.setdefault(at, []).append(period)
    return {at: tuple(found[at]) for at in sorted(found)}


def _newest_of_each(moments: Collection[datetime], period: Callable[[datetime], tuple[int, ...]]) -> list[datetime]:
    newest: dict[tuple[int, ...], datetime] = {}
    for at in moments:  # the newest first
        newest.setdefault(period(at.astimezone(UTC)), at)
    return list(newest.values())
