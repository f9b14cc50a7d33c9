"""Ends a build: statistics, then the views and triggers, each of which must compile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from ....errors import Problem, Refused
from ....plan.model import Plan
from ....schema import model as schema
from ....schema.create import read_trigger, read_view
from ....schema.model import View
from ....schema.names import fold, quote
from .. import ddl, triggers, validate
from ..connection import Connection
from ..objects import TEMPORARY, Object, objects, shadow_tables
from ..triggers import Trigger
from .reshape import Carried
from .row_errors import unfit
from .virtual import rebuild_external


def finish(connection: Connection, plan: Plan, carried: Carried, broken: frozenset[str] = frozenset()) -> None:
    """Create views and triggers, ours and foreign ones, and compile each. Raises Refused with all that fail. Then
    compute the content again that depends on other tables or views.

    `broken`: the names of those that did not compile in the old file either: their owner has to fix these.
    """
    for view in plan.new.views:
        connection.execute(_create_view(view, carried.texts.get(("view", view.name))))
    of_shadows = _of_shadows(connection, carried)
    triggers = [item for item in carried.triggers if item not in of_shadows]
    problems = list(_again(connection, (*carried.indexes, *carried.views, *triggers)))
    for owner in plan.new.owners:
        for trigger in owner.triggers:
            connection.execute(_create_trigger(trigger, carried.texts.get(("trigger", trigger.name))))
    problems += [problem for problem in _unprepared(connection) if problem.facts["object"] not in broken]
    if problems:
        raise Refused(problems)
    rebuild_external(connection, plan)


def create_triggers_on_shadows(connection: Connection, carried: Carried) -> None:
    """Create the foreign triggers on shadow tables, in a transaction after that of `finish`: a virtual table writes to
    its shadow tables when a transaction ends, and they would fire. Raises Refused with all that fail."""
    if problems := list(_again(connection, _of_shadows(connection, carried))):
        raise Refused(problems)


def _of_shadows(connection: Connection, carried: Carried) -> list[Object]:
    shadows = shadow_tables(connection)
    return [item for item in carried.triggers if fold(item.table) in shadows]


def _create_view(view: View, old: str | None) -> str:
    """Return the old statement, with its comments and quotes, if schema.json has the same SELECT; otherwise a new
    one."""
    if old is not None:
        columns, select = read_view(old)
        if columns == view.columns and select.text == view.select.text:
            return old
    return ddl.create_view(view)


def _create_trigger(trigger: schema.Trigger, old: str | None) -> str:
    """Return the old statement, with its comments, if schema.json has the same body; otherwise a new one."""
    if old is not None and read_trigger(trigger.name, old).body.text == trigger.body.text:
        return old
    return ddl.create_trigger(trigger)


def _again(connection: Connection, found: Iterable[Object]) -> Iterator[Problem]:
    for item in found:
        try:
            connection.execute(item.sql)
        except sqlite3.Error as error:
            yield unfit(item.type, item.name, error, item.sql)


def take_triggers(connection: Connection) -> tuple[Object, ...]:
    """Drop all triggers, and return them, because none may fire while rows are replayed."""
    found = tuple(item for item in objects(connection) if item.type == "trigger")
    triggers.remove(connection, f"NOT {TEMPORARY}")
    return found


def put_triggers(connection: Connection, found: Iterable[Object]) -> None:
    """Create the triggers that were dropped."""
    triggers.create(connection, [Trigger(item.name, item.table, item.sql) for item in found])


def broken(connection: Connection) -> frozenset[str]:
    """Names of views, and of tables with triggers, that do not compile in the database."""
    return frozenset(str(problem.facts["object"]) for problem in _unprepared(connection))


def _unprepared(connection: Connection) -> Iterator[Problem]:
    for item in objects(connection):
        if item.type == "view":
            try:
                connection.execute(f"EXPLAIN SELECT * FROM {quote(item.name)}")
            except sqlite3.Error as error:
                yield unfit("view", item.name, error, item.sql)
    found = [item for item in objects(connection) if item.type == "trigger"]
    for owner in sorted({item.table for item in found}):
        if error_text := validate.compile_triggers(connection, owner):
            its = [item for item in found if item.table == owner]
            names = ", ".join(f'"{item.name}"' for item in its)
            yield unfit(f"a trigger ({names}) on", owner, error_text, "\n".join(item.sql for item in its))
