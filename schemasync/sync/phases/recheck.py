"""Checks a plan again if the database has changed since it was made."""

from __future__ import annotations

from ...errors import Refused
from ...plan.model import Plan
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .capture import check_same_schema
from .decide import SyncOptions, as_problem, with_hazards


def still_true(target: Target, plan: Plan, before: LiveDatabase, options: SyncOptions) -> Plan:
    """Under the lock: check that the schema is that of the plan, and that the data still allows it."""
    if not before.has_changed():
        return plan
    check_same_schema(before.connection, plan)
    return still_allowed(target, plan, before, options)


def still_allowed(target: Target, plan: Plan, before: LiveDatabase, options: SyncOptions) -> Plan:
    """Query the data again. Returns the plan with the present hazards; raises Refused if one of them blocks."""
    plan = with_hazards(plan, before, options, target.opener)
    if plan.blocking:
        raise Refused(map(as_problem, plan.blocking))
    return plan
