"""Compares an altered table with its new definition: its rows were not written, so nothing has checked them yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....diff.changes import AddCheck, ChangeNotNull, DropColumn
from ....errors import Code, Failed
from ....plan.model import Alter
from ....schema.names import fold, quote
from ..connection import Connection
from ..mapping import mapping
from ..older_rows import value_without
from ..rebuild.alter import changed_defaults, reads_defaults
from .rows import columns_differ, content


def altered(connection: Connection, step: Alter) -> None:
    """Check the rows of an altered table, in a snapshot in which the attached old one has the same rows.

    If columns were removed, all rows were written, and are compared. Raises Failed if a row violates the new
    definition. Raises CannotEdit if a row reads another value than before: rows that are older than a column, added by
    ALTER TABLE, do not have it, and read its default.
    """
    for what, query in _violations(step):
        if connection.execute(f"SELECT EXISTS ({query})").fetchone()[0]:
            raise Failed.of(
                Code.ROWS_VIOLATE_SCHEMA,
                f'rows of "{step.name}" violate the new schema: {what}',
                "Fix the rows, then run it again.",
                table=step.name,
            )
    defaults = changed_defaults(step)
    if defaults and columns_differ(connection, mapping(step), defaults, _read_default(step, defaults)):
        raise reads_defaults(step)  # before all is compared: DROP COLUMN has written the new default into these rows
    if any(isinstance(change, DropColumn) for change in step.changes):
        content(connection, step)


def _read_default(step: Alter, columns: Sequence[str]) -> str:
    """Return a condition that is true for each old row that may read the default of one of these columns, because it
    does not have the column."""
    sources = {fold(feed.column): feed.source for feed in step.feeds}
    terms = []
    for column in columns:
        source = sources[fold(column)]
        assert source is not None
        old = step.old.column(source)
        assert old is not None
        terms.append(f"{quote(source)} IS {value_without(step.old, old)}")
    return " OR ".join(terms)


def _violations(step: Alter) -> Iterator[tuple[str, str]]:
    """Yield each new requirement of the rows, and the query for rows that violate it.

    NULL is searched for in the old table: to SQLite `IS NULL` is false if the definition has NOT NULL.
    """
    sources = {fold(feed.column): feed.source for feed in step.feeds}
    for change in step.changes:
        match change:
            case ChangeNotNull(_, column, _, True) if (source := sources[fold(column)]) is not None:
                yield f"{column} IS NULL", f"SELECT 1 FROM old.{quote(step.old.name)} WHERE {quote(source)} IS NULL"
            case AddCheck(_, check):
                sql = check.expression.text
                yield f"CHECK ({sql})", f"SELECT 1 FROM main.{quote(step.name)} WHERE NOT ({sql})"
            case _:
                pass
