"""Finds what a value and its replacement must have in common, with SQLite: how columns store it, and the results of
CHECKs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass

from ....masking.forms import Value
from ....masking.masker import Traits
from ....schema import lexer
from ....schema.affinity import Affinity, affinity
from ....schema.model import Check, Column, Schema, Table
from ....schema.names import fold, quote
from .. import ddl
from ..connection import Connection, Opener
from .columns import Group

KEPT_PROBES = 1_000  # rows of a probe before they are removed, so that memory stays bounded


@dataclass(slots=True)
class Probe:
    """A table in memory with the one column: SQLite stores the value in it, and computes the CHECKs."""

    connection: Connection
    statement: str
    empties: str
    is_needed: Callable[[Value], bool]
    probed: int = 0

    def __call__(self, value: Value) -> Traits:
        if not self.is_needed(value):
            return ()
        self.probed += 1
        if self.probed % KEPT_PROBES == 0:
            self.connection.execute(self.empties)
        try:
            found: Traits = self.connection.execute(self.statement, (value,)).fetchone()
        except sqlite3.Error as error:  # a STRICT table refuses another type
            return (str(error),)
        return found


def traits_of(stack: ExitStack, opener: Opener, schema: Schema, group: Group) -> Callable[[Value], Traits]:
    """Return a function that gives equal results for values which all columns of the group store and check in the same
    way."""
    probes = [
        probe for name in sorted(group) if (probe := _probe(stack, opener, schema.table(name.table), name.column))
    ]

    def traits(value: Value) -> Traits:
        return tuple(probe(value) for probe in probes)

    return traits


def _probe(stack: ExitStack, opener: Opener, table: Table | None, name: str) -> Probe | None:
    column = table.column(name) if table is not None else None
    if table is None or column is None:
        return None
    shape = Table(table.name, (Column(column.name, column.type, collation=column.collation),), strict=table.strict)
    connection = stack.enter_context(closing(opener.memory()))
    connection.execute(ddl.create_table(shape))
    target = f"INSERT INTO {quote(table.name)} VALUES (?) RETURNING"
    stored = f"typeof({quote(column.name)})"
    checks = [f"({one.expression.text}) IS NOT 0" for one in _own_checks(connection, target, table.checks, column.name)]
    is_number = affinity(column, table.strict) in (Affinity.INTEGER, Affinity.REAL, Affinity.NUMERIC)
    if not checks and not is_number:
        return None
    statement = f"{target} {', '.join([stored, *checks])}"
    # an integer stays one; a text may become one that looks like a number, and a large real a whole number
    return Probe(
        connection,
        statement,
        f"DELETE FROM {quote(table.name)}",
        lambda value: bool(checks) or isinstance(value, str | float),
    )


def _own_checks(connection: Connection, target: str, checks: Iterable[Check], column: str) -> Iterable[Check]:
    """The CHECKs that read this column alone."""
    for check in checks:
        quoted = (token for token in lexer.tokens(check.expression.text) if token.double_quoted)
        if any(fold(token.value) != fold(column) for token in quoted):
            continue  # SQLite would take the name of another column for a text
        try:
            connection.execute(f"EXPLAIN {target} ({check.expression.text})", (None,))
        except sqlite3.Error:
            continue  # it reads other columns too: whole rows are checked for it afterwards
        yield check
