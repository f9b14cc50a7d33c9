"""Virtual tables: what their arguments say about their content, and how they are filled again."""

from __future__ import annotations

import sqlite3

from ....errors import Refused
from ....plan.model import Plan, Rewrite
from ....schema import lexer
from ....schema.model import Sql
from ....schema.names import fold, quote
from ..connection import Connection
from ..mapping import identity
from .external_content import external_indexes
from .row_errors import run_on, unfit


def option(virtual: Sql, name: str) -> str | None:
    """The value of `name=` among the arguments of a virtual table; None without it."""
    parts = lexer.tokens(virtual.text)
    for index in range(len(parts) - 2):
        if parts[index].word == name and parts[index + 1].text == "=":
            return parts[index + 2].value
    return None


def is_contentless(virtual: Sql) -> bool:
    """True for a full-text index that keeps no text: it cannot be read, and only its owner can fill it again."""
    return option(virtual, "content") == ""


def keeps_text(virtual: Sql) -> bool:
    """True for a full-text table with its own copy of the text, and so with meaningful row ids."""
    return fold(virtual.text).startswith("fts") and option(virtual, "content") is None


def refill_virtual(connection: Connection, step: Rewrite, virtual: Sql) -> int:
    """Fill a rewritten virtual table from the attached old file; return the number of rows. `virtual` is the text after
    USING of the new table. Raises Failed."""
    name = quote(step.new.name)
    if option(virtual, "content"):
        return 0  # its text is in another table: the index is copied, or rebuilt when that table is filled
    common = set(identity(connection, "old", step.old.name))
    columns = [column for column in identity(connection, "main", step.new.name) if column in common]
    with_rowid = ["rowid", *columns] if keeps_text(virtual) else columns
    return run_on(
        connection,
        step.new.name,
        f"INSERT INTO main.{name} ({', '.join(with_rowid)}) SELECT {', '.join(with_rowid)}"
        f" FROM old.{quote(step.old.name)}",
    )


def refill_again(connection: Connection, plan: Plan) -> None:
    """Fill the rewritten virtual tables again, with the present content of the attached old file."""
    for step, virtual in rewritten(plan):
        if option(virtual, "content") is None:
            connection.execute(f"DELETE FROM main.{quote(step.new.name)}")
            refill_virtual(connection, step, virtual)


def rewritten(plan: Plan) -> list[tuple[Rewrite, Sql]]:
    """The steps that fill a virtual table again, each with the text after USING of the new table."""
    return [(step, step.new.virtual) for step in plan.rewritten if step.new.virtual is not None]


def rebuild_external(connection: Connection, plan: Plan) -> None:
    """Rebuild the full-text indexes of other tables' text that are new, or that index what the plan changes."""
    indexes = [index for index in external_indexes(connection, plan) if index.is_rebuilt]
    if indexes:
        # A module caches what it has read of its tables, and an FTS4 index the columns of its content. Only then: with
        # a thousand tables it takes 75 ms to read the schema again.
        connection.execute("PRAGMA writable_schema=RESET").fetchall()
    for index in indexes:
        name = quote(index.name)
        try:
            connection.execute(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")
        except sqlite3.Error as error:
            raise Refused(unfit("virtual table", index.name, error, index.sql)) from error
