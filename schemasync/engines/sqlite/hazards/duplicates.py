"""Questions to all rows of a table: values that must be unique and would not be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....diff import changes as c
from ....diff.hazards import Hazard, HazardCode
from ....plan.model import Step
from ....schema.model import IndexedColumn, Sql, Table
from ....schema.names import quote
from .. import ddl
from ..connection import Connection
from .effects import Effects
from .findings import SAMPLES, shown
from .projection import KEY, Projection


def duplicates(connection: Connection, step: Step) -> Iterator[Hazard]:
    """Sets of columns that must be unique and whose values rows would share."""
    effects, projection = Effects(step), Projection(step)
    new = effects.new
    for what, columns, where in _unique_sets(effects):
        terms = [_term(column, new) for column in columns]
        some = " AND ".join(f"{term} IS NOT NULL" for term in terms)
        if where is not None:
            some += f" AND ({where.text})"
        groups = f"SELECT count(*) AS n, min({KEY}) AS k FROM {projection.rows()} WHERE {some}"
        groups += f" GROUP BY {', '.join(terms)} HAVING count(*) > 1"
        sets, rows = connection.execute(f"SELECT count(*), total(n) FROM ({groups})").fetchone()
        if sets:
            keys = tuple(str(k) for _, k in connection.execute(f"{groups} LIMIT {SAMPLES}"))
            message = f"{new.name}: {int(rows):,} rows share {sets:,} values of {what}{shown(keys)}"
            hint = "Decide which of them stay, before the schema says that they are unique."
            yield Hazard(HazardCode.DUPLICATES, message, hint, new.name, "", int(rows), keys)


def _unique_sets(effects: Effects) -> Iterator[tuple[str, tuple[IndexedColumn, ...], Sql | None]]:
    """Every set of columns that must be unique and was not before, or whose values change."""
    new = effects.new
    key = new.primary_key
    if key is not None and (effects.changes(c.ChangePrimaryKey) or effects.any_changes(key.columns)):
        yield f"PRIMARY KEY ({_spelled(key.columns)})", key.columns, None
    added = [change.unique for change in effects.changes(c.AddUnique)]
    for unique in new.uniques:
        if unique in added or effects.any_changes(unique.columns):
            yield f"UNIQUE ({_spelled(unique.columns)})", unique.columns, None
    for index in new.indexes:
        if index.unique and (effects.is_new(index) or effects.any_changes(index.columns, index.where)):
            yield f"the unique index {index.name} ({_spelled(index.columns)})", index.columns, index.where


def _term(column: IndexedColumn, table: Table) -> str:
    text = quote(column.column) if column.column is not None else column.expression.text if column.expression else ""
    return f"{text} COLLATE {quote(column.collation)}" if column.collation else text


def _spelled(columns: Sequence[IndexedColumn]) -> str:
    return ", ".join(ddl.indexed_column(column).replace('"', "") for column in columns)
