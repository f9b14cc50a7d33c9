"""Finds full-text indexes of other tables' text that would be rebuilt, and would then contain text that was kept out of
them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ....diff.hazards import Hazard, HazardCode
from ....plan.model import Plan
from ....schema.names import fold
from ..connection import Connection
from ..rebuild.external_content import External, external_indexes, is_whole


def read_anew(connection: Connection, plan: Plan, allowed: frozenset[str]) -> Iterator[Hazard]:
    """Yield hazards for indexes that differ from their content, although the plan must rebuild them."""
    for index in external_indexes(connection, plan):
        if index.needs_all and not is_whole(connection, index):
            yield _allowed(index) if fold(index.name) in allowed else _refused(index)


def _refused(index: External) -> Hazard:
    content = index.before.content if index.before is not None else ""
    message = (
        f'full-text index "{index.name}" does not hold exactly what "{content}" holds, and this change rebuilds it: '
        "rows or text that the application kept out of it would be found"
    )
    hint = (
        "Do not change the columns that it indexes; or let it index a view of the searchable rows (content='VIEW').\n"
        f"If everything may be found: --allow-drop {shlex.quote(index.name)}"
    )
    return Hazard(HazardCode.VIRTUAL_CONTENT, message, hint, index.name)


def _allowed(index: External) -> Hazard:
    message = f'full-text index "{index.name}" is rebuilt with what was kept out of it, as --allow-drop says'
    return Hazard(HazardCode.ROWS_DROPPED, message, "", index.name)
