"""Validates a schema with SQLite: an empty database in memory accepts it and reads it back the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace

from ...errors import Code, Problem, SchemaInvalid
from ...schema import digest, lexer
from ...schema.model import Schema, Sql, Table, Trigger, View
from ...schema.names import fold, quote, to_key
from ...schema.text import dumps, nearest
from . import ddl
from .connection import Connection, Opener
from .inspect import inspect
from .name_errors import hint_for
from .objects import objects

Path = tuple[str, ...]
LocatePath = Callable[..., str]
"""`file:line:column` of the key at that path of schema.json."""


def validate_schema(schema: Schema, opener: Opener, place: LocatePath | None = None) -> None:
    """Build the schema in memory. Raises SchemaInvalid with everything that SQLite refuses, each with its `place`."""
    connection = opener.memory()
    try:
        problems = [*_tables(connection, schema), *_views_and_triggers(connection, schema)]
        if not problems:
            problems = list(_read_back(connection, schema))
    finally:
        connection.close()
    if problems:
        raise SchemaInvalid([_placed(problem, place) for problem in problems])


def _placed(problem: Problem, place: LocatePath | None) -> Problem:
    path = problem.facts["path"]
    message = problem.message if place is None else f"{place(*path)}: {problem.message}"
    return replace(problem, message=message, facts={**problem.facts, "path": "/".join(path)})


def build(connection: Connection, schema: Schema) -> None:
    """Create all objects of the schema in an empty database. Raises sqlite3.Error."""
    for statement in statements(schema):
        connection.execute(statement)


def statements(schema: Schema) -> Iterator[str]:
    """Return all CREATE statements in an order that works: tables, indexes, views, triggers."""
    return (statement for _, statement in _named(schema))


def lacking(connection: Connection, schema: Schema) -> dict[str, str]:
    """Return the CREATE statements of objects that the schema names and the database does not have, by `table name`,
    `index name` and so on, in the same order."""
    there = {o.key for o in objects(connection)}
    return {f"{kind} {name}": sql for (kind, name), sql in _named(schema) if (kind, fold(name)) not in there}


def _named(schema: Schema) -> Iterator[tuple[tuple[str, str], str]]:
    for table in schema.tables:
        yield ("table", table.name), ddl.create_table(table)
    for table in schema.tables:
        yield from ((("index", index.name), ddl.create_index(table, index)) for index in table.indexes)
    yield from ((("view", view.name), ddl.create_view(view)) for view in schema.views)
    for owner in schema.owners:
        yield from ((("trigger", trigger.name), ddl.create_trigger(trigger)) for trigger in owner.triggers)


def _refused(what: str, error: Exception | str, sql: str, at: Path) -> Problem:
    return Problem(
        Code.SQLITE_REFUSES,
        f"SQLite refuses {what}: {error}",
        "\n".join(filter(None, (hint_for(str(error)), "The statement was:", sql))),
        {"object": what, "sql": sql, "path": at},
    )


def _try(connection: Connection, what: str, sql: str, at: Path) -> Iterator[Problem]:
    try:
        connection.execute(sql)
    except (sqlite3.Error, sqlite3.Warning) as error:
        yield _refused(what, error, sql, at)
    except UnicodeDecodeError as error:  # SQLite cut its message inside a character
        yield _refused(what, error.object.decode(errors="replace"), sql, at)


def _tables(connection: Connection, schema: Schema) -> Iterator[Problem]:
    made = []
    for table in schema.tables:
        at: Path = _of(table)
        problems = list(_collations(connection, table))
        if not problems:
            problems = list(_try(connection, f'table "{table.name}"', ddl.create_table(table), at))
        if not problems and table.virtual is None:
            # Some errors occur only in use: generated columns that depend on each other
            error = compile_triggers(connection, table.name)
            problems = [_refused(f'table "{table.name}"', error, ddl.create_table(table), at)] if error else []
        yield from problems
        if not problems:
            made.append(table)
    for table in made:
        for index in table.indexes:
            what, at = f'index "{index.name}" on "{table.name}"', (to_key(table.name), "_indexes")
            yield from _try(connection, what, ddl.create_index(table, index), at)
    if len(made) == len(schema.tables):
        yield from _foreign_keys(connection, schema)


def _collations(connection: Connection, table: Table) -> Iterator[Problem]:
    """Yield a problem for each unknown collation: SQLite's own error does not name the column."""
    for column in table.columns:
        if column.collation is not None:
            what, at = f'column "{table.name}"."{column.name}"', (to_key(table.name), to_key(column.name))
            for problem in _try(connection, what, f"SELECT '' = '' COLLATE {quote(column.collation)}", at):
                known = [name for _, name in connection.execute("PRAGMA collation_list")]
                near = nearest(column.collation, known)
                hint = f"Did you mean {near}?" if near else f"Known are: {', '.join(sorted(known))}."
                yield replace(problem, hint=hint)


