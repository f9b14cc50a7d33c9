"""Alters the live file by SQLite's own statements: ADD COLUMN, CREATE and DROP INDEX, RENAME.

https://www.sqlite.org/lang_altertable.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from ...diff.changes import ChangeTrigger, ChangeView
from ...errors import Code, Failed, Refused
from ...plan.in_place import dropped_columns
from ...plan.model import Alter, Plan, StandingStep
from ...schema import lexer
from ...schema.model import Column
from ...schema.names import fold, quote
from ...schema.subset import differing_exactly, ours
from ...schema.text import count
from . import ddl
from .connection import Connection, Opener
from .inspect import inspect
from .name_errors import Unknown
from .objects import Object, fingerprint, is_own, schema_text
from .rebuild import finish, indexes, reshape
from .rebuild.alter import additions, drops
from .rebuild.before_renames import has_renames
from .uncompiled import load


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The effect of the statements on an empty copy of the live schema in memory. `misfits`: the objects that they do
    not bring to their new shape, and why. `follows`: True if SQLite alone updates all uses of renamed names. `removed`
    and `added`: rows of sqlite_schema. `fingerprint`: that of the file afterwards; None if it must be computed
    there."""

    misfits: Mapping[str, str]
    follows: bool = True
    removed: frozenset[tuple[bytes, ...]] = frozenset()
    added: frozenset[tuple[bytes, ...]] = frozenset()
    fingerprint: str | None = None

    def turns(self, before: Collection[tuple[bytes, ...]], after: Collection[tuple[bytes, ...]]) -> bool:
        """Return True if the statements have changed a schema exactly as they did in memory."""
        return (set(before) - self.removed) | self.added == set(after)


def rehearse(source: Connection, plan: Plan, opener: Opener, unknown: Unknown) -> Rehearsal:
    """Run the statements on an empty copy of the live schema in memory, and compare the result with the plan."""
    if names := reshape.renames_rowid_names(plan):
        return Rehearsal(dict.fromkeys(sorted(names), "a column has a name of the row id"))
    found = _tried(source, plan, opener, unknown, follows=True)
    if found.misfits and has_renames(plan):
        found = _tried(source, plan, opener, unknown, follows=False)
    return found


def _tried(source: Connection, plan: Plan, opener: Opener, unknown: Unknown, *, follows: bool) -> Rehearsal:
    with closing(load(source, opener, unknown)) as connection:
        before, broken, known = schema_text(connection), finish.broken(connection), fingerprint(connection)
        try:
            alter(connection, plan, follows=follows)
        except (sqlite3.Error, Refused) as error:
            if isinstance(error, Refused) and not follows:
                raise
            return Rehearsal({"": str(error)})
        after, built = schema_text(connection), ours(inspect(connection).schema, plan.new)
        misfits = dict.fromkeys(
            sorted(differing_exactly(plan.built, built)), "it would be another one than in schema.json"
        )
        misfits |= dict.fromkeys(sorted(finish.broken(connection) - broken), "it would not compile")
        print_after = fingerprint(connection) if known == plan.base_fingerprint else None
    return Rehearsal(misfits, follows, frozenset(before) - set(after), frozenset(after) - set(before), print_after)


def alter(connection: Connection, plan: Plan, *, follows: bool) -> None:
    """Bring the file to the new schema, in the caller's transaction. Raises Refused and Failed.

    Views and triggers stay as they are, and SQLite updates renamed names in them; those of schema.json that use such a
    name are created again. Without `follows` all are dropped before a rename, and created again, as in a build: SQLite
    refuses a rename under some of them.
    """
    if has_renames(plan) and not follows:
        broken = finish.broken(connection)
        carried = reshape.renamed(connection, plan)
        _add(connection, plan)
        finish.finish(connection, plan, carried, broken)
        finish.create_triggers_on_shadows(connection, carried)
        return
    if has_renames(plan):
        reshape.apply_renames(connection, plan)
    reshape.drop_stale_indexes(connection, plan)
    for statement in _dropped_before(plan):
        connection.execute(statement)
    _add(connection, plan)
    for statement in _created_after(plan):
        connection.execute(statement)


