"""Checks the foreign keys of a new file."""

from __future__ import annotations

from collections.abc import Sequence

from ....diff.changes import AddForeignKey
from ....errors import Code, Failed
from ....plan.model import CarriedStep, Create, Drop, FilledStep, Plan, Rewrite, Transform
from ....schema.model import ForeignKey, Schema, Table
from ....schema.names import fold, quote
from ....schema.text import count
from ..connection import Connection
from ..dense_keys import are_all_there, is_in_order, is_of_row_ids
from ..inspect import references_of
from ..objects import has_table_or_view
from .integrity_check import violations


def references(connection: Connection, plan: Plan) -> tuple[str, ...]:
    """Run foreign_key_check for every table that was written, refers to such a table, or has a new foreign key. Raises
    Failed for new violations.

    Return a note for each reference that dangles in the old file, too: its owner has to fix these.
    """
    notes = []
    for name in _touched(connection, plan):
        table = plan.new.table(name)
        if table is not None and not dangles(connection, table, plan.new):
            continue
        broken = violations(connection, "main", name)
        if not broken:
            continue
        step = plan.step(name)
        origin = name if step is None else step.old.name if isinstance(step, CarriedStep) else None
        before = violations(connection, "old", origin) if origin is not None else 0
        if broken > before:
            refer = count(broken - before, "row refers", "rows refer")
            raise _dangles(name, refer, plan)
        refer = count(broken, "row refers", "rows refer")
        notes.append(f"{name}: {refer} to rows that do not exist, as in the old file")
    return tuple(notes)


def _dangles(name: str, refer: str, plan: Plan) -> Failed:
    step, parents = plan.step(name), {fold(key.table) for key in _keys(plan, name)}
    if isinstance(step, Transform) or any(fold(one.name) in parents for one in plan.transformed):
        return Failed.of(
            Code.ROWS_VIOLATE_SCHEMA,
            f'"{name}": {refer} to rows that do not exist after the transforms',
            "Let the transform make the rows that they refer to, or fix the rows. Then run it again.",
            table=name,
        )
    return Failed.of(
        Code.VERIFY_DIFFERS, f'"{name}": {refer} to rows that no longer exist', "Please report it.", table=name
    )


def _keys(plan: Plan, name: str) -> Sequence[ForeignKey]:
    table = plan.new.table(name)
    return table.foreign_keys if table is not None else ()


def _touched(connection: Connection, plan: Plan) -> list[str]:
    """Return tables with foreign keys, ours and others, that were written or whose parents were."""
    written = {fold(step.name) for step in plan.steps if isinstance(step, Rewrite | FilledStep | Drop | Create)}
    refers_anew = {fold(step.name) for step in plan.altered if any(isinstance(c, AddForeignKey) for c in step.changes)}
    found = references_of(connection)
    return [child for child, parents in found.items() if fold(child) in written | refers_anew or parents & written]


def dangles(connection: Connection, table: Table, schema: Schema) -> bool:
    """Return True if a row of the new file dangles: the result of foreign_key_check, in a fifth of its time. `schema`:
    that of the new file.

    It neither counts nor names rows, so foreign_key_check reports what it finds. Measured with 900,000 rows: 0.16 s
    instead of 0.92 s. The parent's collation and affinity decide, as in SQLite itself: hence the plus.
    """
    for key in table.foreign_keys:
        if _refer_to_row_ids(connection, table, key, schema):
            continue
        some = " AND ".join(f"c.{quote(child)} IS NOT NULL" for child in key.columns)
        same = [f"p.{quote(to)} = +c.{quote(child)}" for to, child in zip(key.references, key.columns, strict=False)]
        rows = f"SELECT 1 FROM main.{quote(table.name)} AS c"
        if same and has_table_or_view(connection, key.table):  # otherwise something else creates it, perhaps later
            rows += f" LEFT JOIN main.{quote(key.table)} AS p ON {' AND '.join(same)}"
            some += f" AND p.{quote(key.references[0])} IS NULL"
        if connection.execute(f"SELECT EXISTS ({rows} WHERE {some})").fetchone()[0]:
            return True
    return False


def _refer_to_row_ids(connection: Connection, child: Table, key: ForeignKey, schema: Schema) -> bool:
    parent = schema.table(key.table)
    if parent is None or not is_of_row_ids(key, child, parent) or is_in_order(connection, child.name, key.columns[0]):
        return False
    rows, there = f"main.{quote(child.name)}", f"main.{quote(parent.name)}"
    return are_all_there(connection, rows, key.columns[0], there, key.references[0])
