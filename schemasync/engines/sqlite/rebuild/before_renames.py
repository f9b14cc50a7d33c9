"""Drops the views and triggers that would stop ALTER TABLE from renaming, before anything is renamed.

ALTER TABLE … RENAME reads every view and trigger of the database, follows the references in them, and refuses where one
of them does not compile before or after (https://www.sqlite.org/lang_altertable.html#alter_table_rename_column). A view
over `SELECT *` stops the rename of any column that another view reads through it.

Those of the schema are created from schema.json at the end of a build, so they need not be followed: they go first. A
foreign view or trigger has nothing but its own text: it stays, with those of the schema that it reads, and SQLite
follows. One that did not compile before is put aside and created again from that same text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ....plan.model import Plan
from ....schema.names import fold, quote
from .. import judge
from ..connection import Connection
from ..objects import Object, objects
from ..unknown import is_unknown_name


def has_renames(plan: Plan) -> bool:
    """True where the plan renames a table or a column in place."""
    steps = [step for step in plan.steps if step.old is not None and step.new is not None]
    return any(s.column_renames or (s.old and s.new and s.old.name != s.new.name) for s in steps)


def drop_obstacles(connection: Connection, plan: Plan) -> tuple[Object, ...]:
    """Drop what a rename need not follow; return the foreign views and triggers among it, to be created again."""
    ours = {*plan.old.object_names(), *plan.new.object_names()}
    found = [item for item in objects(connection) if item.type in ("view", "trigger")]
    foreign = [item for item in found if item.key not in ours]
    aside = tuple(item for item in foreign if _is_obstacle(connection, item, found))
    needed = _read_by(connection, [item for item in foreign if item not in aside])
    needed |= {fold(item.table) for item in foreign}  # a view takes the triggers on it along
    for item in found:
        if item in aside or (item.key in ours and fold(item.name) not in needed):
            connection.execute(f"DROP {item.type.upper()} IF EXISTS main.{quote(item.name)}")
    return aside


def _is_obstacle(connection: Connection, item: Object, found: Iterable[Object]) -> bool:
    """True for one that does not compile, but for a function or collation that this process lacks: ALTER TABLE does not
    look for those, and follows.

    SQLite compiles all triggers of a table at once: of several, it is not known which one fails, and they stay.
    """
    if item.type == "trigger" and sum(other.type == "trigger" and other.table == item.table for other in found) > 1:
        return False
    error = _compiled(connection, item)
    return bool(error) and not is_unknown_name(error)


def _compiled(connection: Connection, item: Object) -> str:
    """'' or what SQLite says of a use of the view, or of a write that fires the trigger."""
    if item.type == "trigger":
        return judge.compile_triggers(connection, item.table)
    try:
        connection.execute(f"EXPLAIN SELECT * FROM main.{quote(item.name)}")
    except sqlite3.Error as error:
        return str(error)
    return ""


def _read_by(connection: Connection, items: Iterable[Object]) -> set[str]:
    """Folded names of the views and triggers that are used when these are, as SQLite reports it to an authorizer.
    https://www.sqlite.org/c3ref/set_authorizer.html"""
    used: set[str] = set()

    def note(action: int, first: str | None, second: str | None, schema: str | None, within: str | None) -> int:
        used.update(fold(name) for name in (first, within) if name)
        return sqlite3.SQLITE_OK

    for item in items:
        connection.set_authorizer(note)
        try:
            _compiled(connection, item)
        finally:
            connection.set_authorizer(None)
    return used
