"""schema.json as its author wrote it -> a Document: the schema in normal form, and the hints beside it.

All faults are found before any is raised; each says where it stands (line and column, counted from 1).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import jsonschema

from ..errors import Code, Problem, SchemaInvalid
from . import create, lexer, normalize
from .column import read_column
from .constraint import read_constraints
from .digest import version
from .expression import DefinitionError, DisguisedString, Scope, check_single, expression, indexed_column
from .model import (
    Check,
    ForeignKey,
    Hints,
    IndexedColumn,
    PrimaryKey,
    Schema,
    Sql,
    Table,
    Trigger,
    Unique,
    View,
)
from .names import fold, from_key, is_special, to_key
from .parts import TableParts
from .scanner import Path, Scan, line_and_column, scan

SIZE_LIMIT = 16 * 1024 * 1024  # bytes
TABLE_KEYS = (
    "_indexes _unique_constraints _checks _primary_key _foreign_keys _constraints _strict _without_rowid "
    "_virtual _triggers _model _comment _was _dropped _from"
).split()
TOP_KEYS = ["_views", "_dropped", "_comment", "_format"]
FOR_EDITORS = "$schema"  # at the top, and ignored
_JSON_ERROR = re.compile(r": line \d+ column \d+.*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """A schema.json that was read: what it says, and where each key stands in `text`."""

    schema: Schema
    hints: Hints
    version: str
    source: str
    text: str = field(repr=False, compare=False)
    places: Mapping[Path, int] = field(repr=False, compare=False)

    def place(self, *path: str | int) -> str:
        """`file:line:column` of the key at that path, for messages."""
        offset = self.places.get(path)
        if offset is None:
            return self.source
        line, column = line_and_column(self.text, offset)
        return f"{self.source}:{line}:{column}"


def read(data: bytes, source: str = "schema.json") -> Document:
    """Read a schema.json. `source` names it in messages. Raises SchemaInvalid with every fault found."""
    return _Reading(source).read(data)


@cache
def json_schema() -> Mapping[str, Any]:
    """The JSON Schema (2020-12) of the format, for editors and for the check of shapes."""
    text = resources.files(__package__).joinpath("format.schema.json").read_text("utf-8")
    return dict(json.loads(text))


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema())


class _Reading:
    """One reading of one file: the faults found so far, and the way to say where they are."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.text = ""
        self.scan = Scan()
        self.problems: list[Problem] = []

    # --- the road -------------------------------------------------------------------------------------------

    def read(self, data: bytes) -> Document:
        self.text = self._decode(data)
        tree = self._parse()
        self._stop_at_faults()
        self._check_keys(tree)
        self._check_shapes(tree)
        self._stop_at_faults()
        tables = self._tables(tree)
        views = self._views(tree.get("_views", {}))
        self._check_names(tables, views)
        schema = normalize.schema(tables, views)
        self._check_references(schema)
        hints = self._hints(tree, schema)
        self._stop_at_faults()
        return Document(schema, hints, version(schema), self.source, self.text, self.scan.keys)

    def _stop_at_faults(self) -> None:
        if self.problems:
            raise SchemaInvalid(self.problems)

    def _fault(self, code: Code, message: str, hint: str = "", *, at: Path | int | None = None) -> None:
        """Note a fault; `at` is a path in the file or an offset of its text."""
        offset = self.scan.keys.get(at) if isinstance(at, tuple) else at
        place, facts = self.source, {"file": self.source}
        if offset is not None:
            line, column = line_and_column(self.text, offset)
            place = f"{self.source}:{line}:{column}"
            facts = {"file": self.source, "line": str(line), "column": str(column)}
        if isinstance(at, tuple):
            facts["path"] = "/".join(map(str, at))
        self.problems.append(Problem(code, f"{place}: {message}", hint, facts))

    # --- text and JSON --------------------------------------------------------------------------------------

    def _decode(self, data: bytes) -> str:
        if len(data) > SIZE_LIMIT:
            self._fault(
                Code.SCHEMA_TOO_LARGE,
                f"the file has {len(data):,} bytes; at most {SIZE_LIMIT:,} are read",
                "Split what is not schema (data, documentation) off.",
            )
            self._stop_at_faults()
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.text = data[: error.start].decode("utf-8-sig")
            self._fault(
                Code.SCHEMA_SYNTAX,
                f"byte {error.start} is not UTF-8",
                "Save the file as UTF-8.",
                at=len(self.text),
            )
            raise SchemaInvalid(self.problems) from error

    def _parse(self) -> dict[str, Any]:
        self.scan = scan(self.text)
        for fault in self.scan.faults:
            other = ""
            if fault.other is not None:
                line, column = line_and_column(self.text, fault.other)
                other = f" (first in line {line}, column {column})"
            code = Code.DUPLICATE_KEY if fault.duplicate else Code.SCHEMA_SYNTAX
            hint = "Remove one of the two." if fault.duplicate else ""
            self._fault(code, fault.message + other, hint, at=fault.offset)
        self._stop_at_faults()
        try:
            tree = json.loads(self.scan.json)
        except json.JSONDecodeError as error:
            self._fault(Code.SCHEMA_SYNTAX, _JSON_ERROR.sub("", str(error)), at=error.pos)
            raise SchemaInvalid(self.problems) from error
        if not isinstance(tree, dict):
            self._fault(
                Code.WRONG_SHAPE,
                "the file must be one object: table name -> table",
                'An empty schema is {}; a table is "Users": {"id": "INTEGER PRIMARY KEY"}.',
                at=len(self.scan.json) - len(self.scan.json.lstrip()),
            )
            raise SchemaInvalid(self.problems)
        return tree

    # --- shapes ---------------------------------------------------------------------------------------------

    def _check_keys(self, tree: dict[str, Any]) -> None:
        """Keys that begin with one _ are ours: an unknown one is a slip of the pen, and named with its neighbour."""
        self._check_special(tree, TOP_KEYS, ())
        for name, table in _tables_of(tree):
            if isinstance(table, dict):
                self._check_special(table, TABLE_KEYS, (name,))
                self._check_names_only(table.get("_triggers"), (name, "_triggers"))
                if "_from" in table:
                    self._fault(Code.NOT_BUILT_YET, "_from is reserved for derived tables", at=(name, "_from"))
        views = tree.get("_views")
        self._check_names_only(views, ("_views",))
        for name, view in views.items() if isinstance(views, dict) else ():
            if isinstance(view, dict):
                self._check_names_only(view.get("triggers"), ("_views", name, "triggers"))
        for path, text in _strings(tree):
            if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
                self._fault(
                    Code.BAD_DEFINITION,
                    "holds a character that SQLite cannot keep (NUL, or half of a pair)",
                    at=path,
                )

    def _check_names_only(self, owner: Any, path: Path) -> None:
        """Where every key is a name, none is special."""
        if isinstance(owner, dict):
            self._check_special(owner, [], path)

    def _check_special(self, owner: Mapping[str, Any], known: list[str], path: Path) -> None:
        for key in owner:
            if is_special(key) and key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f'Did you mean "{near[0]}"?' if near else f"Known here: {', '.join(known) or 'names'}."
                hint += f' A name that itself begins with _ is written "_{key}".'
                self._fault(Code.UNKNOWN_KEY, f'unknown key "{key}"', hint, at=(*path, key))

    def _check_shapes(self, tree: dict[str, Any]) -> None:
        already = {problem.facts.get("path") for problem in self.problems}
        for error in sorted(_validator().iter_errors(tree), key=lambda error: list(map(str, error.absolute_path))):
            if error.validator == "additionalProperties" and not error.absolute_path:
                continue  # said better by _check_keys
            path = tuple(error.absolute_path)
            if "/".join(map(str, path)) in already or _only_unknown_key(error):
                continue
            self._fault(Code.WRONG_SHAPE, _shape_message(error), _shape_hint(path), at=path)

    # --- tables ---------------------------------------------------------------------------------------------

    def _tables(self, tree: dict[str, Any]) -> list[Table]:
        return [self._table(from_key(key), body, (key,)) for key, body in _tables_of(tree)]

    def _table(self, name: str, body: dict[str, Any], path: Path) -> Table:
        triggers = [
            self._trigger(from_key(trigger), sql, name, (*path, "_triggers", trigger))
            for trigger, sql in body.get("_triggers", {}).items()
        ]
        columns = {from_key(key): value for key, value in body.items() if not is_special(key)}
        if "_virtual" in body:
            return self._virtual(name, body, columns, path)
        if not columns:
            self._fault(Code.WRONG_SHAPE, f'table "{name}" has no columns', at=path)
        scope = Scope({fold(column): column for column in columns})
        parts = TableParts()
        for column, value in columns.items():
            text = value if isinstance(value, str) else value["type"]
            with self._at((*path, to_key(column)), f"{name}.{column}", text):
                read_column(text, column, scope, parts)
        self._constraints(body, scope, parts, path, name)
        self._unknown_columns(parts, scope, path, name)
        return normalize.table(
            name,
            parts,
            strict=body.get("_strict", False),
            without_rowid=body.get("_without_rowid", False),
            indexes=list(self._indexes(body, scope, path, name)),
            triggers=triggers,
        )

    def _virtual(self, name: str, body: dict[str, Any], columns: Mapping[str, Any], path: Path) -> Table:
        beside = [key for key in body if key not in ("_virtual", "_comment", "_was", "_dropped", "_model")]
        if columns or beside:
            self._fault(
                Code.WRONG_SHAPE,
                f'virtual table "{name}" has {", ".join(beside)} beside _virtual',
                "A virtual table's columns stand in the text of _virtual; it takes no indexes or constraints.",
                at=path,
            )
        text = body["_virtual"]
        with self._at((*path, "_virtual"), f"{name}._virtual", text):
            check_single(text)
            return Table(name, virtual=create.virtual_text(text))
        return Table(name)

    def _constraints(self, body: dict[str, Any], scope: Scope, parts: TableParts, path: Path, name: str) -> None:
        def each(key: str) -> Iterator[tuple[Any, Path]]:
            for index, item in enumerate(body.get(key, ())):
                yield item, (*path, key, index)

        if "_primary_key" in body:
            with self._at((*path, "_primary_key"), f"{name}._primary_key"):
                columns = tuple(self._indexed(column, scope) for column in body["_primary_key"])
                alias = len(columns) == 1 and columns[0].column is not None
                parts.primary_keys.append(PrimaryKey(columns, rowid_alias=alias))
        for item, at in each("_unique_constraints"):
            with self._at(at, f"{name}._unique_constraints"):
                names = item["columns"] if isinstance(item, dict) else [item] if isinstance(item, str) else item
                label = (item.get("name") or None) if isinstance(item, dict) else None
                parts.uniques.append(Unique(tuple(self._indexed(column, scope) for column in names), label))
        for item, at in each("_checks"):
            text, label = (item, None) if isinstance(item, str) else (item["check"], item.get("name") or None)
            with self._at(at, f"{name}._checks", text):
                parts.checks.append(Check(self._expression(text, scope), label))
        for item, at in each("_foreign_keys"):
            with self._at(at, f"{name}._foreign_keys"):
                parts.foreign_keys.append(_foreign_key(item, scope))
        for text, at in each("_constraints"):
            with self._at(at, f"{name}._constraints", text):
                read_constraints(text, scope, parts)
        if len(parts.primary_keys) > 1:
            self._fault(
                Code.BAD_DEFINITION,
                f'table "{name}" has {len(parts.primary_keys)} primary keys',
                'Several columns together are one key: "_primary_key": ["a", "b"].',
                at=path,
            )

    def _expression(self, text: str, scope: Scope) -> Sql:
        parts = check_single(text)
        if not parts:
            raise DefinitionError("an expression is missing")
        return expression(text, parts, scope)

    def _indexed(self, text: str, scope: Scope) -> IndexedColumn:
        """An entry that equals a column's name is that column, else an indexed-column expression."""
        if fold(text) in scope.columns:
            return IndexedColumn(column=scope.spelled(text))
        return indexed_column(text, check_single(text), scope)

    def _indexes(self, body: dict[str, Any], scope: Scope, path: Path, name: str) -> Iterator[normalize.IndexParts]:
        for position, item in enumerate(body.get("_indexes", ())):
            shape: dict[str, Any] = (
                {"columns": item} if isinstance(item, list) else {"columns": [item]} if isinstance(item, str) else item
            )
            with self._at((*path, "_indexes", position), f"{name}._indexes"):
                columns = tuple(self._indexed(column, scope) for column in shape["columns"])
                where = self._expression(shape["where"], scope) if "where" in shape else None
                yield normalize.IndexParts(shape.get("name"), columns, where, shape.get("unique", False))

    def _unknown_columns(self, parts: TableParts, scope: Scope, path: Path, name: str) -> None:
        keys = [*(key.columns for key in parts.primary_keys), *(unique.columns for unique in parts.uniques)]
        named = [column for columns in keys for column in columns if column.expression is not None]
        unknown = [column.expression.text for column in named if column.expression] + [
            column for key in parts.foreign_keys for column in key.columns if fold(column) not in scope.columns
        ]
        for column in dict.fromkeys(unknown):
            near = difflib.get_close_matches(column, list(scope.columns.values()), 1)
            hint = f'Did you mean "{near[0]}"?' if near else f"Columns: {', '.join(scope.columns.values())}."
            self._fault(Code.UNKNOWN_COLUMN, f'"{name}" has no column {column}', hint, at=path)

    def _trigger(self, name: str, sql: str, owner: str, path: Path) -> Trigger:
        body = create.statement(sql)
        target = create.trigger_table(body)
        if fold(target) != fold(owner):
            self._fault(
                Code.BAD_DEFINITION,
                f'trigger "{name}" is ON {target or "nothing"} but stands under "{owner}"',
                "Write the SQL after the name: AFTER UPDATE ON " + owner + " BEGIN … END",
                at=path,
            )
        return Trigger(name, body)

    def _views(self, views: Mapping[str, Any]) -> list[View]:
        found = []
        for key, item in views.items():
            name = from_key(key)
            shape: dict[str, Any] = {"select": item} if isinstance(item, str) else item
            path = ("_views", key)
            triggers = [
                self._trigger(from_key(trigger), sql, name, (*path, "triggers", trigger))
                for trigger, sql in shape.get("triggers", {}).items()
            ]
            select = create.statement(shape["select"])
            if any(token.text == ";" for token in lexer.tokens(select.text)):
                self._fault(Code.BAD_DEFINITION, f'view "{name}" is more than one statement', at=path)
            found.append(View(name, select, tuple(shape.get("columns", ())), normalize.by_name(triggers)))
        return found

    # --- across tables --------------------------------------------------------------------------------------

    def _check_names(self, tables: list[Table], views: list[View]) -> None:
        objects: list[tuple[str, Path]] = [(table.name, (to_key(table.name),)) for table in tables]
        objects += [(view.name, ("_views", to_key(view.name))) for view in views]
        indexes = [(index.name, (to_key(table.name), "_indexes")) for table in tables for index in table.indexes]
        triggers: list[tuple[str, Path]] = [
            (trigger.name, (to_key(table.name), "_triggers", to_key(trigger.name)))
            for table in tables
            for trigger in table.triggers
        ]
        triggers += [
            (trigger.name, ("_views", to_key(view.name), "triggers", to_key(trigger.name)))
            for view in views
            for trigger in view.triggers
        ]
        self._check_clash("table, view or index", [*objects, *indexes])
        self._check_clash("trigger", triggers)
        for table in tables:
            columns = [(column.name, (to_key(table.name), to_key(column.name))) for column in table.columns]
            self._check_clash("column", columns)
        for name, path in [*objects, *indexes, *triggers]:
            if fold(name).startswith(("sqlite_", "_schemasync_")) or fold(name) == "_schema_versions":
                self._fault(Code.RESERVED_NAME, f'the name "{name}" is reserved', "Choose another.", at=path)

    def _check_clash(self, what: str, named: Sequence[tuple[str, Path]]) -> None:
        seen: dict[str, str] = {}
        for name, path in named:
            if fold(name) in seen:
                self._fault(
                    Code.NAME_CLASH,
                    f'{what} "{name}" and "{seen[fold(name)]}" are one name to SQLite',
                    "Rename one of them.",
                    at=path,
                )
            seen[fold(name)] = name

    def _check_references(self, schema: Schema) -> None:
        parents = {fold(table.name): table for table in schema.tables}
        for table in schema.tables:
            for key in table.foreign_keys:
                self._check_reference(table, key, parents.get(fold(key.table)))

    def _check_reference(self, table: Table, key: ForeignKey, parent: Table | None) -> None:
        columns = ", ".join(key.columns)
        at = (to_key(table.name), to_key(key.columns[0]))
        if parent is None:
            self._fault(
                Code.FOREIGN_KEY_TO_NOTHING,
                f'{table.name}.{columns} refers to the table "{key.table}", which is not in the schema',
                "Add the table, or correct the name.",
                at=at,
            )
            return
        names = {fold(column.name) for column in parent.columns}
        keyed = parent.primary_key.columns if parent.primary_key else ()
        named = key.references or [column.column or "" for column in keyed]
        if len(named) != len(key.columns) or any(fold(name) not in names for name in named):
            target = f"{key.table} ({', '.join(named) or 'no primary key'})"
            self._fault(
                Code.FOREIGN_KEY_TO_NOTHING,
                f"{table.name}.{columns} refers to {target}, which does not fit",
                "A foreign key names as many columns as it has, of the parent's primary key or of a unique set.",
                at=at,
            )

    # --- hints ----------------------------------------------------------------------------------------------

    def _hints(self, tree: dict[str, Any], schema: Schema) -> Hints:
        hints = Hints(dropped_tables=tuple(tree.get("_dropped", ())))
        self._check_dropped(hints.dropped_tables, {fold(t.name) for t in schema.tables}, "table", ("_dropped",))
        for key, body in _tables_of(tree):
            table = from_key(key)
            if body.get("_was"):
                hints.tables_were[table] = tuple(body["_was"])
            if body.get("_dropped"):
                hints.dropped_columns[table] = tuple(body["_dropped"])
                columns = {fold(from_key(name)) for name in body if not is_special(name)}
                self._check_dropped(body["_dropped"], columns, "column", (key, "_dropped"))
            self._column_hints(key, body, hints)
        return hints

    def _column_hints(self, key: str, body: dict[str, Any], hints: Hints) -> None:
        table = from_key(key)
        for column, value in body.items():
            if is_special(column) or not isinstance(value, dict):
                continue
            where = (table, from_key(column))
            if value.get("was"):
                hints.columns_were[where] = tuple(value["was"])
            if "fill" in value:
                with self._at((key, column, "fill"), f"{table}.{where[1]} fill", value["fill"]):
                    hints.fills[where] = _fill(value["fill"])

    def _check_dropped(self, dropped: Any, present: set[str], what: str, path: Path) -> None:
        for name in dropped:
            if fold(name) in present:
                self._fault(
                    Code.NAME_CLASH,
                    f'_dropped names the {what} "{name}", which the schema has',
                    "Remove it from one of the two.",
                    at=path,
                )

    # --- saying where ---------------------------------------------------------------------------------------

    def _at(self, path: Path, what: str, text: str = "") -> _Noting:
        return _Noting(self._fault, path, what, text)


