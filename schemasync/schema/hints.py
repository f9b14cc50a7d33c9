"""Reads the hints of a schema.json: earlier names, permission to drop, and what fills columns and tables."""

from __future__ import annotations

from typing import Any

from ..errors import Code
from . import create, lexer
from .diagnostics import Diagnostics
from .expression import DefinitionError, check_single
from .jsonc import Path
from .model import ColumnName, Derivation, Hints, Schema, Sql
from .names import fold, from_key, is_special
from .reference_rows import read_rows
from .shape_check import tables_of


def read_hints(tree: dict[str, Any], schema: Schema, faults: Diagnostics) -> Hints:
    """Read all hints of a file that passed `check_shapes`."""
    hints = Hints(dropped_tables=tuple(tree.get("_dropped", ())), rows=read_rows(tree, schema, faults))
    _check_dropped(hints.dropped_tables, {fold(t.name) for t in schema.tables}, "table", ("_dropped",), faults)
    for key, body in tables_of(tree):
        table = from_key(key)
        if body.get("_was"):
            hints.tables_were[table] = tuple(body["_was"])
        if body.get("_dropped"):
            hints.dropped_columns[table] = tuple(body["_dropped"])
            columns = {fold(from_key(name)) for name in body if not is_special(name)}
            _check_dropped(body["_dropped"], columns, "column", (key, "_dropped"), faults)
        if "_from" in body:
            with faults.at((key, "_from"), f"{table}._from"):
                hints.derivations[table] = _derivation(body["_from"])
        _column_hints(key, body, hints, faults)
    return hints


def _derivation(value: str | dict[str, Any]) -> Derivation:
    shape: dict[str, Any] = {"select": value} if isinstance(value, str) else value
    select = create.statement(shape["select"])
    parts = lexer.tokens(select.text)
    if not parts or parts[0].word not in ("select", "with"):
        raise DefinitionError("a _from is one SELECT, which may begin with WITH")
    if any(token.text == ";" for token in parts):
        raise DefinitionError("a _from is one statement")
    return Derivation(select, shape.get("may_drop_rows", False))


def _column_hints(key: str, body: dict[str, Any], hints: Hints, faults: Diagnostics) -> None:
    table = from_key(key)
    for column, value in body.items():
        if is_special(column) or not isinstance(value, dict):
            continue
        where = ColumnName(table, from_key(column))
        if value.get("was"):
            hints.columns_were[where] = tuple(value["was"])
        if "fill" in value:
            with faults.at((key, column, "fill"), f"{table}.{where.column} fill", value["fill"]):
                hints.fills[where] = read_fill(value["fill"])


def _check_dropped(dropped: Any, present: set[str], what: str, path: Path, faults: Diagnostics) -> None:
    for name in dropped:
        if fold(name) in present:
            faults.note(
                Code.NAME_CLASH,
                f'_dropped names the {what} "{name}", which the schema has',
                "Remove it from one of the two.",
                at=path,
            )


def read_fill(text: str) -> Sql:
    """The expression of a fill. Raises DefinitionError."""
    parts = check_single(text)
    if not parts:
        raise DefinitionError("a fill needs an expression")
    if any(token.word == "select" for token in parts):
        raise DefinitionError("a fill may read only its own row, so it holds no SELECT")
    return Sql(lexer.join(parts), lexer.source(text, parts))
