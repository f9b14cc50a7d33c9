"""Drops the views and triggers that would make ALTER TABLE refuse to rename, before any rename.

ALTER TABLE … RENAME reads every view and trigger of the database, follows the references in them, and refuses if one of
them does not compile before or after (https://www.sqlite.org/lang_altertable.html#alter_table_rename_column). A view
over `SELECT *` prevents the rename of any column that another view reads through it.

Those of the schema are created from schema.json at the end of a build, so references in them need not be followed: they
are dropped first. A foreign view or trigger has only its own text: if that names a renamed table, it stays, with the
views and triggers of the schema that it reads, and SQLite follows the rename. If it names none, or did not compile
before, it is dropped and created again from the same text. A trigger on a dropped table is dropped with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ....plan.model import Plan
from ....schema.names import fold, quote
from .. import validate
from ..connection import Connection
from ..name_errors import is_unknown_name
from ..objects import Object, objects, shadow_tables


def has_renames(plan: Plan) -> bool:
    """True if the plan renames a table or a column in place."""
    return bool(_renamed(plan))


def _renamed(plan: Plan) -> set[str]:
    """Folded old names of the tables that are renamed, or of which a column is."""
    found = {fold(s.old.name) for s in plan.carried if s.column_renames or s.old.name != s.new.name}
    return found | {fold(old) for old, new in plan.replaced if old != new}


def drop_obstacles(connection: Connection, plan: Plan) -> tuple[Object, ...]:
    """Drop the views and triggers in which no rename must be followed; return the foreign ones among them, to be
    created again."""
    ours, renamed = {*plan.old.object_names(), *plan.new.object_names()}, _renamed(plan)
    found = [item for item in objects(connection) if item.type in ("view", "trigger")]
    gone = {fold(step.old.name) for step in plan.dropped}
    foreign = [item for item in found if item.key not in ours and fold(item.table) not in gone]
    needed: set[str] = set()
    renamed |= shadow_tables(connection)  # tables that are renamed with their virtual table
    for item in foreign:
        used = _used_by(connection, item)
        names_renamed = fold(item.table) in renamed or bool(used.itself & renamed)
        if names_renamed and not _is_obstacle(connection, item, found):
            needed |= {item.key[1], fold(item.table), *used.in_all}  # dropping a view drops the triggers on it
    for item in found:
        if fold(item.name) not in needed and (item in foreign or item.key in ours):
            connection.execute(f"DROP {item.type.upper()} IF EXISTS main.{quote(item.name)}")
    left = {item.key for item in objects(connection)}
    return tuple(item for item in foreign if item.key not in left)


def _is_obstacle(connection: Connection, item: Object, found: Iterable[Object]) -> bool:
    """Return True for an item that does not compile, except if only a function or collation is unknown to this process:
    ALTER TABLE does not check those, and follows.

    SQLite compiles all triggers of a table at once: if there are several, it is unknown which one fails, and they stay.
    """
    if item.type == "trigger" and sum(other.type == "trigger" and other.table == item.table for other in found) > 1:
        return False
    error = _compiled(connection, item)
    return bool(error) and not is_unknown_name(error)


def _compiled(connection: Connection, item: Object) -> str:
    """Return SQLite's error for a use of the view, or for a write that fires the trigger; '' without an error."""
    if item.type == "trigger":
        return validate.compile_triggers(connection, item.table)
    try:
        connection.execute(f"EXPLAIN SELECT * FROM main.{quote(item.name)}")
    except sqlite3.Error as error:
        return str(error)
    return ""


@dataclass(slots=True)
class _Used:
    """Folded names of what a view or trigger uses, by its own text, and through the views that it reads."""

    itself: set[str]
    in_all: set[str]


def _used_by(connection: Connection, item: Object) -> _Used:
    """Return the names that the item uses, as SQLite reports them to an authorizer, which also gets the innermost view
    or trigger that causes an access. https://www.sqlite.org/c3ref/set_authorizer.html"""
    used, own = _Used(set(), set()), (None, fold(item.name))

    def note(action: int, first: str | None, second: str | None, schema: str | None, within: str | None) -> int:
        used.in_all.update(fold(name) for name in (first, within) if name)
        if first and (within and fold(within)) in own:  # None: from a view that SQLite merged into the query
            used.itself.add(fold(first))
        return sqlite3.SQLITE_OK

    connection.set_authorizer(note)
    try:
        _compiled(connection, item)
    finally:
        connection.set_authorizer(None)
    return used
