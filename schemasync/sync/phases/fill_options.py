"""Rewrites hints for a rollback that keeps writes: it takes `--fill` where a sync takes a fill in schema.json."""

from __future__ import annotations

import shlex
from dataclasses import replace

from ...diff.hazards import Hazard, HazardCode
from ...plan.model import CarriedStep, Origin, Plan
from ...schema.names import fold, spell

_HOW = "A fill is given here as: --fill 'TABLE.COLUMN=SQL'"


def with_fill_option(plan: Plan, hazard: Hazard) -> Hazard:
    """Return the hazard with a hint that fits this command."""
    step = plan.step(hazard.table)
    if not isinstance(step, CarriedStep):
        return hazard
    if hazard.code is not HazardCode.NULLS:
        return replace(hazard, hint=f"{hazard.hint}\n{_HOW}") if "fill" in hazard.hint else hazard
    feed = next((feed for feed in step.feeds if fold(feed.column) == fold(hazard.column)), None)
    if feed is None or feed.origin is Origin.GENERATED:
        return hazard
    where = f"{step.name}.{feed.column}"
    if feed.source is None:
        message = f"rows that {plan.archive} has not get NULL, and the column is NOT NULL"
        option = shlex.quote(f"{where}=VALUE")
        return replace(hazard, message=message, hint=f"Give them a value, an expression of SQL: --fill {option}")
    option = shlex.quote(f"{where}=coalesce({spell(feed.source)}, VALUE)")
    return replace(hazard, hint=f"Fix the rows, or give them a value: --fill {option}")
