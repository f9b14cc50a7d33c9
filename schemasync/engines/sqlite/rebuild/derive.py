"""Fills derived tables from the attached old file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from ....plan.model import Derive
from ....schema import lexer
from ....schema.model import Column, Table
from ....schema.names import fold, quote
from ..connection import Connection
from ..mapping import stored
from .row_errors import run_on


def fill(connection: Connection, step: Derive) -> int:
    """Fill the empty table; return the number of rows. Raises Failed if a row violates its definition."""
    return run_on(connection, step.name, statement(step))


def fill_again(connection: Connection, step: Derive) -> int:
    """Replace the rows of the table, in the caller's transaction."""
    connection.execute(f"DELETE FROM main.{quote(step.name)}")
    return fill(connection, step)


def fill_keys(connection: Connection, step: Derive, keys: str) -> Derive:
    """Replace the rows of the table that come from rows of the old table with these keys, in the caller's transaction.
    `keys`: a query for them. Return a step whose SELECT gives only these rows, as long as the temporary view that it
    reads exists."""
    (name,) = step.selection.reads
    columns = ", ".join(quote(column) for _, column in step.selection.key)
    connection.execute(f"DELETE FROM main.{quote(step.name)} WHERE {rows_of(step, keys)}")
    connection.execute(
        f"CREATE TEMP VIEW {quote(name)} AS SELECT * FROM old.{quote(name)} WHERE ({columns}) IN ({keys})"
    )
    some = replace(step, select=over_views(step.select))
    fill(connection, some)
    return some


def rows_of(step: Derive, keys: str) -> str:
    """Return the condition for the rows of the table that come from these keys."""
    return f"({', '.join(quote(column) for column, _ in step.selection.key)}) IN ({keys})"


def over_views(select: str) -> str:
    """Return the SELECT with `temp` in place of the database `old`."""
    tokens, pieces, last = lexer.tokens(select), list[str](), 0
    for token, after in pairwise(tokens):
        if token.is_name and fold(token.value) == "old" and after.text == ".":
            pieces += [select[last : token.start], "temp"]
            last = token.end
    return "".join([*pieces, select[last:]])


def statement(step: Derive) -> str:
    """The statement that fills the table."""
    columns = ", ".join(map(quote, step.selection.columns))
    # OR ABORT overrides an ON CONFLICT clause of the table, which would drop rows silently
    return f"INSERT OR ABORT INTO main.{quote(step.name)} ({columns}) {step.select}"


def expected(step: Derive) -> tuple[list[str], str]:
    """The compared columns of the table, quoted, and a subquery with the values that they should hold."""
    columns = [column for column in step.new.columns if _is_compared(step, column)]
    values = (f"{stored(quote(column.name), column, step.new)} AS {quote(column.name)}" for column in columns)
    raw = (f"{_source(step, column)} AS {quote(column.name)}" for column in columns)
    # the values get names before they are converted, because a conversion uses its value several times
    return (
        [quote(column.name) for column in columns],
        f"(SELECT {', '.join(values)} FROM (SELECT {', '.join(raw)} FROM ({step.select}\n)))",
    )


def expected_in(step: Derive, steps: Iterable[Derive]) -> tuple[list[str], str]:
    """Like `expected`, but with the derived tables that the SELECT reads computed from the old file, too."""
    columns, query = expected(step)
    read = [other for other in steps if fold(other.name) in step.selection.after]
    if not read:
        return columns, query
    found = (_as_table(other, expected_in(other, steps)) for other in read)
    return columns, f"(WITH {', '.join(found)} SELECT * FROM {query})"


def _as_table(step: Derive, found: tuple[Sequence[str], str]) -> str:
    columns, query = found
    return f"{quote(step.name)} ({', '.join(columns)}) AS (SELECT * FROM {query})"


def _is_compared(step: Derive, column: Column) -> bool:
    return column.generated is None and column.name not in step.selection.volatile


def _source(step: Derive, column: Column) -> str:
    if column.name in step.selection.columns:
        return quote(column.name)
    return f"({column.default.text})" if column.default is not None else "NULL"


def bare(table: Table) -> Table:
    """Return the table with the types, collations and defaults of its columns, and without any constraint."""
    columns = (
        Column(c.name, c.type, default=c.default, collation=c.collation, generated=c.generated, stored=c.stored)
        for c in table.columns
    )
    return Table(table.name, tuple(columns))
