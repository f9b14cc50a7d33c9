"""Runs statements of the DDL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...errors import Code, Failed
from .driver import library
from .statements import Statement

if TYPE_CHECKING:
    from .driver import Connection


def run(connection: Connection, statement: Statement) -> None:
    """Run the statement, in the caller's transaction if there is one."""
    connection.execute(statement.sql.encode())


def add_unvalidated(connection: Connection, foreign_key: Statement) -> None:
    """Add a foreign key without checking the existing rows, which takes no time: `validate` checks them later."""
    connection.execute(f"{foreign_key.sql} NOT VALID".encode())


@contextmanager
def on_trial(connection: Connection, statements: Iterable[Statement]) -> Iterator[None]:
    """Run the statements in a transaction that is rolled back at the end of the block. Raises Failed for a statement
    that PostgreSQL refuses."""
    psycopg = library()
    with connection.transaction(force_rollback=True):
        for statement in statements:
            try:
                run(connection, statement)
            except psycopg.Error as error:
                if connection.broken:
                    raise
                raise Failed.of(
                    Code.POSTGRES_ERROR,
                    f"PostgreSQL refuses a statement for {statement.table or 'the schema'}: {error}\n{statement.sql}",
                    'Write the part by hand in schema.json: "postgres" beside a column, or "_postgres" in the table.',
                    table=statement.table,
                    sql=statement.sql,
                ) from error
        yield
