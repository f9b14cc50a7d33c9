"""Column definitions as SQLite's grammar reads them: a type, then constraints.

https://www.sqlite.org/syntax/column-constraint.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import lexer
from .constraint import read_deferred, read_references
from .default import read_default
from .expression import DefinitionError, Scope, check_single, is_nameable
from .lexer import Token, TokenKind
from .model import Check, IndexedColumn, NotNull, PrimaryKey, Sql, Unique
from .names import fold, quote, upper_ascii
from .parts import ColumnParts, TableParts
from .reader import DefinitionReader

_COLUMN_CONSTRAINTS = frozenset(
    "constraint default null not primary unique check references collate as deferrable".split()
)


def read_column(sql: str, name: str, scope: Scope, into: TableParts, parts: Sequence[Token] | None = None) -> None:
    """Read the definition after a column's name into `into`. Raises DefinitionError."""
    reader = DefinitionReader(sql, check_single(sql) if parts is None else parts, scope)
    column = ColumnParts(name, _type(reader))
    into.columns.append(column)
    label: str | None = None
    while not reader.done:
        if reader.take("constraint"):
            label = reader.name() or None
            continue
        _column_constraint(reader, column, label, into)
        label = None


def _column_constraint(reader: DefinitionReader, column: ColumnParts, label: str | None, into: TableParts) -> None:
    me = (IndexedColumn(column=column.name),)
    if reader.take("not", "null"):
        column.not_null = NotNull(label, reader.conflict())
    elif reader.take("null"):
        reader.conflict()
    elif reader.take("default"):
        column.default = read_default(reader)
    elif reader.take("primary", "key"):
        descending = reader.take("desc")
        if not descending:
            reader.take("asc")
        conflict = reader.conflict()
        key = (IndexedColumn(column=column.name, descending=descending),)
        alias = upper_ascii(column.type.canonical) == "INTEGER" and not descending
        into.primary_keys.append(PrimaryKey(key, label, conflict, reader.take("autoincrement"), alias))
    elif reader.take("unique"):
        into.uniques.append(Unique(me, label, reader.conflict()))
    elif reader.take("check"):
        into.checks.append(Check(reader.group_expression(), label))
    elif reader.take("references"):
        into.foreign_keys.append(read_references(reader, (column.name,), label))
    elif reader.peek("deferrable") or reader.peek("not", "deferrable"):
        _defer_last(reader, column, into)
    elif reader.take("collate"):
        column.collation = _collation(reader.name())
    elif reader.take("generated", "always", "as") or reader.take("as"):
        column.generated = reader.group_expression()
        column.stored = reader.take("stored")
        if not column.stored:
            reader.take("virtual")
    else:
        raise DefinitionError(f"no column constraint {reader.where()}")


def _defer_last(reader: DefinitionReader, column: ColumnParts, into: TableParts) -> None:
    """Apply a separate DEFERRABLE to the last REFERENCES. SQLite accepts it also if there is none."""
    deferred = read_deferred(reader)
    own = bool(into.foreign_keys) and into.foreign_keys[-1].columns == (column.name,)
    if not own and not reader.scope.lenient:
        raise DefinitionError("DEFERRABLE belongs to REFERENCES")
    if into.foreign_keys:
        into.foreign_keys[-1] = replace(into.foreign_keys[-1], deferred=deferred)


def _collation(name: str) -> str | None:
    folded = fold(name)
    return None if folded == "binary" else folded


def _type(reader: DefinitionReader) -> Sql:
    """The type name: words up to the first constraint, then up to two signed numbers in parentheses."""
    begin = reader.at
    while not reader.done:
        token = reader.parts[reader.at]
        if not is_nameable(token) or token.word in _COLUMN_CONSTRAINTS or reader.peek("generated", "always"):
            break
        reader.at += 1
    words = reader.parts[begin : reader.at]
    if not words:
        return Sql("")
    size = _size(reader)
    if len(words) == 1 and words[0].kind is not TokenKind.WORD and not size:
        return _quoted_type(words[0].value)
    spelled = " ".join(word.text for word in words) + size
    return Sql(upper_ascii(spelled), spelled)


def _size(reader: DefinitionReader) -> str:
    """`(10)` or `(10,2)`, '' if there is none."""
    if not reader.peek("("):
        return ""
    numbers = lexer.split(reader.group())
    if not numbers or not all(run and run[-1].kind is TokenKind.NUMBER for run in numbers):
        raise DefinitionError("the size of a type is one number or two")
    return "(" + ",".join("".join(token.text for token in run) for run in numbers) + ")"


def _quoted_type(declared: str) -> Sql:
    """A type that is one quoted name, unquoted if that means the same."""
    words = lexer.tokens(declared, comments=True)
    bare = words and all(
        token.kind is TokenKind.WORD and token.is_name and token.word != "generated" for token in words
    )
    spelled = " ".join(token.text for token in words) if bare else quote(declared)
    return Sql(upper_ascii(spelled), spelled)
