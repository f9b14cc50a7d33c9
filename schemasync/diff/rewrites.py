"""Decides whether the rows of a table must be written again, or only its definition.

A definition can be edited if every stored row stays valid and reads as before, which is how SQLite itself implements
ADD COLUMN; and SQLite can remove a column from the rows in place.
https://www.sqlite.org/lang_altertable.html#making_other_kinds_of_table_schema_changes
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..schema import lexer
from ..schema.affinity import Affinity, affinity
from ..schema.default import is_literal
from ..schema.lexer import TokenKind
from ..schema.model import Column, Index, PrimaryKey, Sql, Table, Unique
from . import changes as c
from .changes import Change
from .column_facts import mentions

_NUMBERS = {Affinity.INTEGER, Affinity.NUMERIC}  # both store every value alike
_AS_GIVEN = {Affinity.TEXT, Affinity.BLOB}
_DIGITS = 18  # of an integer that is not stored as a real
_NOT_CONSTANT = ("current_time", "current_date", "current_timestamp")


def rewrite_reason(
    old: Table, new: Table, sources: Mapping[str, str | None], changes: Sequence[Change], fills: Iterable[str]
) -> str:
    """Return why the rows of a table must be written again, in a phrase; '' if they stay as they are.

    `sources` maps the columns of `new` to those of `old`, None for an added one. `fills`: the columns with a fill that
    acts.
    """
    filled = [f"fill of {column}" for column in fills]
    return next(iter([*filled, *_reasons(old, new, sources, changes)]), "")


def edits_definition(changes: Iterable[Change]) -> bool:
    """True if the definition of a table changes, and not only names, indexes and triggers."""
    return not all(isinstance(change, c.WITHOUT_REWRITE) for change in changes)


def _reasons(old: Table, new: Table, sources: Mapping[str, str | None], changes: Sequence[Change]) -> Iterator[str]:
    for change in changes:
        if not _is_edit(old, new, sources, change):
            yield c.describe(change).removeprefix(f"{new.name}: ").removeprefix(f"{new.name}.")


def _is_edit(old: Table, new: Table, sources: Mapping[str, str | None], change: Change) -> bool:
    """True if the change concerns only the definition."""
    match change:
        case c.AddColumn(_, column):
            return _can_add(new, column)
        case c.DropColumn(_, column):
            return column.generated is None and new.column(column.name) is None
        case c.ChangeType(_, name):
            before, after = _pair(old, new, sources, name)
            return not _is_read(new, name) and _stays(old, before, new, after)
        case c.ChangeCollation(_, name):
            return not (_is_read(new, name) or _is_keyed(new, name) or _is_checked(new, name))
        case c.ChangeNotNull() | c.ChangeDefault():
            return True
        case c.AddCheck() | c.DropCheck() | c.AddForeignKey() | c.DropForeignKey():
            return True
        case _:
            return isinstance(change, c.WITHOUT_REWRITE)


def _can_add(table: Table, column: Column) -> bool:
    """Return True for a column that every row can have without being written: NULL, or a constant."""
    if column.generated is not None:
        return False
    if column.default is None:
        return column.not_null is None
    return not table.strict and is_constant(column, column.default)


def is_constant(column: Column, default: Sql) -> bool:
    """Return True for a default that is the same for every row, whenever the column is added.

    In a column that does not convert its values to numbers, a row from before ADD COLUMN reads another value than a new
    row gets: TEXT has '1.50' and '1.5' of DEFAULT 1.50, 1 and '1' of DEFAULT TRUE; a column without a type has 7 and
    7.0 of DEFAULT 7.0. Whole numbers are alike.
    """
    if not is_literal(default.text):
        return False
    last = lexer.tokens(default.text)[-1]
    if last.kind in (TokenKind.STRING, TokenKind.BLOB) or last.word == "null":
        return True
    is_alike = affinity(column, strict=False) not in _AS_GIVEN or (last.text.isdigit() and len(last.text) <= _DIGITS)
    return last.word not in _NOT_CONSTANT and is_alike


def _pair(old: Table, new: Table, sources: Mapping[str, str | None], name: str) -> tuple[Column, Column]:
    before, after = old.column(sources[name] or ""), new.column(name)
    assert before is not None
    assert after is not None
    return before, after


def _stays(old: Table, before: Column, new: Table, after: Column) -> bool:
    """Return True if each value is stored and read alike under both declared types."""
    if old.strict or new.strict or ("INTEGER" in (before.type.canonical, after.type.canonical) and _is_key(new, after)):
        return False
    kinds = {affinity(before, old.strict), affinity(after, new.strict)}
    return len(kinds) == 1 or kinds <= _NUMBERS


def _is_key(table: Table, column: Column) -> bool:
    key = table.primary_key
    return key is not None and any(part.column == column.name for part in key.columns)


def _is_keyed(table: Table, name: str) -> bool:
    """Return True if a key, a UNIQUE or an index has the column."""
    keys: list[PrimaryKey | Unique | Index] = [*table.uniques, *table.indexes]
    if table.primary_key is not None:
        keys.append(table.primary_key)
    return any(part.column == name for key in keys for part in key.columns)


def _is_checked(table: Table, name: str) -> bool:
    return any(mentions(check.expression, name) for check in table.checks)


def _is_read(table: Table, name: str) -> bool:
    """Return True if stored content may depend on the column through an expression."""
    expressions = [column.generated for column in table.columns]
    for index in table.indexes:
        expressions += [index.where, *(part.expression for part in index.columns)]
    return any(sql is not None and mentions(sql, name) for sql in expressions)
