"""The outcome of a drill, as text."""

from __future__ import annotations

from ...actions.drill import Drilled
from ...history.kept import LastDrillJson
from ...history.rows import moment
from ...texts import size, span
from .shared import Lines, problem


def lines(done: Drilled) -> Lines:
    """Return the restored backup, and the duration; empty without a drill."""
    one = done.drill
    return [line(one)] if one is not None else []


def line(one: LastDrillJson) -> str:
    """Return a drill in one line."""
    what = f"{one['backup']} of {moment(one['made_at'])}" if one["backup"] and one["made_at"] else "no backup"
    if one["error"] is not None:
        return f"{what} could not be restored on trial at {moment(one['at'])}: {one['error']}"
    took = span(round(one["seconds"] * 1000))
    return f"{what} was restored on trial at {moment(one['at'])}: {size(one['bytes'])} in {took}; whole"


def why(done: Drilled) -> Lines:
    """Return all problems, for the error of the command; empty if there are none."""
    return [problem(one) for one in (*done.problems, *done.overdue)]
