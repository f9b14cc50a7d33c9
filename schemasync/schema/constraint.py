"""Table constraints as SQLite's grammar reads them, and REFERENCES, which columns also have.

https://www.sqlite.org/syntax/table-constraint.html
"""

from __future__ import annotations

from collections.abc import Sequence

from . import lexer
from .expression import DefinitionError, Scope, check_single, indexed_column
from .lexer import Token
from .model import Check, ForeignKey, IndexedColumn, PrimaryKey, Unique
from .names import upper_ascii
from .parts import TableParts
from .reader import DefinitionReader

_TABLE_CONSTRAINTS = frozenset("constraint primary unique check foreign".split())


def is_table_constraint(parts: Sequence[Token]) -> bool:
    """True if a part between the commas of CREATE TABLE is a table constraint and not a column."""
    return bool(parts) and parts[0].word in _TABLE_CONSTRAINTS


def read_constraints(sql: str, scope: Scope, into: TableParts, parts: Sequence[Token] | None = None) -> None:
    """Read one table constraint, or several without commas, as SQLite allows. Raises DefinitionError."""
    reader = DefinitionReader(sql, check_single(sql) if parts is None else parts, scope)
    label: str | None = None
    while not reader.done:
        if reader.take("constraint"):
            label = reader.name() or None
            continue
        _table_constraint(reader, label, into)
        label = None


def _table_constraint(reader: DefinitionReader, label: str | None, into: TableParts) -> None:
    if reader.take("primary", "key"):
        inside, auto = reader.group(), False
        if inside and inside[-1].word == "autoincrement":
            inside, auto = inside[:-1], True
        columns = _key_columns(reader, inside)
        into.primary_keys.append(PrimaryKey(columns, label, reader.conflict(), auto, _may_be_alias(columns)))
    elif reader.take("unique"):
        into.uniques.append(Unique(_key_columns(reader, reader.group()), label, reader.conflict()))
    elif reader.take("check"):
        into.checks.append(Check(reader.group_expression(), label))
        reader.conflict()
    elif reader.take("foreign", "key"):
        columns_ = tuple(reader.scope.spelled(name) for name in reader.names())
        reader.expect("references")
        into.foreign_keys.append(read_references(reader, columns_, label))
    else:
        raise DefinitionError(f"no table constraint {reader.where()}")


def _key_columns(reader: DefinitionReader, inside: Sequence[Token]) -> tuple[IndexedColumn, ...]:
    columns = tuple(indexed_column(reader.sql, run, reader.scope) for run in lexer.split(inside))
    if not columns:
        raise DefinitionError("a key needs a column")
    return columns


def _may_be_alias(columns: tuple[IndexedColumn, ...]) -> bool:
    """True if the key has one column: such a table constraint can be the row id, whatever its order and collation."""
    return len(columns) == 1 and columns[0].column is not None


def read_references(reader: DefinitionReader, columns: tuple[str, ...], name: str | None) -> ForeignKey:
    """Read what follows the word REFERENCES. Raises DefinitionError."""
    table = reader.name()
    references = reader.names() if reader.peek("(") else ()
    actions: dict[str, str | None] = {}
    while True:
        if reader.take("match"):
            reader.name()  # SQLite parses MATCH and ignores it
        elif reader.peek("on") and not reader.peek("on", "conflict"):
            reader.take("on")
            event = reader.next().word
            if event not in ("delete", "update", "insert"):  # SQLite parses ON INSERT and ignores it
                raise DefinitionError("ON DELETE or ON UPDATE expected")
            actions[event] = _action(reader)
        else:
            break
    return ForeignKey(
        columns,
        table,
        references,
        actions.get("delete"),
        actions.get("update"),
        read_deferred(reader),
        name,
    )


def _action(reader: DefinitionReader) -> str | None:
    for words in (("set", "null"), ("set", "default"), ("cascade",), ("restrict",)):
        if reader.take(*words):
            return upper_ascii(" ".join(words))
    reader.expect("no", "action")
    return None


def read_deferred(reader: DefinitionReader) -> bool:
    """Read a DEFERRABLE clause. Only DEFERRABLE INITIALLY DEFERRED is deferred.
    https://www.sqlite.org/foreignkeys.html#fk_deferred"""
    deferrable = False
    if reader.take("not", "deferrable"):
        pass
    elif reader.take("deferrable"):
        deferrable = True
    else:
        return False
    if reader.take("initially", "deferred"):
        return deferrable
    reader.take("initially", "immediate")
    return False
