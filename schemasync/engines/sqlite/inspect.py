"""Reads a SQLite database as a schema in normal form, with the objects that are not part of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from ...errors import Code, Problem, Refused
from ...schema import create, normalize
from ...schema.create import TableStatement
from ...schema.expression import DefinitionError
from ...schema.model import Schema, Table, Trigger, View
from ...schema.names import fold
from .connection import Connection
from .objects import Object, digest_of, is_virtual, objects, shadow_tables


@dataclass(frozen=True, slots=True)
class Inspection:
    """All objects of a database except our own, and their schema."""

    schema: Schema
    objects: tuple[Object, ...]
    shadows: frozenset[str]
    fingerprint: str

    def foreign(self, ours: Iterable[tuple[str, str]], elsewhere: Collection[str] = ()) -> tuple[Object, ...]:
        """Return the objects that none of the given (kind, folded name) pairs names. Tables whose folded names are in
        `elsewhere`, which something else creates, are left out with their indexes."""
        known = set(ours)

        def is_foreign(one: Object) -> bool:
            is_of_others = one.type in ("table", "index") and fold(one.table) in elsewhere
            return one.key not in known and fold(one.name) not in self.shadows and not is_of_others

        return tuple(filter(is_foreign, self.objects))


def references_of(connection: Connection) -> dict[str, set[str]]:
    """Maps each table with foreign keys to the folded names of the tables that it refers to."""
    rows = connection.execute(
        "SELECT t.name, k.\"table\" FROM main.sqlite_schema AS t, pragma_foreign_key_list(t.name, 'main') AS k"
        " WHERE t.type = 'table' ORDER BY t.name"
    )
    found: dict[str, set[str]] = {}
    for child, parent in rows:
        found.setdefault(child, set()).add(fold(parent))
    return found


def inspect(connection: Connection) -> Inspection:
    """Read the whole schema. Raises Refused naming every object that cannot be read."""
    found, shadows = objects(connection), shadow_tables(connection)
    problems: list[Problem] = []
    seen = [o for o in found if fold(o.name) not in shadows and fold(o.table) not in shadows]
    by_type: defaultdict[str, list[Object]] = defaultdict(list)
    for item in seen:
        by_type[item.type].append(item)
    actual = _columns(connection)
    statements = {
        fold(o.name): statement
        for o in by_type["table"]
        if not is_virtual(o) and (statement := _read(o, lambda o: _table(o, actual), problems))
    }
    readable = {fold(o.name): o for o in by_type["table"] if fold(o.name) in statements}
    indexes = _group(by_type["index"], lambda o: _index(o, readable), problems)
    triggers = _group(by_type["trigger"], lambda o: create.read_trigger(o.name, o.sql), problems)
    tables = [
        _assembled(o, statements.get(fold(o.name)), indexes[fold(o.name)], triggers[fold(o.name)])
        for o in by_type["table"]
        if fold(o.name) in statements or is_virtual(o)
    ]
    views = [_read(o, lambda o: _view(o, triggers[fold(o.name)]), problems) for o in by_type["view"]]
    if problems:
        raise Refused(problems)
    schema = normalize.schema(tables, [view for view in views if view is not None])
    return Inspection(schema, found, shadows, digest_of(found))


_Read = TypeVar("_Read")


def _read(item: Object, reading: Callable[[Object], _Read], problems: list[Problem]) -> _Read | None:
    try:
        return reading(item)
    except DefinitionError as error:
        problems.append(
            Problem(
                Code.BAD_DEFINITION,
                f'{item.type} "{item.name}" cannot be read: {error}',
                "Please report it with this text:\n" + item.sql,
                {"object": item.name, "sql": item.sql},
            )
        )
        return None


def _group(
    items: Iterable[Object], reading: Callable[[Object], _Read], problems: list[Problem]
) -> defaultdict[str, list[_Read]]:
    """Group indexes or triggers by the folded name of their table or view."""
    grouped: defaultdict[str, list[_Read]] = defaultdict(list)
    for item in items:
        read = _read(item, reading, problems)
        if read is not None:
            grouped[fold(item.table)].append(read)
    return grouped


# A run reads the same definitions from several connections, and each sync of a process reads most of them again.
_read_table = lru_cache(maxsize=4096)(create.read_table)


@lru_cache(maxsize=4096)
def _read_index(sql: str, table_sql: str) -> normalize.IndexParts:
    return create.read_index(sql, _read_table(table_sql).scope)


def _index(item: Object, tables: dict[str, Object]) -> normalize.IndexParts:
    table = tables.get(fold(item.table))
    if table is None:
        raise DefinitionError(f'its table "{item.table}" cannot be read')
    return _read_index(item.sql, table.sql)


def _columns(connection: Connection) -> dict[str, list[str]]:
    """Folded table name -> column names as SQLite itself sees them."""
    rows = connection.execute(
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name, 'main') AS c"
        " WHERE t.schema = 'main' AND t.type IN ('table', 'shadow') ORDER BY t.name, c.cid"
    )
    grouped: dict[str, list[str]] = {}
    for table, column in rows:
        grouped.setdefault(fold(table), []).append(column)
    return grouped


def _table(item: Object, actual: dict[str, list[str]]) -> TableStatement:
    statement = _read_table(item.sql)
    read = [column.name for column in statement.parts.columns]
    seen = actual.get(fold(item.name), [])
    if read != seen:
        raise DefinitionError(f"it reads as columns {read}, but SQLite sees {seen}")
    return statement


def _assembled(
    item: Object,
    statement: TableStatement | None,
    indexes: list[normalize.IndexParts],
    triggers: list[Trigger],
) -> Table:
    if statement is None:
        return Table(item.name, virtual=create.read_virtual(item.sql), triggers=normalize.by_name(triggers))
    return normalize.table(
        item.name,
        statement.parts,
        strict=statement.strict,
        without_rowid=statement.without_rowid,
        indexes=indexes,
        triggers=triggers,
    )


def _view(item: Object, triggers: list[Trigger]) -> View:
    columns, select = create.read_view(item.sql)
    return View(item.name, select, columns, normalize.by_name(triggers))
