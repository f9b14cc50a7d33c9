"""A SQLite database to the model: what it holds, in normal form, and its fingerprint."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from ...errors import Code, Problem, Refused
from ...schema import create, digest, normalize
from ...schema.create import TableStatement
from ...schema.expression import DefinitionError, Scope
from ...schema.model import Schema, Table, Trigger, View
from ...schema.names import fold
from .connection import Connection

HISTORY_TABLE = "_schema_versions"
OWN_PREFIX = "_schemasync_"
MESSAGE = "schemasync: superseded, open the database again"  # the name of a table: what a stale writer is told


@dataclass(frozen=True, slots=True)
class Object:
    """A row of sqlite_schema that has SQL."""

    type: str
    name: str
    table: str
    sql: str

    @property
    def key(self) -> tuple[str, str]:
        """(type, folded name): how ours and foreign are told apart."""
        return self.type, fold(self.name)

    @property
    def named(self) -> tuple[str, str]:
        """(type, name as spelled): what people are shown."""
        return self.type, self.name


@dataclass(frozen=True, slots=True)
class Inspection:
    """All objects of a database but our own, and the schema that they make."""

    schema: Schema
    objects: tuple[Object, ...]
    shadows: frozenset[str]
    fingerprint: str

    def foreign(self, ours: Iterable[tuple[str, str]]) -> tuple[Object, ...]:
        """The objects that none of the given (kind, folded name) pairs names."""
        known = set(ours)
        return tuple(o for o in self.objects if o.key not in known and fold(o.name) not in self.shadows)


def is_own(name: str) -> bool:
    """True for what this program keeps in a database for itself."""
    return fold(name) == HISTORY_TABLE or is_passing(name)


def is_passing(name: str) -> bool:
    """True for what it keeps there for a while: all but the history, which goes from file to file."""
    return fold(name).startswith(OWN_PREFIX) or name == MESSAGE


def objects(connection: Connection) -> tuple[Object, ...]:
    """Every object with SQL, our own and SQLite's internal ones left out, in order of type and name."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL")
    found = (Object(*row) for row in rows)
    return tuple(
        sorted(
            (o for o in found if not is_own(o.name) and not is_own(o.table) and not fold(o.name).startswith("sqlite_")),
            key=lambda o: (o.type, o.name),
        )
    )


def fingerprint(connection: Connection) -> str:
    """SHA-256 over (type, name, tbl_name, sql) of all objects but our own: the same text, the same schema."""
    return _digest(objects(connection))


def _digest(found: Iterable[Object]) -> str:
    rows = [[o.type, o.name, o.table, o.sql] for o in found]
    return hashlib.sha256(digest.dumps(rows).encode()).hexdigest()


def shadow_tables(connection: Connection) -> frozenset[str]:
    """Folded names of the tables in which virtual tables keep their content."""
    rows = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
    return frozenset(fold(name) for (name,) in rows)


def references_of(connection: Connection) -> dict[str, set[str]]:
    """Each table that has foreign keys, and the folded names of those that it refers to."""
    rows = connection.execute(
        "SELECT t.name, k.\"table\" FROM main.sqlite_schema AS t, pragma_foreign_key_list(t.name, 'main') AS k"
        " WHERE t.type = 'table' ORDER BY t.name"
    )
    found: dict[str, set[str]] = {}
    for child, parent in rows:
        found.setdefault(child, set()).add(fold(parent))
    return found


def inspect(connection: Connection) -> Inspection:
    """Read the whole schema. Raises Refused naming every object that cannot be understood."""
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
    indexes = _group(by_type["index"], lambda o: create.read_index(o.sql, _scope(statements, o.table)), problems)
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
    return Inspection(schema, found, shadows, _digest(found))


_Read = TypeVar("_Read")


def _read(item: Object, reading: Callable[[Object], _Read], problems: list[Problem]) -> _Read | None:
    try:
        return reading(item)
    except DefinitionError as error:
        problems.append(
            Problem(
                Code.BAD_DEFINITION,
                f'{item.type} "{item.name}" cannot be understood: {error}',
                "Please report it with this text:\n" + item.sql,
                {"object": item.name, "sql": item.sql},
            )
        )
        return None


def _group(
    items: Iterable[Object], reading: Callable[[Object], _Read], problems: list[Problem]
) -> defaultdict[str, list[_Read]]:
    """Indexes or triggers by the folded name of what they stand on."""
    grouped: defaultdict[str, list[_Read]] = defaultdict(list)
    for item in items:
        read = _read(item, reading, problems)
        if read is not None:
            grouped[fold(item.table)].append(read)
    return grouped


def _scope(statements: dict[str, TableStatement], table: str) -> Scope:
    statement = statements.get(fold(table))
    if statement is None:
        raise DefinitionError(f'its table "{table}" was not understood')
    return statement.scope


def is_virtual(item: Object) -> bool:
    """True for a virtual table."""
    return fold(item.sql).startswith("create virtual")


def _columns(connection: Connection) -> dict[str, list[str]]:
    """Folded table name -> column names as SQLite itself sees them."""
    rows = connection.execute(
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name, 'main') AS c"
        " WHERE t.schema = 'main' AND t.type = 'table' ORDER BY t.name, c.cid"
    )
    grouped: dict[str, list[str]] = {}
    for table, column in rows:
        grouped.setdefault(fold(table), []).append(column)
    return grouped


def _table(item: Object, actual: dict[str, list[str]]) -> TableStatement:
    statement = create.read_table(item.sql)
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
