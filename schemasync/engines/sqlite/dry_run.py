"""Tests a plan in memory, without rows, before it runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from ...errors import Code, Problem, Refused
from ...plan.make import with_rewritten
from ...plan.model import Plan, Strategy
from ...schema.model import Table
from ...schema.names import fold, quote
from ...schema.subset import differing_exactly, ours
from .connection import Connection, Opener
from .inspect import inspect, references_of
from .name_errors import Unknown, hint_for, named_in
from .objects import is_virtual, objects
from .rebuild import finish, indexes, reshape
from .rebuild.alter import CannotEdit
from .uncompiled import load
from .unknown_names import error_of


def rehearse(source: Connection, plan: Plan, opener: Opener, unknown: Unknown) -> Plan:
    """Run the plan's steps on an empty copy of the live schema. Raises Refused if an object does not fit.

    `unknown`: the names that the live schema uses and the opener's connections do not know.

    Return the plan. Kept tables that ALTER TABLE alone does not bring to their new shape are rewritten in it, and so
    are altered ones whose definition cannot be edited.
    """
    if plan.strategy is Strategy.FRESH and (problems := list(_cannot_create(source))):
        raise Refused(problems)
    plan = with_rewritten(plan, reshape.renames_rowid_names(plan))
    try:
        row_errors = _misfits(source, plan, opener, unknown)
    except CannotEdit as error:
        return rehearse(source, with_rewritten(plan, error.tables, error.reason), opener, unknown)
    except Refused:
        if not plan.altered:
            raise
        # CREATE TABLE reports the error in a definition; a schema that cannot be read does not
        return rehearse(source, with_rewritten(plan, [step.name for step in plan.altered]), opener, unknown)
    if not row_errors:
        return plan
    again = with_rewritten(plan, row_errors)
    still = _misfits(source, again, opener, unknown)
    if still:
        names = ", ".join(sorted(still))
        raise Refused.of(
            Code.SQLITE_REFUSES, f"in a dry run in memory, these do not reach their new shape: {names}", tables=names
        )
    return again


def _misfits(source: Connection, plan: Plan, opener: Opener, unknown: Unknown) -> set[str]:
    """Return the names of tables and views that differ from the plan after its steps ran in memory."""
    connection = None
    try:
        connection = load(source, opener, Unknown() if plan.strategy is Strategy.FRESH else unknown)
        before = dict(_unmet(connection, plan))
        run_steps(connection, plan, finish.broken(source))
        if found := [_orphaned(name, why) for name, why in _unmet(connection, plan) if before.get(name) != why]:
            raise Refused(found)
        built = ours(inspect(connection).schema, plan.new)
    except sqlite3.Error as error:
        message = f"in a dry run in memory, SQLite refuses: {error}"
        raise Refused.of(Code.SQLITE_REFUSES, message, hint_for(str(error))) from error
    finally:
        if connection is not None:
            connection.close()
    return differing_exactly(plan.built, built)


def _cannot_create(source: Connection) -> Iterator[Problem]:
    """Yield problems for virtual tables that a build from an empty file would have to create, and whose module this
    process does not know. The copy of the schema in memory has them without having created them."""
    for item in objects(source):
        error = error_of(source, f"EXPLAIN SELECT 1 FROM main.{quote(item.name)}") if is_virtual(item) else ""
        if named_in(error).modules:
            message = f'virtual table "{item.name}" would be created anew, and SQLite refuses: {error}'
            yield Problem(Code.SQLITE_REFUSES, message, hint_for(error), {"object": item.name})


def _unmet(connection: Connection, plan: Plan) -> Iterator[tuple[str, str]]:
    """(table, reason) of foreign tables whose references or sources would be missing."""
    tables = {fold(item.name): item for item in objects(connection) if item.type == "table"}
    references = references_of(connection)
    for name, item in tables.items():
        if plan.old.table(name) is not None or plan.new.table(name) is not None:
            continue
        if missing := sorted(references.get(item.name, set()) - tables.keys()):
            yield item.name, f"there is no table {', '.join(missing)}"
        reads = f"SELECT * FROM {quote(name)}" if is_virtual(item) else f"PRAGMA foreign_key_check({quote(name)})"
        try:
            connection.execute(reads).fetchone()
        except sqlite3.Error as error:
            yield item.name, str(error)


def _orphaned(name: str, why: str) -> Problem:
    return Problem(
        Code.FOREIGN_OBJECT,
        f'table "{name}", which schema.json does not name, would refer to nothing: {why}',
        "Fix or drop it by hand, or add it to schema.json.",
        {"object": name},
    )


def run_steps(connection: Connection, plan: Plan, broken: frozenset[str]) -> None:
    """Run the steps of a rebuild, without the rows."""
    carried = reshape.reshape(connection, plan)
    for step in plan.with_new_table:
        for index in indexes.new(step):
            indexes.build(connection, step.new, index)
    finish.finish(connection, plan, carried, broken)
    finish.create_triggers_on_shadows(connection, carried)


def bad_fills(plan: Plan, opener: Opener) -> list[Problem]:
    """Yield problems for fills that SQLite rejects as an expression over the old row: a fill may use only what a CHECK
    may use."""
    problems = []
    for step in plan.carried:
        for feed in step.feeds:
            if feed.fill is None:
                continue
            error = _refusal(opener, step.old, f"CHECK ({feed.fill})")
            if error:
                columns = ", ".join(column.name for column in step.old.columns)
                problems.append(
                    Problem(
                        Code.BAD_FILL,
                        f"{_at(plan, step.name, feed.column)}the fill of {step.name}.{feed.column} cannot be computed: "
                        f"{error}",
                        f"It may use the columns of the old row: {columns}.",
                        {"table": step.name, "column": feed.column, "fill": feed.fill},
                    )
                )
    return problems


def _at(plan: Plan, table: str, column: str) -> str:
    place = plan.place(table, column)
    return f"{place}: " if place else ""


def _refusal(opener: Opener, old: Table, constraint: str) -> str:
    connection = opener.memory()
    try:
        connection.execute(f"CREATE TABLE {quote(old.name)} ({_bare_columns(old)}, {constraint})")
    except (sqlite3.Error, sqlite3.Warning) as error:
        return str(error)
    finally:
        connection.close()
    return ""


def is_volatile(opener: Opener, old: Table | None, sql: str) -> bool:
    """Return True if the expression gives a different value each time: SQLite does not accept such an expression in an
    index."""
    connection = opener.memory()
    columns = _bare_columns(old) if old is not None else "x"
    try:
        connection.execute(f"CREATE TABLE t ({columns})")
        connection.execute("INSERT INTO t DEFAULT VALUES")
        connection.execute(f"CREATE INDEX i ON t (({sql}))")
    except sqlite3.Error as error:
        return "non-deterministic" in str(error)
    finally:
        connection.close()
    return False


def constant(opener: Opener, sql: str) -> Any:
    """Return the value of an expression that reads no column; None for any other expression, and for NULL."""
    with closing(opener.memory()) as connection:
        try:
            return connection.execute(f"SELECT ({sql})").fetchone()[0]
        except sqlite3.Error:
            return None


def _bare_columns(table: Table) -> str:
    return ", ".join(quote(column.name) for column in table.columns)