def _changed(plan: Plan) -> tuple[dict[str, str], list[ChangeTrigger]]:
    """Return the changed views of the schema, new name to old one, and the changed triggers of other tables and
    views."""
    views = {change.new.name: change.old.name for change in plan.changes if isinstance(change, ChangeView)}
    found = [change for change in plan.changes if isinstance(change, ChangeTrigger) and change.owner not in views]
    return views, found


def _dropped_before(plan: Plan) -> Iterator[str]:
    """Yield DROP for the views and triggers that change. It runs before columns that they may use are added or
    dropped."""
    views, found = _changed(plan)
    yield from (f"DROP VIEW main.{quote(old)}" for old in views.values())
    yield from (f"DROP TRIGGER main.{quote(change.old.name)}" for change in found)


def _created_after(plan: Plan) -> Iterator[str]:
    views, found = _changed(plan)
    for view in plan.new.views:
        if view.name in views:
            yield ddl.create_view(view)
            yield from map(ddl.create_trigger, view.triggers)
    yield from (ddl.create_trigger(change.new) for change in found)


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


def untouched(plan: Plan, before: Collection[tuple[bytes, ...]]) -> tuple[Object, ...]:
    """Return the objects that schema.json does not name, as they were before the statements and must be afterwards,
    except those that use a renamed name."""
    mine, names = {*plan.old.object_names(), *plan.new.object_names()}, _renamed(plan)
    shadows = tuple(f"{fold(step.old.name)}_" for step in _standing(plan) if step.is_virtual)
    found = (Object(*(part.decode(errors="replace") for part in row)) for row in before)
    return tuple(
        item
        for item in found
        if item.key not in mine
        and not is_own(item.name)
        and not is_own(item.table)
        and not (shadows and fold(item.name).startswith(shadows))
        and names.isdisjoint(fold(token.value) for token in lexer.tokens(item.sql) if token.is_name)
    )


def _renamed(plan: Plan) -> set[str]:
    """Folded old names of the tables and columns that are renamed."""
    tables = {fold(step.old.name) for step in _standing(plan) if step.old.name != step.new.name}
    return tables | {fold(old) for step in _standing(plan) for old, _ in step.column_renames}


def statements(plan: Plan) -> list[str]:
    """Return the statements in order, for people to read."""
    found: list[str] = []
    for step in _standing(plan):
        if step.old.name != step.new.name:
            found.append(f"ALTER TABLE {quote(step.old.name)} RENAME TO {quote(step.new.name)}")
        found += [
            f"ALTER TABLE {quote(step.new.name)} RENAME COLUMN {quote(old)} TO {quote(new)}"
            for old, new in step.column_renames
        ]
    found += [f"DROP INDEX {quote(name)}" for name in reshape.stale_indexes(plan)]
    found += [*_dropped_before(plan), *_dropped_columns(plan), *_new_columns(plan)]
    for step in _standing(plan):
        found += [ddl.create_index(step.new, index) for index in indexes.new(step)]
    return [*found, *_created_after(plan)]


def _standing(plan: Plan) -> Iterator[StandingStep]:
    return (step for step in plan.steps if isinstance(step, StandingStep))


def values_lost(connection: Connection, plan: Plan, *, now: bool = False) -> list[str]:
    """Return, in phrases with a count, the dropped columns in which some rows have another value than the default.
    `now`: the tables and columns have their new names already."""
    found = []
    for step in _standing(plan):
        for column in dropped_columns(step):
            rows = _beyond_default(connection, step.name if now else step.old.name, column)
            if rows:
                found.append(f"{step.old.name}.{column.name} has {count(rows, 'value')} of its own")
    return found


def _beyond_default(connection: Connection, table: str, column: Column) -> int:
    """Return the number of rows in which the column has another value, or another type of value, than its default."""
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
        yield from additions(step)
