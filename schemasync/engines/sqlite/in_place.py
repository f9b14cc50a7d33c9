"""Alters the live file by SQLite's own statements: ADD COLUMN, CREATE and DROP INDEX, RENAME.

https://www.sqlite.org/lang_altertable.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from ...errors import Code, Failed
from ...plan.in_place import added_columns, constraints_of, dropped_columns
from ...plan.model import Alter, Plan, StandingStep
from ...schema.model import Column
from ...schema.names import quote
from ...schema.subset import differing_exactly, ours
from ...schema.text import count
from . import ddl
from .connection import Connection, Opener
from .inspect import inspect
from .objects import Object, objects
from .rebuild import finish, indexes, reshape
from .rebuild.alter import drops
from .rebuild.before_renames import has_renames
from .uncompiled import load
from .unknown_names import Unknown


def alter(connection: Connection, plan: Plan) -> tuple[Object, ...]:
    """Bring the file to the new schema, in the caller's transaction. Returns the objects that schema.json does not
    name, as they must be now. Raises Refused and Failed.

    Views and triggers stay as they are, unless something is renamed: then those of the schema are created again, and
    SQLite follows the references in others.
    """
    if not has_renames(plan):
        foreign = _foreign(connection, plan)
        reshape.drop_stale_indexes(connection, plan)
        _add(connection, plan)
        return foreign
    broken = finish.broken(connection)
    carried = reshape.renamed(connection, plan)
    _add(connection, plan)
    finish.finish(connection, plan, carried, broken)
    return (*carried.triggers, *carried.views, *carried.standing)


def _add(connection: Connection, plan: Plan) -> None:
    if lost := values_lost(connection, plan, now=True):
        raise Failed.of(Code.ROWS_VIOLATE_SCHEMA, f"written in the last moment: {'; '.join(lost)}", "Run it again.")
    for statement in _dropped_columns(plan):
        connection.execute(statement)
    for statement in _new_columns(plan):
        connection.execute(statement)
    for step in _standing(plan):
        for index in indexes.new(step):
            indexes.build(connection, step.new, index)


def _foreign(connection: Connection, plan: Plan) -> tuple[Object, ...]:
    mine = {*plan.old.object_names(), *plan.new.object_names()}
    return tuple(item for item in objects(connection) if item.key not in mine)


def statements(plan: Plan) -> list[str]:
    """The statements, in order, for people to read."""
    found: list[str] = []
    for step in _standing(plan):
        if step.old.name != step.new.name:
            found.append(f"ALTER TABLE {quote(step.old.name)} RENAME TO {quote(step.new.name)}")
        found += [
            f"ALTER TABLE {quote(step.new.name)} RENAME COLUMN {quote(old)} TO {quote(new)}"
            for old, new in step.column_renames
        ]
    found += [f"DROP INDEX {quote(name)}" for name in reshape.stale_indexes(plan)]
    found += [*_dropped_columns(plan), *_new_columns(plan)]
    for step in _standing(plan):
        found += [ddl.create_index(step.new, index) for index in indexes.new(step)]
    return found


def _standing(plan: Plan) -> Iterator[StandingStep]:
    return (step for step in plan.steps if isinstance(step, StandingStep))


def values_lost(connection: Connection, plan: Plan, *, now: bool = False) -> list[str]:
    """The columns that go and have another value than their default in some row, with a count. `now`: the tables and
    columns have their new names already."""
    found = []
    for step in _standing(plan):
        for column in dropped_columns(step):
            rows = _beyond_default(connection, step.name if now else step.old.name, column)
            if rows:
                found.append(f"{step.old.name}.{column.name} has {count(rows, 'value')} of its own")
    return found


def _beyond_default(connection: Connection, table: str, column: Column) -> int:
    """In how many rows the column has another value, or another type of value, than its default."""
    with closing(sqlite3.connect(":memory:")) as scratch:
        scratch.execute(f"CREATE TABLE t (x, {ddl.added_column(replace(column, collation=None), (), ())})")
        scratch.execute("INSERT INTO t (x) VALUES (1)")
        kind, default = scratch.execute(f"SELECT typeof({quote(column.name)}), {quote(column.name)} FROM t").fetchone()
    value = f"{quote(column.name)} COLLATE BINARY"
    query = f"SELECT count(*) FROM main.{quote(table)} WHERE typeof({quote(column.name)}) <> ? OR {value} IS NOT ?"
    return int(connection.execute(query, (kind, default)).fetchone()[0])


def _dropped_columns(plan: Plan) -> Iterator[str]:
    for step in _standing(plan):
        if isinstance(step, Alter):
            yield from drops(step)


def _new_columns(plan: Plan) -> Iterator[str]:
    for step in _standing(plan):
        for column in added_columns(step):
            definition = ddl.added_column(column, *constraints_of(step, column))
            yield f"ALTER TABLE {quote(step.new.name)} ADD COLUMN {definition}"


def misfits(source: Connection, plan: Plan, opener: Opener, unknown: Unknown) -> dict[str, str]:
    """What the statements do not bring to its new shape on an empty copy of the live schema in memory, and why."""
    if names := reshape.renames_rowid_names(plan):
        return dict.fromkeys(sorted(names), "a column has a name of the row id")
    with closing(load(source, opener, unknown)) as connection:
        try:
            alter(connection, plan)
        except sqlite3.Error as error:
            return {"": str(error)}
        built = ours(inspect(connection).schema, plan.new)
    return dict.fromkeys(sorted(differing_exactly(plan.built, built)), "it would be another one than in schema.json")
