"""The statements for views, in order of dependence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...schema.model import Schema, Table, View
from ...schema.names import fold, quote
from ...schema.on_postgres import OnPostgres, ViewOnPostgres
from ..sqlite.dependencies import readers
from .expressions.selects import Relation, Selected, Selects
from .expressions.sources import result_row, row_of
from .expressions.syntax import NotRead, Reader
from .expressions.translate import Untranslated
from .refusals import Refusals
from .statements import Phase, Statement
from .types import PgColumn


def view_statements(
    reader: Reader,
    schema: Schema,
    columns: Mapping[str, tuple[PgColumn, ...]],
    on_postgres: OnPostgres,
    refusals: Refusals,
) -> Iterator[Statement]:
    """Yield CREATE VIEW for each view that is not left out."""
    tables = (table for table in schema.tables if table.virtual is None)
    known = {fold(table.name): _relation(table, columns[table.name]) for table in tables}
    for view in _in_order(reader, schema):
        by_hand = on_postgres.views.get(fold(view.name), ViewOnPostgres())
        if fold(view.name) in {fold(name) for name in by_hand.skip}:
            continue
        names = _columns(reader, view)
        try:
            if by_hand.select is not None:
                select = by_hand.select
            else:
                found = _translated(reader, view, known)
                select = found.sql
                known[fold(view.name)] = Relation(view.name, result_row(names, found.values))
        except Untranslated as error:
            refusals.view(view.name, error)
            continue
        yield Statement(
            Phase.VIEW, view.name, f"CREATE VIEW {quote(view.name)} ({', '.join(map(quote, names))}) AS {select}"
        )


def _relation(table: Table, columns: tuple[PgColumn, ...]) -> Relation:
    key = table.primary_key
    plain = key is not None and all(one.column is not None and one.collation is None for one in key.columns)
    names = frozenset(fold(one.column or "") for one in key.columns) if key is not None and plain else frozenset()
    return Relation(table.name, row_of(columns), names)


def _translated(reader: Reader, view: View, known: Mapping[str, Relation]) -> Selected:
    refusals: list[str] = []
    try:
        tree = reader.select(view.select.canonical)
    except NotRead as error:
        raise Untranslated([str(error)]) from error
    found = Selects(known, refusals.append).query(tree)
    if refusals:
        raise Untranslated(refusals)
    return found


def _columns(reader: Reader, view: View) -> list[str]:
    """Return the names of the view's columns; SQLite names also expressions without an alias."""
    rows = reader.connection.execute("SELECT name FROM pragma_table_xinfo(?) ORDER BY cid", (view.name,))
    return [name for (name,) in rows]


def _in_order(reader: Reader, schema: Schema) -> list[View]:
    """Return the views, each after those that it uses, as SQLite reports them."""
    uses = {one.name: one.uses for one in readers(reader.connection, Schema(views=schema.views)) if one.type == "view"}
    found: dict[str, View] = {}

    def add(view: View) -> None:
        for name in sorted(uses[view.name]):
            other = schema.view(name)
            if other is not None and other.name not in found and other is not view:
                add(other)
        found.setdefault(view.name, view)

    for view in schema.views:
        add(view)
    return list(found.values())
