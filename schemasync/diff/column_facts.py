"""All parts of a table's definition that concern one column."""

from __future__ import annotations

from collections.abc import Iterable

from ..schema import lexer
from ..schema.model import Sql, Table
from ..schema.names import fold
from .apply_renames import Renames, with_renames

_ANY = "?"  # replaces the names of a table and a column, so that definitions are compared without them


def mentions(sql: Sql, name: str) -> bool:
    """True if an expression names a column, or anything else of that name."""
    return any(token.is_name and fold(token.value) == fold(name) for token in lexer.tokens(sql.canonical))


def facet(table: Table, name: str) -> tuple[object, ...]:
    """Return the definition of a column, with all constraints, indexes and other parts of the table that use it."""
    folded = fold(name)
    column = table.column(name)

    key = table.primary_key
    return (
        column,
        table.strict,
        key if key and any(fold(part.column or "") == folded for part in key.columns) else None,
        tuple(check.expression for check in table.checks if mentions(check.expression, name)),
        tuple(u for u in table.uniques if any(fold(part.column or "") == folded for part in u.columns)),
        tuple(f for f in table.foreign_keys if folded in map(fold, f.columns)),
    )


def definition(table: Table, name: str) -> tuple[object, ...]:
    """Return the `facet` of a column without the names of the table and the column: equal if the column was only
    renamed."""
    old = fold(table.name)
    return facet(with_renames(table, Renames({old: _ANY}, {old: {fold(name): _ANY}})), _ANY)


def reads(sql: Sql, columns: Iterable[str]) -> bool:
    """Return True if the expression names one of these columns. The name of a function does not count."""
    wanted, tokens = set(map(fold, columns)), lexer.tokens(sql.canonical)
    after = [*(token.text for token in tokens[1:]), ""]
    return any(
        token.is_name and fold(token.value) in wanted and following != "("
        for token, following in zip(tokens, after, strict=True)
    )
