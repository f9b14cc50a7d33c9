"""Judge whether a database outgrows SQLite, and what would help it, by its measured figures and the project's needs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypedDict

from django.db import connections

from .. import conf
from ..errors import ProblemJson
from ..metrics.advice import ENOUGH, Found, Recommendation, Signal, measured, needed, recommendation
from ..metrics.advice import Help as Proposal
from ..metrics.optimize import helps
from ..metrics.summary import Period, Summary
from .database import Database
from .metrics import PeriodJson, of_period, period_json, tables

AT_LEAST = 2  # signals: one alone has a remedy more often than not


class SignalJson(TypedDict):
    """A figure that is above its limit or will be, or a need that SQLite does not meet."""

    code: Signal
    figure: float
    limit: float
    unit: str
    days: int
    """Days until the figure reaches its limit, if it grows as in the last month; 0 if it is there."""
    better: str
    """The improvement that a move to PostgreSQL would bring."""


class HelpJson(TypedDict):
    """A change that would help this database."""

    code: str
    evidence: str
    """The figures that show it."""
    hint: str


class AdviseJson(TypedDict):
    """The output of `manage.py schemasync advise --json`."""

    result: Recommendation
    signals: list[SignalJson]
    at_least: int
    """The number of signals from which a move is recommended."""
    helps: list[HelpJson]
    """At most three; the first one can save the most time."""
    next: str | None
    """The next command of a move."""
    day: PeriodJson
    """The figures that the recommendation is based on."""
    needed_seconds: int
    """The time that figures must cover before there is a recommendation."""
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation, with the figures that it is based on."""

    result: Recommendation
    signals: tuple[Found, ...]
    at_least: int
    helps: tuple[Proposal, ...]
    day: Summary


def advise(database: Database) -> Advice:
    """Judge the figures of the last day and month, and the needs of the project. Raises a SchemasyncError."""
    needs = conf.needs()
    day, month = of_period(database, Period.DAY), of_period(database, Period.MONTH)
    signals = (*measured(day, month, time.time()), *needed(needs))
    at_least = int(needs.get("SIGNALS", AT_LEAST))
    reads = [(one.name, one.reads.count, one.reads.seconds, one.reads.slowest) for one in tables(database)]
    result = recommendation(signals, at_least, day.seconds)
    found = helps(day, reads) if result is Recommendation.OPTIMIZE_SQLITE else ()
    return Advice(result, signals, at_least, found, day)


def next_command() -> str:
    """Return the command that plans a move and changes nothing. It names ALIAS if DATABASES has no PostgreSQL yet."""
    entries = connections.settings.items()
    alias = next((one for one, entry in entries if entry["ENGINE"].endswith("postgresql")), "ALIAS")
    return f"manage.py schemasync move --to {alias} --plan"


def as_json(found: Advice) -> AdviseJson:
    """The JSON object."""
    return {
        "result": found.result,
        "signals": [
            {
                "code": one.signal,
                "figure": one.figure,
                "limit": one.limit,
                "unit": one.unit,
                "days": one.days,
                "better": one.better,
            }
            for one in found.signals
        ],
        "at_least": found.at_least,
        "helps": [{"code": one.code, "evidence": one.evidence, "hint": one.hint} for one in found.helps],
        "next": next_command() if found.result is Recommendation.MOVE_TO_POSTGRES else None,
        "day": period_json(found.day),
        "needed_seconds": ENOUGH,
        "errors": [],
    }
