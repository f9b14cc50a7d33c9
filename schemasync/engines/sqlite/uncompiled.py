"""Loads a schema into memory as SQLite loads it from a file, and finds the objects that this process cannot create from
their text."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, replace

from ...schema.model import Schema, Table, Trigger
from ...schema.names import fold, quote
from .connection import Connection, Opener
from .name_errors import Unknown
from .objects import Object, is_virtual, known_shadow_tables, lacks_its_module, objects
from .rebuild.finish import broken
from .rebuild.start import all_objects
from .unknown_names import error_of, module_of, names_used, with_stand_ins
from .validate import compile_triggers


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An object that schema.json cannot name, because this process cannot create it: it is carried along as foreign."""

    type: str
    name: str
    error: str


def unknown_to(source: Connection, opener: Opener) -> Unknown:
    """Return the names that the schema of `source` uses and the opener's connections do not know."""
    return names_used(objects_to_create(source), opener)


def load(source: Connection, opener: Opener, unknown: Unknown) -> Connection:
    """A database in memory with all objects of `source`, without rows, as SQLite loads them from a file, including
    those that use unknown names."""
    with closing(with_stand_ins(opener, unknown).memory()) as made:
        items = objects_to_create(source)
        missing = [item for item in items if is_virtual(item) and lacks_its_module(source, item.name)]
        for item in items:
            if item not in missing:
                made.execute(item.sql)
        if missing:
            _declare(made, missing)
        loaded = opener.memory()
        made.backup(loaded)
    return loaded


def objects_to_create(source: Connection) -> tuple[Object, ...]:
    """Return all objects of a database except the shadow tables that virtual tables create themselves."""
    shadows = known_shadow_tables(source)
    return tuple(o for o in all_objects(source) if fold(o.name) not in shadows and fold(o.table) not in shadows)


def _declare(connection: Connection, virtual: Iterable[Object]) -> None:
    """Write virtual tables into the schema without creating them.
    https://www.sqlite.org/pragma.html#pragma_writable_schema"""
    connection.execute("PRAGMA writable_schema=ON")
    for item in virtual:
        row = (item.type, item.name, item.table, item.sql)
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, 0, ?)", row)
    connection.execute("PRAGMA writable_schema=RESET")


def uncompiled(source: Connection, opener: Opener, unknown: Unknown) -> dict[tuple[str, str], str]:
    """Return (type, folded name) of each view, trigger, index and virtual table that this process cannot create from
    its own text, with SQLite's error.

    SQLite compiles the indexes and triggers of a table together with each write to it, so each is tested without the
    others. A trigger of a table that itself uses unknown names cannot be tested, and counts as one that compiles.
    """
    if not unknown and not broken(source):
        return {}
    with closing(load(source, opener, unknown)) as connection:
        items = objects(connection)
        tried = {
            item.key: error_of(connection, f"EXPLAIN SELECT * FROM {quote(item.name)}")
            for item in items
            if item.type == "view" or is_virtual(item)
        }
        parts = [item for item in items if item.type in ("trigger", "index")]
        for item in parts:
            connection.execute(f"DROP {item.type.upper()} {quote(item.name)}")
        for item in parts:
            tried[item.key] = _alone(connection, item)
    return {key: error for key, error in tried.items() if error}


def _alone(connection: Connection, item: Object) -> str:
    before = compile_triggers(connection, item.table)
    if error := error_of(connection, item.sql):
        return error
    error = compile_triggers(connection, item.table)
    connection.execute(f"DROP {item.type.upper()} {quote(item.name)}")
    return error if error != before else ""


def creatable(
    source: Connection, schema: Schema, opener: Opener, unknown: Unknown
) -> tuple[Schema, tuple[LeftOut, ...]]:
    """The part of a database's schema that can be created from its text, and the objects that were left out of it.

    A table that uses an unknown function or collation stays: others refer to it, and only its rewrite needs the name.
    """
    refused = uncompiled(source, opener, unknown)
    named = {item.key: item.name for item in objects(source)}
    left_out = (LeftOut(key[0], named[key], error) for key, error in sorted(refused.items()))
    return without(schema, refused), tuple(left_out)


def to_validate(wanted: Schema, live: Schema, unknown: Unknown) -> Schema:
    """The schema without the virtual tables that stay unchanged and whose module this process does not know."""
    there = {fold(table.name): table.virtual for table in live.tables}
    same = {
        ("table", fold(table.name))
        for table in wanted.tables
        if table.virtual
        and table.virtual == there.get(fold(table.name))
        and module_of(table.virtual) in unknown.modules
    }
    return without(wanted, same)


def ours_here(source: Connection, ours: Schema, wanted: Schema, opener: Opener, unknown: Unknown) -> Schema:
    """Return our objects in the live database. A view, trigger, index or virtual table that schema.json no longer
    names, and that this process cannot create, is foreign from now on: it is carried along, and not dropped."""
    return without(ours, uncompiled(source, opener, unknown).keys() - set(wanted.object_names()))


def without(schema: Schema, keys: Collection[tuple[str, str]]) -> Schema:
    """The schema without the views, triggers, indexes and virtual tables of these (type, folded name)."""

    def part(owner: Table) -> Table:
        return replace(
            owner,
            indexes=tuple(index for index in owner.indexes if ("index", fold(index.name)) not in keys),
            triggers=_kept(owner.triggers, keys),
        )

    return Schema(
        tuple(
            part(table) for table in schema.tables if table.virtual is None or ("table", fold(table.name)) not in keys
        ),
        tuple(
            replace(view, triggers=_kept(view.triggers, keys))
            for view in schema.views
            if ("view", fold(view.name)) not in keys
        ),
    )


def _kept(triggers: tuple[Trigger, ...], keys: Collection[tuple[str, str]]) -> tuple[Trigger, ...]:
    return tuple(trigger for trigger in triggers if ("trigger", fold(trigger.name)) not in keys)
