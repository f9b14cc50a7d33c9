"""Decides whether a changed row of the old database changes only those rows of a derived table that have its key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...schema import lexer
from ...schema.affinity import converts_alike
from ...schema.lexer import Token
from ...schema.model import Table
from ...schema.names import ROWID_NAMES, fold

# With one of these, a row of the result may depend on several rows of a table, or on its position.
_OF_SEVERAL_ROWS = frozenset(
    "distinct except full group having intersect limit natural order over right union window with".split()
)

Pairs = tuple[tuple[str, str], ...]
"""(column of the derived table, column of the table that it reads)."""


def key_pairs(select: str, source: Table, new: Table) -> Pairs:
    """Return the pairs by which a SELECT that computes its result row by row gives the key of `source`, the only table
    that it reads, in columns of the derived table `new`. Empty if it does not, or if its text does not show it.

    It begins with `SELECT … FROM old.source`, so that all other parts of FROM, which are functions, belong to one row
    of it. The caller excludes aggregates.
    """
    key, tokens = _stable_key(source), lexer.tokens(select)
    words = [token.word for token in tokens]
    if not key or words[0] != "select" or words.count("select") > 1 or _OF_SEVERAL_ROWS.intersection(words):
        return ()
    begin = _from(tokens)
    names = _first_source(tokens[begin + 1 :], source)
    if not names or _uses(tokens, source) != 1 or not set(ROWID_NAMES).isdisjoint(words):
        return ()
    found = dict(_plain_columns(lexer.split(tokens[1:begin]), source, names))
    pairs = tuple((found.get(fold(column), ""), column) for column in key)
    return pairs if _finds_rows(pairs, source, new) else ()


def _uses(tokens: Sequence[Token], source: Table) -> int:
    """Return how often the table is named, except before one of its columns."""
    texts = [fold(token.value) for token in tokens] + [""]
    name = ["old", ".", fold(source.name)]
    return sum(texts[at : at + 3] == name and texts[at + 3] != "." for at in range(len(tokens)))


def _stable_key(table: Table) -> list[str]:
    """The columns by which rows of a table are logged; empty if no column shows its row ids."""
    if not table.without_rowid:
        return [table.rowid_column] if table.rowid_column is not None else []
    key = table.primary_key
    return [column.column or "" for column in key.columns if column.collation is None] if key is not None else []


def _from(tokens: Sequence[Token]) -> int:
    """Return the index of the statement's FROM; a FROM inside an expression, as in `trim(x FROM y)`, is in
    parentheses."""
    depth = 0
    for number, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.word == "from" and depth == 0:
            return number
    return len(tokens)


def _first_source(tokens: Sequence[Token], source: Table) -> frozenset[str]:
    """Return the folded names of the table in the SELECT if FROM begins with it; otherwise an empty set."""
    if len(tokens) < 3 or fold(tokens[0].value) != "old" or tokens[1].text != ".":
        return frozenset()
    rest = tokens[3:]
    if rest and rest[0].word == "as":
        return frozenset({fold(rest[1].value)})
    is_alias = rest and rest[0].is_name and rest[0].word not in ("where", "join", "left", "inner", "cross", "indexed")
    return frozenset({fold(rest[0].value if is_alias else source.name)})


def _plain_columns(items: Sequence[Sequence[Token]], source: Table, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield (folded column of the table, name in the result) of each result column that is nothing but a column."""
    for item in items:
        parts, label = list(item), None
        if parts and parts[-1].text == "*" and (len(parts) == 1 or (len(parts) == 3 and fold(parts[0].value) in names)):
            yield from ((fold(column.name), column.name) for column in source.columns)
        if len(parts) > 2 and parts[-2].word == "as":
            label, parts = parts[-1].value, parts[:-2]
        if len(parts) == 3 and parts[1].text == "." and fold(parts[0].value) in names:
            parts = parts[2:]
        if len(parts) == 1 and parts[0].is_name and source.column(parts[0].value) is not None:
            yield fold(parts[0].value), label or parts[0].value


def _finds_rows(pairs: Pairs, source: Table, new: Table) -> bool:
    """Return True if the primary key of the derived table begins with these columns, and stores and compares their
    values as the old key does."""
    key = new.primary_key
    if key is None or any(column.collation is not None for column in key.columns[: len(pairs)]):
        return False
    first = {fold(column.column or "") for column in key.columns[: len(pairs)]}
    columns = [(new.column(name), source.column(column)) for name, column in pairs]
    return first == {fold(name) for name, _ in pairs} and all(
        now is not None
        and before is not None
        and now.collation is None
        and before.collation is None
        and converts_alike(source, before, new, now)
        for now, before in columns
    )
