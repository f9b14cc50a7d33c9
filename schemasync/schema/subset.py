"""Selects the part of a schema that another one names; finds the tables and views in which two schemas differ."""

from __future__ import annotations

from dataclasses import replace

from .digest import to_json
from .model import Schema, Table
from .names import fold


def ours(schema: Schema, names: Schema) -> Schema:
    """Return the part of a schema that `names` also names; of the indexes and triggers, too, only those that it
    names."""
    known = set(names.object_names())

    def part(table: Table) -> Table:
        return replace(
            table,
            indexes=tuple(i for i in table.indexes if ("index", fold(i.name)) in known),
            triggers=tuple(t for t in table.triggers if ("trigger", fold(t.name)) in known),
        )

    return Schema(
        tuple(part(table) for table in schema.tables if ("table", fold(table.name)) in known),
        tuple(view for view in schema.views if ("view", fold(view.name)) in known),
    )


def differing(meant: Schema, built: Schema) -> set[str]:
    """Names of tables and views that are not the same on both sides, whatever the order of a table's columns."""
    return differing_exactly(_in_one_order(meant), _in_one_order(built))


def _in_one_order(schema: Schema) -> Schema:
    """The schema with the columns of each table in the order of their names."""
    tables = (replace(t, columns=tuple(sorted(t.columns, key=lambda column: column.name))) for t in schema.tables)
    return replace(schema, tables=tuple(tables))


def differing_exactly(meant: Schema, built: Schema) -> set[str]:
    """Like `differing`, but the order of the columns counts."""
    one, other = to_json(meant), to_json(built)
    return {
        name
        for kind in ("tables", "views")
        for name in {*one.get(kind, {}), *other.get(kind, {})}
        if one.get(kind, {}).get(name) != other.get(kind, {}).get(name)
    }
