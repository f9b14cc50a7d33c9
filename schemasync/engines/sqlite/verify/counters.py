"""Compares the AUTOINCREMENT counters of the new file with those of the old one."""

from __future__ import annotations

from ....errors import Code, Failed, Problem
from ....plan.model import CarriedStep, FilledStep, NewTableStep, Plan
from ....schema.names import fold, quote
from ..autoincrement import archived, has_counters, keeps_counter
from ..connection import Connection
from ..objects import has_table_or_view, is_own


def counters(connection: Connection, plan: Plan) -> None:
    """Check that AUTOINCREMENT has the same next id as in the attached old file. Raises Failed.

    If a table has rows above its counter, their highest id counts, as for SQLite itself.
    """
    before = archived(connection, plan)
    for old, new in _counted(connection, plan):
        highest = _highest_id(connection, new)
        counted = max(_counter(connection, "main", new), highest)
        there = before.get(fold(new), []) if not keeps_counter(plan.step(new)) else []
        expected = max(_counter(connection, "old", old) if old is not None else 0, highest, *map(_number, there))
        if counted != expected:
            raise Failed(
                Problem(
                    Code.VERIFY_DIFFERS,
                    f'the AUTOINCREMENT counter of "{new}" in the new file is {counted}, and should be {expected}',
                    "The live file is unchanged. Please report it, with the plan (schemasync plan --sql).",
                    {"table": new, "counter": counted, "expected": expected},
                )
            )


def _counted(connection: Connection, plan: Plan) -> list[tuple[str | None, str]]:
    """(old name or None, new name) of the tables with a counter: ours, and those that schema.json does not name."""
    found: list[tuple[str | None, str]] = [
        (_old_name(step), step.new.name)
        for step in plan.with_new_table
        if step.new.primary_key is not None and step.new.primary_key.autoincrement
    ]
    ours = {fold(table.name) for table in (*plan.old.tables, *plan.new.tables)}
    if has_counters(connection, "old"):
        names = [str(name) for (name,) in connection.execute("SELECT DISTINCT name FROM old.sqlite_sequence")]
        found += [(n, n) for n in names if fold(n) not in ours and not is_own(n) and has_table_or_view(connection, n)]
    return found


def _old_name(step: NewTableStep) -> str | None:
    """Return the table whose ids must not be given out again; None for a new table."""
    if isinstance(step, FilledStep):
        return step.replaced.name if step.replaced is not None else None
    return step.old.name if isinstance(step, CarriedStep) else None


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _counter(connection: Connection, schema: str, table: str) -> int:
    if not has_counters(connection, schema):
        return 0
    query = f"SELECT max(CAST(seq AS INTEGER)) FROM {schema}.sqlite_sequence WHERE name = ?"
    return int(connection.execute(query, (table,)).fetchone()[0] or 0)


def _highest_id(connection: Connection, table: str) -> int:
    key = connection.execute("SELECT name FROM pragma_table_info(?, 'main') WHERE pk = 1", (table,)).fetchone()
    if key is None:  # a name in sqlite_sequence without a table that has AUTOINCREMENT
        return 0
    return int(connection.execute(f"SELECT max({quote(key[0])}) FROM main.{quote(table)}").fetchone()[0] or 0)
