"""Virtual tables: the properties of their content according to their arguments, and how they are filled again."""

from __future__ import annotations

import sqlite3

from ....errors import Refused
from ....plan.model import Plan, Rewrite
from ....schema import lexer
from ....schema.model import Sql
from ....schema.names import fold, quote
from ..connection import Connection
from ..mapping import identity
from ..unknown_names import module_of
from .external_content import external_indexes
from .row_errors import run_on, unfit

_FULL_TEXT = ("fts3", "fts4", "fts5")
_R_TREE = ("rtree", "rtree_i32")
_OF_PLACES = (*_R_TREE, "geopoly")


def option(virtual: Sql, name: str) -> str | None:
    """The value of `name=` among the arguments of a virtual table; None without it."""
    parts = lexer.tokens(virtual.text)
    for index in range(len(parts) - 2):
        if parts[index].word == name and parts[index + 1].text == "=":
            return parts[index + 2].value
    return None


def is_contentless(virtual: Sql) -> bool:
    """Return True for a full-text index that keeps no text: it cannot be read, and only its owner can fill it again."""
    return option(virtual, "content") == ""


def keeps_rows(virtual: Sql) -> bool:
    """Return True for a virtual table whose own rows can be read, and written unchanged to another one: a full-text
    table with its own copy of the text, or an R-Tree or geopoly table."""
    module = module_of(virtual)
    return module in _OF_PLACES or (module in _FULL_TEXT and option(virtual, "content") is None)


def takes_rows(new: Sql, old: Sql) -> bool:
    """Return True if the rows of the old virtual table can be written to the new one. For other modules it is unknown
    what identifies a row, and whether it stays the same when it is written again."""
    modules = {module_of(new), module_of(old)}
    return any(modules <= {*family} for family in (_FULL_TEXT, _R_TREE, ("geopoly",)))


def rounds(new: Sql, old: Sql) -> str:
    """Return a condition that is true for a number of an R-Tree, `{0}`, that the new one would round; '' if it rounds
    none.

    Coordinates are reals of 32 bits, or integers of 32 bits. https://www.sqlite.org/rtree.html#integer_valued_r_trees
    """
    match module_of(old), module_of(new):
        case "rtree", "rtree_i32":
            return "{0} <> round({0}) OR abs({0}) >= 2147483648.0"
        case "rtree_i32", "rtree":
            return "abs({0}) > 16777216"
        case _:
            return ""


def _row_id(virtual: Sql) -> list[str]:
    """Return the name of the row id if no column of the table shows it: the first column of an R-Tree is the row id."""
    return [] if module_of(virtual) in _R_TREE else ["rowid"]


def keeps_nothing(connection: Connection, name: str, schema: str = "main") -> bool:
    """Return True for a virtual table without tables of its own, such as fts5vocab: it shows content from elsewhere."""
    rows = connection.execute(f"SELECT name FROM {schema}.sqlite_schema WHERE type = 'table'")
    return not any(fold(other).startswith(f"{fold(name)}_") for (other,) in rows)


def refill_virtual(connection: Connection, step: Rewrite, virtual: Sql) -> int:
    """Fill a rewritten virtual table from the attached old file; return the number of rows. `virtual`: the text after
    USING of the new table. Raises Failed."""
    name = quote(step.new.name)
    if option(virtual, "content") or keeps_nothing(connection, step.old.name, "old"):
        return 0  # its text is in another table: the index is copied, or rebuilt when that table is filled
    common = set(identity(connection, "old", step.old.name))
    columns = [column for column in identity(connection, "main", step.new.name) if column in common]
    with_rowid = [*_row_id(virtual), *columns]
    return run_on(
        connection,
        step.new.name,
        f"INSERT INTO main.{name} ({', '.join(with_rowid)}) SELECT {', '.join(with_rowid)}"
        f" FROM old.{quote(step.old.name)}",
    )


def refill_again(connection: Connection, plan: Plan) -> None:
    """Fill the rewritten virtual tables again, with the present content of the attached old file."""
    for step, virtual in rewritten(connection, plan, "old"):
        if option(virtual, "content") is None:
            connection.execute(f"DELETE FROM main.{quote(step.new.name)}")
            refill_virtual(connection, step, virtual)


def rewritten(connection: Connection, plan: Plan, schema: str) -> list[tuple[Rewrite, Sql]]:
    """Yield the steps that fill a virtual table again from the old file, which is `schema` in the connection, each with
    the text after USING of the new table."""
    return [
        (step, step.new.virtual)
        for step in plan.rewritten
        if step.new.virtual is not None and not keeps_nothing(connection, step.old.name, schema)
    ]


def rebuild_external(connection: Connection, plan: Plan) -> None:
    """Rebuild the full-text indexes of other tables' text that are new, or whose text the plan changes."""
    indexes = [index for index in external_indexes(connection, plan) if index.is_rebuilt]
    if indexes:
        # A module caches the content of its tables, and an FTS4 index the columns of its content. Only then: with a
        # thousand tables it takes 75 ms to read the schema again.
        connection.execute("PRAGMA writable_schema=RESET").fetchall()
    for index in indexes:
        name = quote(index.name)
        try:
            connection.execute(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")
        except sqlite3.Error as error:
            raise Refused(unfit("virtual table", index.name, error, index.sql)) from error
