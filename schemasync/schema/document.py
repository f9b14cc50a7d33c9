"""Reads a schema.json into a Document: the schema in normal form, and its hints.

All errors are raised together; each has its location (line and column, counted from 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import normalize
from .diagnostics import Diagnostics
from .digest import version
from .hints import read_hints
from .jsonc import Path, line_and_column
from .load import read_tree
from .model import Hints, Schema
from .names import fold, from_key
from .relations import check_names, check_references
from .shape_check import check_keys, check_shapes, tables_of
from .tables import read_tables
from .views import read_views


@dataclass(frozen=True, slots=True)
class Document:
    """A schema.json that was read, with the location of each key in `text`.

    `models`: the model that owns each table, as `app.Model`. `elsewhere`: folded names of tables that something else
    creates.
    """

    schema: Schema
    hints: Hints
    version: str
    source: str
    models: Mapping[str, str] = field(compare=False)
    data: bytes = field(repr=False, compare=False)
    text: str = field(repr=False, compare=False)
    places: Mapping[Path, int] = field(repr=False, compare=False)
    elsewhere: frozenset[str] = field(default=frozenset(), compare=False)

    def place(self, *path: str | int) -> str:
        """`file:line:column` of the key at that path, for messages."""
        offset = self.places.get(path)
        if offset is None:
            return self.source
        line, column = line_and_column(self.text, offset)
        return f"{self.source}:{line}:{column}"


def read(data: bytes, source: str = "schema.json") -> Document:
    """Read a schema.json. `source` names it in messages. Raises SchemaInvalid with every error found."""
    faults = Diagnostics(source)
    tree = read_tree(data, faults)
    check_keys(tree, faults)
    check_shapes(tree, faults)
    faults.stop()
    tables = read_tables(tree, faults)
    views = read_views(tree.get("_views", {}), faults)
    check_names(tables, views, faults)
    schema = normalize.schema(tables, views)
    check_references(schema, tree.get("_elsewhere", ()), faults)
    hints = read_hints(tree, schema, faults)
    faults.stop()
    models = {from_key(key): body["_model"] for key, body in tables_of(tree) if "_model" in body}
    elsewhere = frozenset(map(fold, tree.get("_elsewhere", ())))
    return Document(schema, hints, version(schema), source, models, data, faults.text, faults.scan.keys, elsewhere)
