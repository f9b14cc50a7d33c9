"""Compares the translated expressions over rows that are in both databases, before the file is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.postgres.sampled import Difference, differences
from ...errors import Code, Failed, Problem
from .follow import Follower

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There


def check_translations(follower: Follower, there: There) -> None:
    """Raise Failed with each expression that has another result there, for the first and last rows of its table. Tables
    in which a policy changed values are left out: their rows differ."""
    plan = follower.plan
    changed = {one.table for one in plan.findings} | {table for table, _ in follower.changes.columns}
    translated = tuple(one for one in plan.ddl.translated if one.table not in changed)
    problems = list(map(_problem, differences(follower.source, there, plan.schema, plan.columns, translated)))
    if problems:
        raise Failed(problems)


def _problem(one: Difference) -> Problem:
    """Return the problem, without the values, which may be personal."""
    key = ", ".join(map(str, one.key))
    return Problem(
        Code.TRANSLATION_DIFFERS,
        f'{one.what} of "{one.table}" has another result on PostgreSQL in {one.rows:,} of the rows that were compared, '
        f"such as that with the key {key}",
        "Write it by hand in schema.json, below _postgres. The file is live and unchanged. If the application replaces "
        "no function of SQLite by one of its own, please report it.",
        {"table": one.table, "expression": one.what, "rows": one.rows, "key": list(one.key)},
    )
