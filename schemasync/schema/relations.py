"""Checks a whole schema.json: names must be unique, and foreign keys must refer to a table and a key of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..errors import Code
from .diagnostics import Diagnostics
from .jsonc import Path
from .model import ForeignKey, Schema, Table, View
from .names import fold, to_key
from .text import nearest


def check_names(tables: list[Table], views: list[View], faults: Diagnostics) -> None:
    """Check that no two objects have the same name to SQLite, and that none has a reserved name."""
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
    _check_clash("table, view or index", [*objects, *indexes], faults)
    _check_clash("trigger", triggers, faults)
    for table in tables:
        columns = [(column.name, (to_key(table.name), to_key(column.name))) for column in table.columns]
        _check_clash("column", columns, faults)
    for name, path in [*objects, *indexes, *triggers]:
        if fold(name).startswith(("sqlite_", "_schemasync_", "_litestream_")) or fold(name) == "_schema_versions":
            faults.note(Code.RESERVED_NAME, f'the name "{name}" is reserved', "Choose another.", at=path)


def _check_clash(what: str, named: Sequence[tuple[str, Path]], faults: Diagnostics) -> None:
    seen: dict[str, str] = {}
    for name, path in named:
        if fold(name) in seen:
            faults.note(
                Code.NAME_CLASH,
                f'{what} "{name}" and "{seen[fold(name)]}" are one name to SQLite',
                "Rename one of them.",
                at=path,
            )
        seen[fold(name)] = name


def check_references(schema: Schema, elsewhere: Collection[str], faults: Diagnostics) -> None:
    """Check that each foreign key refers to a table of the schema, and to columns of it that fit; or that it names
    columns of a table that is created `elsewhere`."""
    parents = {fold(table.name): table for table in schema.tables}
    others = set(map(fold, elsewhere)) - parents.keys()
    for table in schema.tables:
        for key in table.foreign_keys:
            if not (key.references and fold(key.table) in others):
                _check_reference(table, key, parents, faults)


def _did_you_mean(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    return f'Did you mean "{near}"? ' if near else ""


def _check_reference(table: Table, key: ForeignKey, parents: Mapping[str, Table], faults: Diagnostics) -> None:
    parent = parents.get(fold(key.table))
    columns = ", ".join(key.columns)
    at = (to_key(table.name), to_key(key.columns[0]))
    if parent is None:
        faults.note(
            Code.FOREIGN_KEY_TO_NOTHING,
            f'{table.name}.{columns} refers to the table "{key.table}", which is not in the schema',
            _did_you_mean(key.table, [one.name for one in parents.values()])
            + "Add the table, or correct the name. If something else creates it, name its columns here, and add at the "
            f'top "_elsewhere": ["{key.table}"]',
            at=at,
        )
        return
    names = {fold(column.name) for column in parent.columns}
    keyed = parent.primary_key.columns if parent.primary_key else ()
    named = key.references or [column.column or "" for column in keyed]
    unknown = [name for name in named if fold(name) not in names]
    if len(named) != len(key.columns) or unknown:
        target = f"{key.table} ({', '.join(named) or 'no primary key'})"
        question = _did_you_mean(unknown[0], [column.name for column in parent.columns]) if unknown else ""
        faults.note(
            Code.FOREIGN_KEY_TO_NOTHING,
            f"{table.name}.{columns} refers to {target}, which does not fit",
            f"{question}A foreign key names as many columns as it has, of the parent's primary key or of a unique set.",
            at=at,
        )