@dataclass(slots=True)
class _Noting:
    """Turns a DefinitionError inside the block into a fault with its place."""

    fault: Callable[..., None]
    path: Path
    what: str
    text: str

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, DisguisedString):
            self.fault(
                Code.STRING_IN_DISGUISE,
                f"{self.what}: {error} '{error.word}'",
                f"Write '{error.word}' for the string, or correct the column's name.",
                at=self.path,
            )
            return True
        if isinstance(error, DefinitionError):
            shown = f" in {self.text!r}" if self.text else ""
            self.fault(Code.BAD_DEFINITION, f"{self.what}: {error}{shown}", at=self.path)
            return True
        return False


def _fill(text: str) -> Sql:
    parts = check_single(text)
    if not parts:
        raise DefinitionError("a fill needs an expression")
    if any(token.word == "select" for token in parts):
        raise DefinitionError("a fill may read only its own row, so it holds no SELECT")
    return Sql(lexer.join(parts), lexer.source(text, parts))


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


def _tables_of(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys at the top that are tables, and what stands there."""
    return ((key, body) for key, body in tree.items() if not is_special(key) and key != FOR_EDITORS)


def _strings(tree: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every key and every string value, with its path."""
    if isinstance(tree, str):
        yield path, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield (*path, key), key
            yield from _strings(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _strings(value, (*path, index))


def _only_unknown_key(error: jsonschema.ValidationError) -> bool:
    return error.validator == "additionalProperties" and len(error.absolute_path) == 1


def _shape_message(error: jsonschema.ValidationError) -> str:
    what = "/".join(map(str, error.absolute_path)) or "the file"
    value = json.dumps(error.instance, ensure_ascii=False)
    shown = value if len(value) <= 60 else value[:57] + "…"
    if error.validator == "anyOf":
        best = jsonschema.exceptions.best_match([error])
        if best is not None and best is not error and best.validator != "type":
            return f"{what}: {best.message}"
        return f"{what}: {shown} is none of the shapes that are known here"
    return f"{what}: {error.message}" if len(error.message) < 160 else f"{what}: {shown} has the wrong shape"


def _shape_hint(path: Path) -> str:
    if len(path) == 2 and isinstance(path[1], str) and not is_special(path[1]):
        return 'A column is a string such as "TEXT NOT NULL", or {"type": …, "was": […], "fill": …, "comment": …}.'
    return "docs/schema-format.md shows each shape."
