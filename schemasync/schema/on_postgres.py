"""Reads the parts of a schema.json that are about PostgreSQL: definitions, objects to skip, and policies for values.

All of it is about another engine than the one that has the database, so it is not part of the schema or its version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .names import fold, from_key, is_special
from .shape_check import tables_of


class OnMove(StrEnum):
    """Policies for the values of a column that PostgreSQL does not accept, or would change."""

    NULL = "null"
    TEXT = "text"
    CLEAN = "clean"
    AS_SHOWN = "as-shown"
    AS_STORED = "as-stored"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class TableOnPostgres:
    """`indexes`: what follows ON and the table in CREATE INDEX, by name. `checks`: expressions, by the name of a CHECK
    or its text in schema.json. `skip`: names of triggers, indexes and CHECKs to leave out, and of a virtual table."""

    indexes: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ViewOnPostgres:
    """The keys of a view. `select`: in place of the view's own. `skip`: names of its triggers to leave out, and of the
    view."""

    select: str | None = None
    skip: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OnPostgres:
    """All definitions for PostgreSQL. Keys are folded names: of a table, and then of its column. `columns`: whole
    definitions."""

    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    on_move: Mapping[str, Mapping[str, OnMove]] = field(default_factory=dict)
    tables: Mapping[str, TableOnPostgres] = field(default_factory=dict)
    views: Mapping[str, ViewOnPostgres] = field(default_factory=dict)


def read_on_postgres(tree: Mapping[str, Any]) -> OnPostgres:
    """Read the keys `postgres`, `on_move` and `_postgres` of a file that passed `check_shapes`."""
    return OnPostgres(
        _beside_columns(tree, "postgres"),
        {
            table: {column: OnMove(value) for column, value in columns.items()}
            for table, columns in _beside_columns(tree, "on_move").items()
        },
        {fold(from_key(key)): _table(body["_postgres"]) for key, body in tables_of(tree) if "_postgres" in body},
        {
            fold(from_key(key)): _view(view["postgres"])
            for key, view in tree.get("_views", {}).items()
            if isinstance(view, dict) and "postgres" in view
        },
    )


def _table(body: Mapping[str, Any]) -> TableOnPostgres:
    return TableOnPostgres(body.get("indexes", {}), body.get("checks", {}), tuple(body.get("skip", ())))


def _view(body: Mapping[str, Any]) -> ViewOnPostgres:
    return ViewOnPostgres(body.get("select"), tuple(body.get("skip", ())))


def _beside_columns(tree: Mapping[str, Any], key: str) -> dict[str, dict[str, str]]:
    """Return the values of that key in the objects of columns."""
    found: dict[str, dict[str, str]] = {}
    for table, body in tables_of(tree):
        for column, value in body.items():
            if not is_special(column) and isinstance(value, dict) and key in value:
                found.setdefault(fold(from_key(table)), {})[fold(from_key(column))] = value[key]
    return found
