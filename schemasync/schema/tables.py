"""Reads the tables of a schema.json (columns, constraints, indexes) into the model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..errors import Code
from . import create, lexer, normalize
from .column import read_column
from .constraint import read_constraints
from .diagnostics import Diagnostics
from .expression import DefinitionError, Scope, check_single, expression, indexed_column
from .jsonc import Path
from .model import Check, ForeignKey, IndexedColumn, PrimaryKey, Sql, Table, Unique
from .names import KEYWORDS, fold, from_key, is_special, to_key
from .parts import TableParts
from .shape_check import tables_of
from .text import nearest
from .views import read_trigger


def read_tables(tree: dict[str, Any], faults: Diagnostics) -> list[Table]:
    """Read the tables of a file that passed `check_shapes`. Errors in definitions are recorded in `faults`."""
    return [_Reading(from_key(key), body, (key,), faults).read() for key, body in tables_of(tree)]


def read_table(key: str, body: dict[str, Any]) -> Table:
    """Read one table by itself, as far as it has no errors, which are recorded when the whole file is read."""
    return _Reading(from_key(key), body, (key,), Diagnostics("")).read()


class _Reading:
    """One table during reading. `scope` holds the names of its columns, `parts` its definitions."""

    def __init__(self, name: str, body: dict[str, Any], path: Path, faults: Diagnostics) -> None:
        self.name, self.body, self.path, self.faults = name, body, path, faults
        self.columns = {from_key(key): value for key, value in body.items() if not is_special(key)}
        self.scope = Scope({fold(column): column for column in self.columns})
        self.parts = TableParts()

    def read(self) -> Table:
        triggers = [
            read_trigger(from_key(trigger), sql, self.name, (*self.path, "_triggers", trigger), self.faults)
            for trigger, sql in self.body.get("_triggers", {}).items()
        ]
        if "_virtual" in self.body:
            return self._virtual()
        if not self.columns:
            self.faults.note(Code.WRONG_SHAPE, f'table "{self.name}" has no columns', at=self.path)
        for column, value in self.columns.items():
            text = value if isinstance(value, str) else value["type"]
            with self.faults.at((*self.path, to_key(column)), f"{self.name}.{column}", text):
                read_column(text, column, self.scope, self.parts)
        self._constraints()
        self._unknown_columns()
        table = normalize.table(
            self.name,
            self.parts,
            strict=self.body.get("_strict", False),
            without_rowid=self.body.get("_without_rowid", False),
            indexes=list(self._indexes()),
            triggers=triggers,
        )
        written = {name: json.dumps(value, ensure_ascii=False) for name, value in self.columns.items()}
        return replace(table, columns=tuple(replace(c, written=written[c.name]) for c in table.columns))

    def _virtual(self) -> Table:
        beside = [
            key
            for key in self.body
            if key not in ("_virtual", "_comment", "_was", "_dropped", "_model", "_keep", "_postgres")
        ]
        if self.columns or beside:
            self.faults.note(
                Code.WRONG_SHAPE,
                f'virtual table "{self.name}" has {", ".join(beside)} beside _virtual',
                "A virtual table has its columns in the text of _virtual, and no indexes or constraints.",
                at=self.path,
            )
        text = self.body["_virtual"]
        with self.faults.at((*self.path, "_virtual"), f"{self.name}._virtual", text):
            check_single(text)
            return Table(self.name, virtual=create.virtual_text(text))
        return Table(self.name)

    def _constraints(self) -> None:
        def each(key: str) -> Iterator[tuple[Any, Path]]:
            for index, item in enumerate(self.body.get(key, ())):
                yield item, (*self.path, key, index)

        if "_primary_key" in self.body:
            with self.faults.at((*self.path, "_primary_key"), f"{self.name}._primary_key"):
                columns = tuple(self._indexed(column) for column in self.body["_primary_key"])
                alias = len(columns) == 1 and columns[0].column is not None
                self.parts.primary_keys.append(PrimaryKey(columns, rowid_alias=alias))
        for item, at in each("_unique_constraints"):
            with self.faults.at(at, f"{self.name}._unique_constraints"):
                names = item["columns"] if isinstance(item, dict) else [item] if isinstance(item, str) else item
                label = (item.get("name") or None) if isinstance(item, dict) else None
                self.parts.uniques.append(Unique(tuple(self._indexed(column) for column in names), label))
        for item, at in each("_checks"):
            text, label = (item, None) if isinstance(item, str) else (item["check"], item.get("name") or None)
            with self.faults.at(at, f"{self.name}._checks", text):
                self.parts.checks.append(Check(self._expression(text), label))
        for item, at in each("_foreign_keys"):
            with self.faults.at(at, f"{self.name}._foreign_keys"):
                self.parts.foreign_keys.append(_foreign_key(item, self.scope))
        for text, at in each("_constraints"):
            with self.faults.at(at, f"{self.name}._constraints", text):
                read_constraints(text, self.scope, self.parts)
        if len(self.parts.primary_keys) > 1:
            self.faults.note(
                Code.BAD_DEFINITION,
                f'table "{self.name}" has {len(self.parts.primary_keys)} primary keys',
                'Several columns together are one key: "_primary_key": ["a", "b"].',
                at=self.path,
            )

    def _expression(self, text: str) -> Sql:
        parts = check_single(text)
        if not parts:
            raise DefinitionError("an expression is missing")
        return expression(text, parts, self.scope)

    def _indexed(self, text: str) -> IndexedColumn:
        """The column of that name, if there is one; else the entry read as an indexed-column expression."""
        if fold(text) in self.scope.columns:
            return IndexedColumn(column=self.scope.spelled(text))
        return indexed_column(text, check_single(text), self.scope)

    def _indexes(self) -> Iterator[normalize.IndexParts]:
        for position, item in enumerate(self.body.get("_indexes", ())):
            shape: dict[str, Any] = (
                {"columns": item} if isinstance(item, list) else {"columns": [item]} if isinstance(item, str) else item
            )
            with self.faults.at((*self.path, "_indexes", position), f"{self.name}._indexes"):
                columns = tuple(self._indexed(column) for column in shape["columns"])
                unknown = [column.expression.text for column in columns if column.expression and _is_bare(column)]
                self._note_unknown(unknown, (*self.path, "_indexes", position))
                where = self._expression(shape["where"]) if "where" in shape else None
                yield normalize.IndexParts(shape.get("name"), columns, where, shape.get("unique", False))

    def _unknown_columns(self) -> None:
        keys = [*(key.columns for key in self.parts.primary_keys), *(unique.columns for unique in self.parts.uniques)]
        named = [column for columns in keys for column in columns if column.expression is not None]
        unknown = [column.expression.text for column in named if column.expression] + [
            column
            for key in self.parts.foreign_keys
            for column in key.columns
            if fold(column) not in self.scope.columns
        ]
        self._note_unknown(dict.fromkeys(unknown), self.path)

    def _note_unknown(self, columns: Iterable[str], at: Path) -> None:
        for column in columns:
            near = nearest(column, self.scope.columns.values())
            hint = f'Did you mean "{near}"?' if near else f"Columns: {', '.join(self.scope.columns.values())}."
            self.faults.note(Code.UNKNOWN_COLUMN, f'"{self.name}" has no column {column}', hint, at=at)


def _is_bare(column: IndexedColumn) -> bool:
    """True for an expression that is one unquoted word, which can only be the name of a column."""
    parts = lexer.tokens(column.expression.text) if column.expression is not None else []
    return len(parts) == 1 and parts[0].is_name and fold(parts[0].value) not in KEYWORDS


def _foreign_key(item: Mapping[str, Any], scope: Scope) -> ForeignKey:
    def action(key: str) -> str | None:
        given = item.get(key)
        return None if given in (None, "NO ACTION") else str(given)

    return ForeignKey(
        tuple(scope.spelled(column) for column in item["columns"]),
        item["references"]["table"],
        tuple(item["references"].get("columns", ())),
        action("on_delete"),
        action("on_update"),
        item.get("deferrable", False),
        item.get("name") or None,
    )