def _foreign_keys(connection: Connection, schema: Schema) -> Iterator[Problem]:
    """Yield problems of foreign keys: SQLite refuses a reference to columns that are not unique only when a row is
    written."""
    for table in schema.tables:
        if table.foreign_keys:
            sql = f"PRAGMA foreign_key_check({quote(table.name)})"
            yield from _try(connection, f'the foreign keys of "{table.name}"', sql, _of(table))


def _views_and_triggers(connection: Connection, schema: Schema) -> Iterator[Problem]:
    for view in schema.views:
        yield from _try(connection, f'view "{view.name}"', ddl.create_view(_undisguised_view(view)), _of(view))
    present = {fold(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    for view in schema.views:
        if fold(view.name) in present:  # otherwise its error is reported already
            yield from _try(connection, f'view "{view.name}"', f"EXPLAIN SELECT * FROM {quote(view.name)}", _of(view))
    for owner in schema.owners:
        for trigger in owner.triggers if fold(owner.name) in present else ():
            yield from _trigger(connection, owner, trigger)


def _of(owner: Table | View) -> Path:
    """Return the path of the table or view in schema.json."""
    return ("_views", to_key(owner.name)) if isinstance(owner, View) else (to_key(owner.name),)


def _trigger(connection: Connection, owner: Table | View, trigger: Trigger) -> Iterator[Problem]:
    what = f'trigger "{trigger.name}" on "{owner.name}"'
    at = (*_of(owner), "triggers" if isinstance(owner, View) else "_triggers", to_key(trigger.name))
    undisguised = Trigger(trigger.name, undisguised_sql(trigger.body))
    problems = list(_try(connection, what, ddl.create_trigger(undisguised), at))
    if not problems:
        error = compile_triggers(connection, owner.name)
        problems = [_refused(what, error, ddl.create_trigger(trigger), at)] if error else []
        if error:
            connection.execute(f"DROP TRIGGER {quote(trigger.name)}")
    yield from problems


def compile_triggers(connection: Connection, name: str) -> str:
    """Compile a write of every kind to a table or view, and so its triggers; return '' or SQLite's error.

    A view accepts only the kinds of write for which it has INSTEAD OF triggers; that it cannot be modified otherwise is
    not an error.
    """
    columns = [
        quote(column)
        for column, hidden in connection.execute(
            "SELECT name, hidden FROM pragma_table_xinfo(?, 'main')", (name,)
        ).fetchall()
        if hidden == 0
    ]
    sets = ", ".join(f"{column} = {column}" for column in columns)
    target = quote(name)
    nulls = ", ".join(["NULL"] * len(columns))
    for write in (
        f"INSERT INTO {target} ({', '.join(columns)}) VALUES ({nulls})",
        f"UPDATE {target} SET {sets}",
        f"DELETE FROM {target}",
    ):
        try:
            connection.execute(f"EXPLAIN {write}")
        except sqlite3.Error as error:
            if "cannot modify" not in str(error):
                return str(error)
    return ""


def _undisguised_view(view: View) -> View:
    return View(view.name, undisguised_sql(view.select), view.columns)


def undisguised_sql(sql: Sql) -> Sql:
    """The SQL with `"x"` written as `` `x` ``, which SQLite never takes for a string."""
    pieces, last = [], 0
    for token in lexer.tokens(sql.text):
        if token.double_quoted:
            pieces += [sql.text[last : token.start], "`" + token.value.replace("`", "``") + "`"]
            last = token.end
    return Sql(sql.canonical, "".join([*pieces, sql.text[last:]]))


def _read_back(connection: Connection, schema: Schema) -> Iterator[Problem]:
    """Check the rule of the normal form for this schema: the database reads back as the schema from which it was
    built."""
    meant, built = digest.to_json(schema), digest.to_json(inspect(connection).schema)
    shown = {True: "Meant", False: "Read "}
    for kind in ("tables", "views"):
        for name in sorted({*meant.get(kind, {}), *built.get(kind, {})}, key=fold):
            if meant.get(kind, {}).get(name) != built.get(kind, {}).get(name):
                yield Problem(
                    Code.SQLITE_REFUSES,
                    f'SQLite reads {kind[:-1]} "{name}" differently from its definition',
                    "\n".join(
                        f"{shown[side is meant]}: {dumps(side.get(kind, {}).get(name))}" for side in (meant, built)
                    ),
                    {"object": name, "path": ("_views", to_key(name)) if kind == "views" else (to_key(name),)},
                )
