"""Finds the tables whose columns a view or trigger uses by position, so that their order matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..schema import lexer
from ..schema.lexer import Token
from ..schema.model import Schema, Sql
from ..schema.names import fold

_BEFORE_STAR = frozenset({"select", "distinct", "all", "returning", ",", "."})


def used_by_position(schema: Schema) -> frozenset[str]:
    """Return folded names of the tables that a view or trigger names together with a `*`, or writes to without a list
    of columns; and of those that give an FTS4 table its columns.

    A table counts also if the `*` stands for the columns of another one: then it is rewritten, which does no harm.
    """
    tables = {fold(table.name) for table in schema.tables}
    found: set[str] = set()
    for sql in _bodies(schema):
        tokens = lexer.tokens(sql.canonical)
        if any(_is_star(before, token) for before, token in pairwise(tokens)):
            found |= {fold(token.value) for token in tokens if token.is_name}
        found |= set(_written_whole(tokens))
    for table in schema.tables:
        if table.virtual is not None and table.virtual.canonical.startswith("fts4"):
            found |= {fold(token.value) for token in lexer.tokens(table.virtual.canonical)}
    return frozenset(found & tables)


def _bodies(schema: Schema) -> Iterator[Sql]:
    yield from (view.select for view in schema.views)
    yield from (trigger.body for owner in schema.owners for trigger in owner.triggers)


def _is_star(before: Token, token: Token) -> bool:
    """True for the `*` of all columns, not for a product or `count(*)`."""
    return token.text == "*" and (before.word or before.text) in _BEFORE_STAR


def _written_whole(tokens: Sequence[Token]) -> Iterator[str]:
    """Folded names of the tables that an INSERT or REPLACE without a list of columns writes to."""
    for number, token in enumerate(tokens):
        if token.word != "into":
            continue
        end = number + 2
        if tokens[end].word == "as":
            end += 2
        if tokens[end].text != "(":
            yield fold(tokens[number + 1].value)
