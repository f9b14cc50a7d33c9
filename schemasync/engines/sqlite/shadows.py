"""Virtual tables that keep their content in tables of their own, while writers go on.

Triggers on those tables are out of the question: with all five of FTS5's logged, the writer crashed, and a
defensive connection could not open the file any more. So they are compared, and copied whole where they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...errors import Failed, Problem
from ...plan.model import Action, Plan
from ...schema.names import fold, quote
from . import verify
from .connection import Connection
from .follow import impossible
from .mapping import identity
from .objects import objects, shadow_tables
from .rebuild.unchanged import copy_shadow, shadows
from .rebuild.virtual import external, option, rebuild_external, refill_again, rewritten

BUDGET = 8 * 1024 * 1024  # bytes of content that may be compared, and copied, while writers wait
REFILL_BUDGET = 1024 * 1024  # bytes of text that may be indexed anew while writers wait


def obstacles(connection: Connection, plan: Plan) -> Iterator[Problem]:
    """What is too large in the virtual tables of the live file to be done under the lock."""
    if _size(connection, sorted(shadow_tables(connection)), BUDGET) > BUDGET:
        yield impossible("the content of virtual tables is compared while writers wait, and is too large for that", "")
    anew = list(_read_anew(connection, plan))
    if _size(connection, anew, REFILL_BUDGET) > REFILL_BUDGET:
        yield impossible(
            f"{', '.join(anew)}: this text is indexed anew while writers wait, and is too much for that", ""
        )


def follow(connection: Connection, plan: Plan) -> None:
    """Bring the content that virtual tables keep to what it is in the attached old file."""
    recopy(connection, plan)
    refill_again(connection, plan)


def follow_all(connection: Connection, plan: Plan) -> None:
    """The same, and the indexes of other tables' text."""
    follow(connection, plan)
    rebuild_external(connection, plan)


def recopy(connection: Connection, plan: Plan) -> None:
    """Copy the content of every virtual table that is not the attached old one's."""
    for old, new in shadows(connection, plan):
        try:
            verify.same_content(connection, old, new, None)
        except Failed:
            copy_shadow(connection, old, new)


def _read_anew(connection: Connection, plan: Plan) -> Iterator[str]:
    """Tables and views of the live file whose text goes into an index that is made or filled anew."""
    yield from (step.old.name for step in rewritten(plan) if step.old is not None)
    written = {fold(s.old.name) for s in plan.steps if s.action is Action.REWRITE and s.old is not None}
    yield from (content for _, content in external(connection, written))
    there = {fold(o.name): o.name for o in objects(connection)}
    for step in plan.steps:
        virtual = step.new.virtual if step.action is Action.CREATE and step.new is not None else None
        content = option(virtual, "content") if virtual is not None else None
        if content and fold(content) in there:
            yield there[fold(content)]


def _size(connection: Connection, names: Iterable[str], limit: int) -> int:
    """About how many bytes all rows of these tables hold. Stops counting beyond the limit."""
    total = 0
    for name in names:
        columns = [f"coalesce(length({column}), 0)" for column in identity(connection, "main", name)] or ["0"]
        total += int(connection.execute(f"SELECT total({' + '.join(columns)} + 8) FROM {quote(name)}").fetchone()[0])
        if total > limit:
            break
    return total
