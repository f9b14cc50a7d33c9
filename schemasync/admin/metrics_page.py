"""Draws the measurements of the backend over an hour, a day or a month, as bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from .. import conf
from ..actions.database import Database
from ..actions.metrics import metrics
from ..management.local_time import local_time
from ..metrics.summary import Period, Summary
from ..metrics.totals import Bin
from .pages import Pages
from .selected_database import SelectedDatabase

WIDTH, HEIGHT = 720, 100  # of a picture, in units of its own


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar for one interval of time; the tooltip is `title`."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A bar chart of a figure over the period. `title` is its heading, and `summary` the text for screen readers."""

    title: str
    highest: str
    summary: str
    bars: tuple[Bar, ...]
    width: int = WIDTH
    height: int = HEIGHT


def page(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> HttpResponse:
    """Show the pictures of one period, with the figures of its tables."""
    wanted = request.GET.get("period")
    period = Period(wanted) if wanted in list(Period) else Period.DAY
    found = metrics(Database(selected.alias))
    shown: Summary = {Period.HOUR: found.hour, Period.DAY: found.day, Period.MONTH: found.month}[period]
    context: dict[str, Any] = {
        "measures": conf.measures(),
        "has_figures": found.has_figures,
        "period": period,
        "periods": [(Period.HOUR, _("hour")), (Period.DAY, _("day")), (Period.MONTH, _("month"))],
        "pictures": _pictures(shown),
        "shown": shown,
        "tables": found.tables[:10],
    }
    return admin.render(request, "metrics.html", selected, str(_("What was measured")), context)


def _pictures(found: Summary) -> list[Picture]:
    return [
        _picture(found, str(_("Commits a second")), lambda one: one.totals.commits / one.width),
        _picture(found, str(_("Time of a write, in milliseconds")), _write_ms),
        _picture(found, str(_("Writers at work or waiting at once")), lambda one: one.at_once),
        _picture(found, str(_("Busy errors")), lambda one: float(one.totals.busy)),
    ]


def _write_ms(one: Bin) -> float:
    return 1000 * one.totals.write_seconds / one.totals.commits if one.totals.commits else 0.0


def _picture(found: Summary, title: str, figure: Callable[[Bin], float]) -> Picture:
    highest = max(map(figure, found.bins), default=0.0)
    end = found.bins[-1].start + found.period.width if found.bins else 0
    step = WIDTH * found.period.width / found.period.seconds
    bars = tuple(
        _bar(WIDTH - (end - one.start) / found.period.width * step, step, figure(one), highest, one)
        for one in found.bins
        if figure(one)
    )
    number = _number(highest)
    text = _("%(title)s: at most %(highest)s") % {"title": title, "highest": number}
    return Picture(title, number, text, bars)


def _bar(x: float, step: float, value: float, highest: float, one: Bin) -> Bar:
    height = HEIGHT * value / highest
    at = local_time(datetime.fromtimestamp(one.start, UTC).isoformat())
    return Bar(
        round(x, 2), round(HEIGHT - height, 2), round(step * 0.9, 2), round(height, 2), f"{at}: {_number(value)}"
    )


def _number(value: float) -> str:
    return str(number_format(value, 0 if value >= 100 or value == int(value) else 2, use_l10n=True))
