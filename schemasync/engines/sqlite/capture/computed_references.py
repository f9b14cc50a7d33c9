"""Checks foreign keys with a computed table on either side: completely, when such a table changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ....errors import Code, Failed, Problem
from ....plan.model import CarriedStep, Plan
from ....schema.names import fold
from ....schema.text import count
from ..connection import Connection
from ..inspect import references_of
from ..verify.integrity_check import violations
from ..verify.references import dangles


def children_of_computed(connection: Connection, plan: Plan) -> Iterator[tuple[str, frozenset[str]]]:
    """Return the tables with a foreign key that has a computed table on either side, also foreign tables, with the
    folded names of the tables that they refer to."""
    names = {fold(step.name) for step in plan.filled}
    for child, parents in references_of(connection).items():
        if fold(child) in names or names & parents:
            yield child, frozenset(parents)


def check_references(connection: Connection, plan: Plan, children: Collection[str]) -> None:
    """Raise Failed if more rows of one of these tables refer to missing rows than in the attached old file."""
    problems = [problem for name in children for problem in _dangling(connection, plan, name)]
    if problems:
        raise Failed(problems)


def _dangling(connection: Connection, plan: Plan, name: str) -> Iterator[Problem]:
    table, step = plan.new.table(name), plan.step(name)
    if table is not None and not dangles(connection, table, plan.new):
        return
    found = violations(connection, "main", name)
    origin = step.old.name if isinstance(step, CarriedStep) else name if step is None else None
    before = violations(connection, "old", origin) if found and origin is not None else 0
    if found > before:
        refer = count(found - before, "row", "rows")
        yield Problem(
            Code.ROWS_VIOLATE_SCHEMA,
            f'{refer} of "{name}" refer to rows that do not exist, since something was written during the run',
            "Fix them, and make sure that the application writes no more of them. Then run it again.",
            {"table": name, "rows": found - before},
        )
