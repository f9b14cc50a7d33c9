"""Edits the definition of tables whose rows stay where they are, by the procedure that SQLite documents.

https://www.sqlite.org/lang_altertable.html#making_other_kinds_of_table_schema_changes
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from ....diff.changes import ChangeCollation, ChangeDefault, ChangeType, DropColumn
from ....plan.in_place import added_columns, constraints_of, is_added
from ....plan.model import Alter, Keep, Plan
from ....schema import lexer
from ....schema.model import Column
from ....schema.names import fold, quote, string_literal
from .. import ddl
from ..connection import Connection
from ..writable_schema import writable_schema

Indexes = list[tuple[object, ...]]
"""A row for each column of each index of a table, as SQLite reports it: among others its number, order and
collation."""


class CannotEdit(Exception):
    """The definitions of these `tables` cannot be edited, for this `reason`."""

    def __init__(self, tables: Collection[str], reason: str) -> None:
        super().__init__(reason)
        self.tables, self.reason = tables, reason


def changed_defaults(step: Alter) -> list[str]:
    """Return the columns whose default is edited."""
    return [change.column for change in step.changes if isinstance(change, ChangeDefault)]


def reads_defaults(step: Alter) -> CannotEdit:
    """Return the error for rows that are older than such a column, and so read another value after the edit."""
    return CannotEdit([step.name], f"some rows read the default of {', '.join(changed_defaults(step))}")


def edit(connection: Connection, plan: Plan) -> None:
    """Give each altered table its new definition, in the caller's transaction. Raises CannotEdit.

    Except for dropped columns, this writes only pages of the schema. The indexes that belong to constraints have
    numbers, which must keep their meaning; and no index may need another order than the one that it has.
    """
    if not plan.altered:
        return
    before = {step.name: _indexes(connection, step.name) for step in plan.altered}
    _add(connection, plan)
    _replace(connection, [step for step in plan.altered if not is_added(step)])
    after = {step.name: _indexes(connection, step.name) for step in plan.altered}
    if other := [name for name in before if before[name] != after[name]]:
        raise CannotEdit(other, "its indexes would not fit the new definition")
    if read := [step.name for step in plan.altered if _is_read(connection, step)]:
        raise CannotEdit(read, "an index or a foreign key that schema.json does not name reads a column that changes")
    for step in plan.altered:
        for drop in drops(step):
            try:
                connection.execute(drop)
            except sqlite3.OperationalError as error:
                raise CannotEdit([step.name], f"SQLite does not drop the column: {error}") from error


def statements(step: Alter) -> list[str]:
    """Return the statements that give the table its new definition: ALTER TABLE if that is enough, because it keeps the
    rest of the text, including comments."""
    return [*(additions(step) if is_added(step) else [_replacement(step)]), *drops(step)]


def additions(step: Keep | Alter) -> list[str]:
    """Return the statements that add the new columns with their constraints."""
    return [
        f"ALTER TABLE {quote(step.name)} ADD COLUMN {ddl.added_column(column, *constraints_of(step, column))}"
        for column in added_columns(step)
    ]


def _replacement(step: Alter) -> str:
    """Return the statement that replaces the definition, in which dropped columns are still present."""
    bare = [Column(column.name, column.type) for column in _dropped(step)]
    new = string_literal(ddl.create_table(step.kept_with(bare)))
    return f"UPDATE main.sqlite_schema SET sql = {new} WHERE type = 'table' AND name = {string_literal(step.name)}"


def drops(step: Alter) -> list[str]:
    """Return the statements that remove columns from the rows."""
    return [f"ALTER TABLE {quote(step.name)} DROP COLUMN {quote(column.name)}" for column in _dropped(step)]


def _dropped(step: Alter) -> list[Column]:
    return [change.column for change in step.changes if isinstance(change, DropColumn)]


def _add(connection: Connection, plan: Plan) -> None:
    for step in plan.altered:
        try:
            for addition in additions(step) if is_added(step) else ():
                connection.execute(addition)
        except sqlite3.OperationalError as error:
            raise CannotEdit([step.name], f"SQLite does not add the column: {error}") from error


def _replace(connection: Connection, steps: Collection[Alter]) -> None:
    if not steps:
        return
    try:
        with writable_schema(connection):
            for step in steps:
                connection.execute(_replacement(step))
    except sqlite3.OperationalError as error:
        raise CannotEdit([step.name for step in steps], f"SQLite refuses to edit it here: {error}") from error


def _indexes(connection: Connection, table: str) -> Indexes:
    return connection.execute(
        'SELECT i.name, i."unique", i.origin, i.partial, c.seqno, c.cid, c."desc", c.coll'
        " FROM pragma_index_list(?, 'main') AS i, pragma_index_xinfo(i.name, 'main') AS c WHERE c.key ORDER BY 1, 5",
        (table,),
    ).fetchall()


def _is_read(connection: Connection, step: Alter) -> bool:
    """Return True if an expression of an index reads a column whose type or collation changes, or a foreign key refers
    to one whose collation changes."""
    changed = {fold(c.column) for c in step.changes if isinstance(c, ChangeType | ChangeCollation)}
    sorted_anew = {fold(c.column) for c in step.changes if isinstance(c, ChangeCollation)}
    return bool(changed and changed & set(_words(connection, step.name))) or bool(
        sorted_anew and sorted_anew & set(_referenced(connection, step.name))
    )


def _words(connection: Connection, table: str) -> Iterator[str]:
    """The folded names in the definitions of the indexes of a table that have a condition or an expression."""
    rows = connection.execute(
        "SELECT s.sql FROM main.sqlite_schema AS s, pragma_index_list(?, 'main') AS i WHERE s.name = i.name"
        " AND s.sql IS NOT NULL"
        " AND (i.partial OR EXISTS (SELECT 1 FROM pragma_index_info(i.name, 'main') WHERE cid = -2))",
        (table,),
    )
    for (sql,) in rows:
        yield from (fold(token.value) for token in lexer.tokens(sql) if token.is_name)


def _referenced(connection: Connection, table: str) -> Iterator[str]:
    """The folded names of the columns of a table that foreign keys refer to."""
    rows = connection.execute(
        'SELECT k."table", coalesce(k."to", \'\') FROM main.sqlite_schema AS s,'
        " pragma_foreign_key_list(s.name, 'main') AS k WHERE s.type = 'table'"
    )
    yield from (fold(column) for parent, column in rows if fold(parent) == fold(table))
