"""Reads SQL of SQLite into the syntax tree of sqlglot, and has SQLite confirm that the tree means the same."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ....schema.names import quote
from ...sqlite.connection import Connection

_GROUPED = (exp.Binary, exp.Not, exp.Neg, exp.BitwiseNot, exp.Between, exp.In)

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of syntax that is refused by name in this package


class NotRead(ValueError):
    """sqlglot cannot parse the SQL, or reads it differently from SQLite."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Parses SQL, and checks each result with SQLite. `connection`: a SQLite database in memory with the whole
    schema."""

    connection: Connection

    def expression(self, sql: str, table: str | None) -> exp.Expr:
        """Parse an expression over the columns of a table, or over none. Raises NotRead."""
        end = "" if table is None else f" FROM {quote(table)}"
        (found,) = self.select(f"SELECT {sql}{end}").expressions
        assert isinstance(found, exp.Expr)
        return found

    def select(self, sql: str) -> exp.Query:
        """Parse a SELECT. Raises NotRead."""
        try:
            tree = sqlglot.parse_one(sql, read="sqlite")
            spelled = [one.sql(dialect="sqlite") for one in _spellings(tree)]
        except SqlglotError as error:
            raise NotRead(str(error).partition("\n")[0]) from error
        if not isinstance(tree, exp.Query) or self._program(sql) not in map(self._program, spelled):
            raise NotRead("it may be read in another way than SQLite reads it")
        return tree

    def _program(self, sql: str) -> list[tuple[object, ...]] | None:
        """Return SQLite's program for a statement; None if it does not compile. Statements that mean the same have the
        same program, whatever their parentheses."""
        try:
            return [tuple(map(_named, row[1:7])) for row in self.connection.execute(f"EXPLAIN {sql}")]
        except sqlite3.Error:
            return None


def _named(part: object) -> object:
    """Return a part of a program, with substr() for substring(), which is the same function."""
    return part.replace("substring(", "substr(") if isinstance(part, str) else part


def _spellings(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Yield each SQL that the tree may stand for. To sqlglot, NOT a IS b and a IS NOT b are the same, and so are a
    comma and CROSS JOIN, which SQLite runs in two ways."""
    for has_is_not, has_comma in product((True, False), repeat=2):
        yield _grouped(tree, has_is_not=has_is_not, has_comma=has_comma)


def _grouped(tree: exp.Expr, *, has_is_not: bool, has_comma: bool) -> exp.Expr:
    """Return a copy with each operation in parentheses, so that nothing depends on precedence."""
    copy = tree.copy()
    for join in list(copy.find_all(exp.Join)):
        if has_comma and join.kind == "CROSS":
            join.set("kind", None)
    for negation in list(copy.find_all(exp.Not)):
        if has_is_not and isinstance(same := negation.this, exp.Is):
            negation.replace(exp.NullSafeNEQ(this=same.this, expression=same.expression))
    for cast in list(copy.find_all(exp.Cast)):
        if cast.to.is_type(*exp.DataType.NUMERIC_TYPES - exp.DataType.INTEGER_TYPES - exp.DataType.FLOAT_TYPES):
            cast.set("to", exp.DataType(this=exp.DType.USERDEFINED, kind="NUMERIC"))
    for node in list(copy.find_all(*_GROUPED)):
        if isinstance(node.parent, exp.Paren | exp.Escape) or isinstance(node, exp.Dot) or node.parent is None:
            continue
        group = exp.Paren()
        node.replace(group)
        group.set("this", node)
    return copy
