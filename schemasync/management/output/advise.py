"""The advice whether a database outgrows SQLite, as text."""

from __future__ import annotations

from ...actions.advise import Advice, next_command
from ...metrics.advice import ENOUGH, Found, Recommendation
from .shared import Lines


def lines(found: Advice) -> Lines:
    """Return the recommendation, the signals, and the next steps."""
    return [*_first(found), *map(_signal, found.signals), *_next(found)]


def _first(found: Advice) -> Lines:
    there = sum(one.days == 0 for one in found.signals)
    match found.result:
        case Recommendation.MOVE_TO_POSTGRES:
            return [f"{found.result}: {there} signals, and {found.at_least} are enough"]
        case Recommendation.OPTIMIZE_SQLITE:
            return [f"{found.result}: {there or 'no'} of the {found.at_least} signals for a move"]
        case Recommendation.TOO_LITTLE_MEASURED:
            minutes = found.day.seconds // 60
            return [f"{found.result}: there are figures of {minutes} minutes, and {ENOUGH // 60} are needed"]


def _signal(one: Found) -> str:
    when = f"in {one.days} days" if one.days else "now"
    return f"  [{one.signal}] {one.figure:,g} {one.unit}, limit {one.limit:,g}: {when}. PostgreSQL: {one.better}"


def _next(found: Advice) -> Lines:
    match found.result:
        case Recommendation.MOVE_TO_POSTGRES:
            return [
                f"Next, to see what a move would do, without a change: {next_command()}",
                "How to name a PostgreSQL in DATABASES: docs/howto/outgrow.md of schemasync",
            ]
        case Recommendation.OPTIMIZE_SQLITE:
            watch = ["Watch the signal: one more, and a move is recommended."] if len(found.signals) == 1 else []
            helps = [f"  [{one.code}] {one.evidence}\n    {one.hint}" for one in found.helps]
            return [*watch, *(["What would help most:", *helps] if helps else ["Nothing that was measured is slow."])]
        case Recommendation.TOO_LITTLE_MEASURED:
            return ["manage.py schemasync metrics shows what there is."]
