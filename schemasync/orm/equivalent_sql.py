"""Recognises SQL of a model that differs from the file only in the order of IN (…).

That order has no meaning, and Django may take it from a Python set, so that it differs between processes. It counts in
the version, as every literal does, so an existing order in the file stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..schema import digest, lexer, normalize
from ..schema.default import is_literal
from ..schema.lexer import Token
from ..schema.model import Check, Column, Index, IndexedColumn, Sql, Table


def reworded(model: Table, file: Table) -> Table:
    """Return the model's table, with the SQL of the file wherever the two are equivalent."""
    checks = (_check(check, file.checks) for check in model.checks)
    return replace(
        model,
        columns=tuple(_column(column, file.column(column.name)) for column in model.columns),
        checks=normalize.ordered(checks, digest.check_json),
        indexes=tuple(_index(index, file.indexes) for index in model.indexes),
    )


def _column(column: Column, there: Column | None) -> Column:
    if there is None:
        return column
    return replace(
        column, default=_sql(column.default, there.default), generated=_sql(column.generated, there.generated)
    )


def _check(check: Check, there: Sequence[Check]) -> Check:
    same = (one for one in there if one.name == check.name and _says_the_same(one.expression, check.expression))
    return next(same, check) if check not in there else check


def _index(index: Index, there: Sequence[Index]) -> Index:
    one = next((one for one in there if one.name == index.name and len(one.columns) == len(index.columns)), None)
    if one is None:
        return index
    columns = tuple(_indexed(*pair) for pair in zip(index.columns, one.columns, strict=True))
    return replace(index, columns=columns, where=_sql(index.where, one.where))


def _indexed(column: IndexedColumn, there: IndexedColumn) -> IndexedColumn:
    return replace(column, expression=_sql(column.expression, there.expression))


def _sql(sql: Sql | None, there: Sql | None) -> Sql | None:
    return there if sql is not None and there is not None and _says_the_same(sql, there) else sql


def _says_the_same(one: Sql, other: Sql) -> bool:
    return one == other or _unordered(one) == _unordered(other)


def _unordered(sql: Sql) -> list[str]:
    """Return the tokens of the SQL, with the literals after IN sorted."""
    parts = lexer.tokens(sql.canonical)
    words: list[str] = []
    at = 0
    while at < len(parts):
        words.append(parts[at].text)
        inside = _literals_of_in(parts, at)
        if inside:
            words += sorted(inside)
            at = lexer.closing(parts, at + 1)
        else:
            at += 1
    return words


def _literals_of_in(parts: Sequence[Token], at: int) -> list[str]:
    """Return the literals of the IN at that position; empty if there is no IN, or it contains anything else."""
    end = lexer.closing(parts, at + 1) if parts[at].word == "in" and at + 1 < len(parts) else -1
    if end < 0:
        return []
    found = [lexer.join(run) for run in lexer.split(parts[at + 2 : end])]
    return found if all(text and is_literal(text) for text in found) else []
