"""The outcome of a drill, as text."""

from __future__ import annotations

from ...actions.drill import Drilled
from ...history.kept import LastDrillJson
from ...history.rows import moment
from ...texts import size, span
from .shared import Lines, problem


def lines(done: Drilled) -> Lines:
    """The backup that was restored, and how long that took."""
    one = done.drill
    return [line(one)] if one is not None else []


def line(one: LastDrillJson) -> str:
    """A drill in a line."""
    what = f"{one['backup']} of {moment(one['made_at'])}" if one["backup"] and one["made_at"] else "no backup"
    if one["error"] is not None:
        return f"{what} could not be restored on trial at {moment(one['at'])}: {one['error']}"
    took = span(round(one["seconds"] * 1000))
    return f"{what} was restored on trial at {moment(one['at'])}: {size(one['bytes'])} in {took}; whole"


def why(done: Drilled) -> Lines:
    """Everything that is wrong, for the error of the command; empty if nothing is."""
    return [problem(one) for one in (*done.problems, *done.overdue)]
