"""Closes the tables of a move to writers, as the fence closes a file of SQLite: until the file is closed, and again
before it is opened.

A trigger on each table raises for every statement that writes, except in a session of the move itself. The triggers'
function decides: it is replaced in one step, which needs no lock on any table.
https://www.postgresql.org/docs/current/sql-createtrigger.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .target_schema import in_schema, schema_name

if TYPE_CHECKING:
    from .driver import Connection

NAME = "schemasync_fence"  # the name of the function and of the triggers
_SETTING = "schemasync.move"  # a setting of the session: it belongs to the move itself
_FUNCTION = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
{body}
RETURN NULL;
END $body$
"""
_CLOSED = f"""
IF coalesce(current_setting('{_SETTING}', true), '') <> 'on' THEN
RAISE EXCEPTION 'schemasync: this database is not live, and takes no writes'
USING ERRCODE = 'read_only_sql_transaction', HINT = {{hint}};
END IF;
"""
_EVENTS = "INSERT OR UPDATE OR DELETE OR TRUNCATE"


def identify(connection: Connection) -> None:
    """Let this session write to closed tables."""
    connection.execute("SELECT set_config(%s, 'on', false)", (_SETTING,))


def close(connection: Connection, tables: Sequence[str], hint: str) -> None:
    """Close the tables: when this returns, every write that began before is committed or rolled back, and every later
    one fails. `hint`: the advice in the error for the writer. Opens its own transaction, in which it waits for writers
    up to lock_timeout."""
    schema = schema_name(connection)
    with connection.transaction():
        if tables:  # before the function, so that no writer finds a trigger whose table is still open
            listed = ", ".join(in_schema(schema, table) for table in tables)
            connection.execute(f"LOCK TABLE {listed} IN SHARE ROW EXCLUSIVE MODE".encode())
        body = _CLOSED.format(hint=_literal(hint))
        connection.execute(_FUNCTION.format(name=in_schema(schema, NAME), body=body).encode())
        there = fenced_tables(connection)
        for table in tables:
            if table not in there:
                connection.execute(
                    f"CREATE TRIGGER {NAME} BEFORE {_EVENTS} ON {in_schema(schema, table)}"
                    f" FOR EACH STATEMENT EXECUTE FUNCTION {in_schema(schema, NAME)}()".encode()
                )


def open_up(connection: Connection) -> None:
    """Open all tables at once. The triggers stay, and do nothing, until `remove`."""
    if has_function(connection):
        name = in_schema(schema_name(connection), NAME)
        connection.execute(_FUNCTION.format(name=name, body="").encode())


def remove(connection: Connection) -> None:
    """Remove the triggers and their function, in one transaction, which waits for readers, too."""
    schema = schema_name(connection)
    with connection.transaction():
        for table in fenced_tables(connection):
            connection.execute(f"DROP TRIGGER {NAME} ON {in_schema(schema, table)}".encode())
        drop_function(connection)


def drop_function(connection: Connection) -> None:
    """Drop the function, in the caller's transaction; no trigger uses it any more."""
    name = in_schema(schema_name(connection), NAME)
    connection.execute(f"DROP FUNCTION IF EXISTS {name}()".encode())


def fenced_tables(connection: Connection) -> list[str]:
    """The tables of this schema that have the trigger."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid"
        " WHERE t.tgname = %s AND c.relnamespace = current_schema()::regnamespace ORDER BY 1",
        (NAME,),
    ).fetchall()
    return [str(name) for (name,) in rows]


def has_function(connection: Connection) -> bool:
    """Return True if the triggers' function exists."""
    name = in_schema(schema_name(connection), NAME)
    row = connection.execute("SELECT to_regprocedure(%s) IS NOT NULL", (f"{name}()",)).fetchone()
    return bool(row and row[0])


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
