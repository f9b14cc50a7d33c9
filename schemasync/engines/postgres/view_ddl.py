"""The statements for views, in order of dependence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...schema.model import Schema, View
from ...schema.names import fold, quote
from ...schema.on_postgres import OnPostgres, ViewOnPostgres
from ..sqlite.dependencies import readers
from .expressions.syntax import Reader
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
    """CREATE VIEW for each view that is not left out."""
    for view in _in_order(reader, schema):
        by_hand = on_postgres.views.get(fold(view.name), ViewOnPostgres())
        if fold(view.name) in {fold(name) for name in by_hand.skip}:
            continue
        names = f" ({', '.join(map(quote, view.columns))})" if view.columns else ""
        if by_hand.select is not None:
            yield Statement(Phase.VIEW, view.name, f"CREATE VIEW {quote(view.name)}{names} AS {by_hand.select}")
        else:
            refusals.view(view.name, Untranslated(["a SELECT"]))


def _in_order(reader: Reader, schema: Schema) -> list[View]:
    """Each view behind those that it uses, as SQLite reports them."""
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
