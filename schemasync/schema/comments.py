"""The comments of a schema.json: texts for people, which are not part of the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .diagnostics import Diagnostics
from .document import Document
from .jsonc import scan
from .mixins import expand
from .names import fold, from_key, is_special
from .shape_check import tables_of


@dataclass(frozen=True, slots=True)
class Comments:
    """`tables`: of tables and views, by folded name. `columns`: by folded (table, column)."""

    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], str] = field(default_factory=dict)


def comments(document: Document) -> Comments:
    """All `_comment` and `comment` keys of the file."""
    tree = expand(json.loads(scan(document.text).json), Diagnostics(document.source)).tree
    return Comments(dict(_of_owners(tree)), dict(_of_columns(tree)))


def _of_owners(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, body in tables_of(tree):
        if "_comment" in body:
            yield fold(from_key(key)), body["_comment"]
    for key, view in tree.get("_views", {}).items():
        if isinstance(view, dict) and "comment" in view:
            yield fold(from_key(key)), view["comment"]


def _of_columns(tree: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    for key, body in tables_of(tree):
        for name, value in body.items():
            if not is_special(name) and isinstance(value, dict) and "comment" in value:
                yield (fold(from_key(key)), fold(from_key(name))), value["comment"]
