"""Tries the transforms of a plan on the first rows, in a temporary database, and finds their hazards."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ....diff.hazards import Hazard, HazardCode
from ....errors import Failed, Problem, Refused
from ....plan.model import Measured, Plan, Transform
from ....schema.names import fold, quote
from ....schema.text import count
from ....schema.transform_function import Kind
from .. import ddl
from ..connection import Connection, Opener
from ..selection import temporary_with_old
from ..table_sizes import count_of
from ..transforms.batch import Batch
from ..transforms.calls import Caller
from ..transforms.making import Making, making
from ..transforms.sources import Source

FIRST = 1_000  # rows that are tried: enough for a rate, and for a mistake that concerns most rows
LONGEST = 1.0  # seconds for which one transform is tried


def probe_transforms(path: Path, plan: Plan, opener: Opener, allowed: frozenset[str]) -> Plan:
    """Return the plan with estimates, and with the hazards of its transforms. The caller has the database at `path`
    open.

    `allowed`: folded names of tables that may lose rows. Raises Refused with all transforms that fail at one of the
    first rows, or make other rows when they are called again.
    """
    if not plan.transforms:
        return plan
    with closing(temporary_with_old(opener, path)) as connection:
        found = making(connection, plan)
        found.prepare()
        connection.execute("BEGIN")
        for step in plan.transformed:
            connection.execute(ddl.create_table(step.new))
        found.make_unique(plan)
        found.make_maps()
        measured = _all_tried(connection, found)
    steps = [_measured(step, measured) if isinstance(step, Transform) else step for step in plan.steps]
    plan = replace(plan, steps=tuple(steps))
    return replace(plan, hazards=(*plan.hazards, *_lost_rows(path, plan, opener, allowed)))


def _all_tried(connection: Connection, found: Making) -> dict[str, Measured]:
    measured: dict[str, Measured] = {}
    problems: list[Problem] = []
    for source in found.sources:
        try:
            measured[source.function.name] = _tried(connection, source)
        except Failed as error:
            problems += error.problems
    if problems:
        raise Refused(problems)
    return measured


def _measured(step: Transform, found: dict[str, Measured]) -> Transform:
    of_step = [found[one.name] for one in step.functions]
    return replace(step, measured=Measured(sum(m.rows for m in of_step), sum(m.seconds for m in of_step)))


def _tried(connection: Connection, source: Source) -> Measured:
    """Call a transform with the first rows, twice. Groups are only determined, not made: those of some rows may not be
    complete."""
    begun, rows = time.monotonic(), count_of(connection, f"old.{quote(source.table.name)}")
    caller, tried = Caller(source.function, source.targets), 0
    read = replace(source, function=replace(source.function, kind=Kind.ONE_TO_MANY)) if source.is_grouped else source
    first = Batch(connection, source)
    again = Batch(connection, source, compares=True)
    for unit, row in islice(read.given(connection), FIRST):
        tried += 1
        if source.is_grouped:
            caller.group(unit, row)  # type: ignore[arg-type]
        else:
            first.call(unit, row)
            again.call(unit, dict(row))  # type: ignore[arg-type]
        if time.monotonic() > begun + LONGEST:
            break
    first.flush()
    again.flush()
    return Measured(rows, (time.monotonic() - begun) * rows / tried if tried else 0.0)


def _lost_rows(path: Path, plan: Plan, opener: Opener, allowed: frozenset[str]) -> Iterator[Hazard]:
    """Yield hazards for tables with rows that transforms fill without reading them."""
    with closing(temporary_with_old(opener, path)) as connection:
        for step in plan.transformed:
            if step.replaced is None or fold(step.replaced.name) in map(fold, step.reads) or fold(step.name) in allowed:
                continue
            if rows := count_of(connection, f"old.{quote(step.replaced.name)}"):
                names, lost = ", ".join(one.name for one in step.functions), count(rows, "row")
                message = f'{lost} of "{step.name}" would be lost: the transform {names} fills it without reading it'
                hint = f"If they may go: --allow-drop {shlex.quote(step.name)}"
                yield Hazard(HazardCode.DERIVED_DROPS_ROWS, message, hint, step.name, rows=rows)
