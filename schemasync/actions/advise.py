"""Whether a database outgrows SQLite, and what would help it, from what was measured and what the project needs."""

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
    """A figure that is above its limit, or will be, or a need that SQLite does not meet."""

    code: Signal
    figure: float
    limit: float
    unit: str
    days: int
    """Until the figure is at its limit, if it goes on to grow as in the last month; 0 if it is there."""
    better: str
    """What a move to PostgreSQL would improve."""


class HelpJson(TypedDict):
    """Something that would help this database."""

    code: str
    evidence: str
    """The figures that say so."""
    hint: str


class AdviseJson(TypedDict):
    """What `manage.py schemasync advise --json` prints."""

    result: Recommendation
    signals: list[SignalJson]
    at_least: int
    """From how many signals on a move is recommended."""
    helps: list[HelpJson]
    """At most three, the one that can save the most time first."""
    next: str | None
    """The next command of a move."""
    day: PeriodJson
    """The figures on which it rests."""
    needed_seconds: int
    """How long there must be figures for."""
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation, with all that it rests on."""

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
    """The command that says what a move means, and changes nothing. ALIAS if DATABASES has no PostgreSQL yet."""
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
