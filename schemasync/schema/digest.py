"""Writes the normal form as canonical JSON, hashes that into the version, and reads it back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .model import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexedColumn,
    NotNull,
    PrimaryKey,
    Schema,
    Sql,
    Table,
    Trigger,
    Unique,
    View,
)
from .names import fold
from .text import dumps

FORMAT = "1"
Json = dict[str, Any]


def version(schema: Schema) -> str:
    """The version of the schema: `1:` and 64 hex digits, whatever the spelling of schema.json."""
    return f"{FORMAT}:{hashlib.sha256(canonical(schema).encode()).hexdigest()}"


def canonical(schema: Schema) -> str:
    """The canonical JSON that the version hashes."""
    return dumps(to_json(schema))


def _object(**parts: Any) -> Json:
    """An object without the parts that are null, false or empty; "" is a name and stays."""
    return {key: value for key, value in parts.items() if value not in (None, False, [], {})}


def _sql(sql: Sql | None) -> str | None:
    return sql.canonical if sql else None


def to_json(schema: Schema) -> Json:
    """The normal form as JSON values."""
    return _object(
        tables={table.name: normal_json(table) for table in schema.tables},
        views={view.name: view_json(view) for view in schema.views},
    )


def normal_json(table: Table) -> Json:
    """The normal form of one table."""
    return _object(
        columns=[column_json(column) for column in table.columns],
        primary_key=key_json(table.primary_key) if table.primary_key else None,
        uniques=[unique_json(unique) for unique in table.uniques],
        checks=[check_json(check) for check in table.checks],
        foreign_keys=[foreign_key_json(key) for key in table.foreign_keys],
        strict=table.strict,
        without_rowid=table.without_rowid,
        indexes={index.name: index_json(index) for index in table.indexes},
        triggers={trigger.name: trigger.body.canonical for trigger in table.triggers},
        virtual=_sql(table.virtual),
    )


def column_json(column: Column) -> Json:
    return _object(
        name=column.name,
        type=column.type.canonical or None,
        not_null=None if column.not_null is None else _not_null_json(column.not_null),
        default=_sql(column.default),
        collation=column.collation,
        generated=_sql(column.generated),
        stored=column.stored,
    )


def _not_null_json(not_null: NotNull) -> Json | bool:
    return _object(name=not_null.name, conflict=not_null.conflict) or True


def indexed_json(column: IndexedColumn) -> Json:
    return _object(
        column=column.column,
        expression=_sql(column.expression),
        collation=column.collation,
        descending=column.descending,
    )


def key_json(key: PrimaryKey) -> Json:
    return _object(
        columns=[indexed_json(column) for column in key.columns],
        name=key.name,
        conflict=key.conflict,
        autoincrement=key.autoincrement,
        rowid_alias=key.rowid_alias,
    )


def unique_json(unique: Unique) -> Json:
    return _object(
        columns=[indexed_json(column) for column in unique.columns],
        name=unique.name,
        conflict=unique.conflict,
    )


def check_json(check: Check) -> Json:
    return _object(expression=check.expression.canonical, name=check.name)


def foreign_key_json(key: ForeignKey) -> Json:
    return _object(
        columns=list(key.columns),
        table=key.table,
        references=list(key.references),
        on_delete=key.on_delete,
        on_update=key.on_update,
        deferred=key.deferred,
        name=key.name,
    )


def index_json(index: Index) -> Json:
    return _object(
        columns=[indexed_json(column) for column in index.columns],
        where=_sql(index.where),
        unique=index.unique,
    )


def view_json(view: View) -> Json:
    return _object(
        select=view.select.canonical,
        columns=list(view.columns),
        triggers={trigger.name: trigger.body.canonical for trigger in view.triggers},
    )


# --- reading ----------------------------------------------------------------------------------------------------


def from_canonical(text: str) -> Schema:
    """The schema of a canonical JSON, as history rows store it. Raises ValueError or KeyError for anything else."""
    return from_json(json.loads(text))


def from_json(data: Mapping[str, Any]) -> Schema:
    tables = [_table(name, parts) for name, parts in data.get("tables", {}).items()]
    views = [
        View(name, Sql(parts["select"]), tuple(parts.get("columns", ())), _triggers(parts))
        for name, parts in data.get("views", {}).items()
    ]
    return Schema(
        tuple(sorted(tables, key=lambda table: fold(table.name))),
        tuple(sorted(views, key=lambda view: fold(view.name))),
    )


def _table(name: str, parts: Mapping[str, Any]) -> Table:
    key = parts.get("primary_key")
    return Table(
        name=name,
        columns=tuple(_column(column) for column in parts.get("columns", ())),
        primary_key=None
        if key is None
        else PrimaryKey(
            _indexed(key["columns"]),
            key.get("name"),
            key.get("conflict"),
            key.get("autoincrement", False),
            key.get("rowid_alias", False),
        ),
        uniques=tuple(
            Unique(_indexed(unique["columns"]), unique.get("name"), unique.get("conflict"))
            for unique in parts.get("uniques", ())
        ),
        checks=tuple(Check(Sql(check["expression"]), check.get("name")) for check in parts.get("checks", ())),
        foreign_keys=tuple(_foreign_key(key) for key in parts.get("foreign_keys", ())),
        strict=parts.get("strict", False),
        without_rowid=parts.get("without_rowid", False),
        indexes=_indexes(parts),
        triggers=_triggers(parts),
        virtual=_optional(parts.get("virtual")),
    )


def _column(parts: Mapping[str, Any]) -> Column:
    not_null = parts.get("not_null")
    return Column(
        name=parts["name"],
        type=Sql(parts.get("type", "")),
        not_null=None if not_null is None else NotNull() if not_null is True else NotNull(**not_null),
        default=_optional(parts.get("default")),
        collation=parts.get("collation"),
        generated=_optional(parts.get("generated")),
        stored=parts.get("stored", False),
    )


def _foreign_key(parts: Mapping[str, Any]) -> ForeignKey:
    return ForeignKey(
        tuple(parts["columns"]),
        parts["table"],
        tuple(parts.get("references", ())),
        parts.get("on_delete"),
        parts.get("on_update"),
        parts.get("deferred", False),
        parts.get("name"),
    )


def _indexes(parts: Mapping[str, Any]) -> tuple[Index, ...]:
    found = [
        Index(name, _indexed(index["columns"]), _optional(index.get("where")), index.get("unique", False))
        for name, index in parts.get("indexes", {}).items()
    ]
    return tuple(sorted(found, key=lambda index: fold(index.name)))


def _triggers(parts: Mapping[str, Any]) -> tuple[Trigger, ...]:
    found = [Trigger(name, Sql(body)) for name, body in parts.get("triggers", {}).items()]
    return tuple(sorted(found, key=lambda trigger: fold(trigger.name)))


def _indexed(columns: Sequence[Mapping[str, Any]]) -> tuple[IndexedColumn, ...]:
    return tuple(
        IndexedColumn(
            column.get("column"),
            _optional(column.get("expression")),
            column.get("collation"),
            column.get("descending", False),
        )
        for column in columns
    )


def _optional(text: str | None) -> Sql | None:
    return None if text is None else Sql(text)
