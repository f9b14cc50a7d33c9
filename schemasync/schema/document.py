"""Reads a schema.json into a Document: the schema in normal form, and its hints.

All errors are raised together; each has its location (line and column, counted from 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ..errors import Problem
from . import normalize
from .diagnostics import Diagnostics
from .digest import version
from .hints import read_hints
from .jsonc import Path, line_and_column, scan
from .load import read_tree
from .mixins import MixedIn, as_written, expand
from .model import Hints, Schema
from .names import fold, from_key, to_key
from .on_postgres import OnPostgres, read_on_postgres
from .origins import Origin, origin_of
from .relations import check_names, check_references
from .shape_check import check_keys, check_shapes, readable, tables_of
from .tables import read_tables
from .transform_function import TransformFunction, stamp
from .views import read_views


@dataclass(frozen=True, slots=True)
class Document:
    """A schema.json that was read, with the location of each key in `text`.

    `models`: the model that owns each table, as `app.Model`. `elsewhere`: folded names of tables that are not created
    from this file. `mixins`: the parts that each mixin made; `origins`: their paths -> their origins. `on_postgres`:
    the definitions for PostgreSQL.
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
    mixins: tuple[MixedIn, ...] = field(default=(), compare=False)
    origins: Mapping[Path, Origin] = field(default_factory=dict, repr=False, compare=False)
    on_postgres: OnPostgres = field(default_factory=OnPostgres, repr=False, compare=False)

    def place(self, *path: str | int) -> str:
        """Return `file:line:column` of the key at that path, for messages; for a part that a mixin made, that of the
        mixin."""
        origin = origin_of(path, self.origins)
        offset = self.places.get(path if origin is None else origin.path)
        if offset is None:
            return self.source
        line, column = line_and_column(self.text, offset)
        return f"{self.source}:{line}:{column}"

    def place_of(self, table: str, column: str = "") -> str:
        """The location of a table or of its column; '' if the file does not have it."""
        path = (to_key(table), to_key(column)) if column else (to_key(table),)
        # spelled as in the file, so without a search: plans may have thousands of hazards
        if path in self.places or path in self.origins:
            return self.place(*path)
        found = self.schema.table(table)
        named = found.column(column) if found is not None and column else None
        if found is None or (column and named is None):
            return ""
        return self.place(to_key(found.name), *([to_key(named.name)] if named is not None else []))

    def located(self, problem: Problem, *path: str | int) -> Problem:
        """Return the problem with the location of the key at that path, in its message and in its facts."""
        place = self.place(*path)
        numbers = dict(zip(("line", "column"), place.removeprefix(self.source).split(":")[1:], strict=False))
        # a problem may have a "column" of its own
        facts = {"file": self.source, **numbers, **problem.facts}
        return replace(problem, message=f"{place}: {problem.message}", facts=facts)


def with_transforms(document: Document, transforms: Sequence[TransformFunction]) -> Document:
    """Return the document with the transforms of the project, which count like its hints. Other transforms make other
    `data`, so that the fast path notices."""
    if not transforms:
        return document
    hints = replace(document.hints, transforms=tuple(transforms))
    return replace(document, hints=hints, data=document.data + stamp(transforms))


def read(data: bytes, source: str = "schema.json") -> Document:
    """Read a schema.json. `source` names it in messages. Raises SchemaInvalid with every error found."""
    return _read(data, source)


@lru_cache(maxsize=8)  # a command reads its file several times, and a page of the admin at each request
def _read(data: bytes, source: str) -> Document:
    faults = Diagnostics(source)
    tree = read_tree(data, faults)
    check_keys(tree, faults)
    check_shapes(tree, faults)
    mixins = tree.get("_mixins")
    if faults.problems:
        tree = readable(tree, faults.paths)
    expanded = expand(tree, faults, mixins if isinstance(mixins, dict) else ())
    tree, faults.origins = expanded.tree, expanded.origins
    is_incomplete = bool(faults.problems)
    tables = read_tables(tree, faults)
    views = read_views(tree.get("_views", {}), faults)
    check_names(tables, views, faults)
    schema = normalize.schema(tables, views)
    if not is_incomplete:  # the omitted key may be referred to by a foreign key
        check_references(schema, tree.get("_elsewhere", ()), faults)
    hints = read_hints(tree, schema, faults)
    faults.stop()
    models = {from_key(key): body["_model"] for key, body in tables_of(tree) if "_model" in body}
    elsewhere = frozenset(map(fold, tree.get("_elsewhere", ())))
    return Document(
        schema,
        hints,
        version(schema),
        source,
        models,
        data,
        faults.text,
        faults.scan.keys,
        elsewhere,
        expanded.made,
        expanded.origins,
        read_on_postgres(tree),
    )


def schema_as_written(document: Document) -> Schema:
    """Return the schema of a document without its mixins: each table has only its own parts in the file."""
    if not document.mixins:
        return document.schema
    tree = as_written(json.loads(scan(document.text).json))
    faults = Diagnostics(document.source)
    return normalize.schema(read_tables(tree, faults), read_views(tree.get("_views", {}), faults))
