"""The change log: triggers record the key of every row that is written while a new generation is built.

One table is the log of all tables: `t` is the number of the written one, `k0`, `k1` and so on its key. The log has only
keys, because replay reads the current state of the rows. It has no unique constraint, which would make an application's
OR FAIL and UPSERT statements fail. It is not trimmed during a run, because SQLite would then assign ids again that have
been read.

The triggers are also those of the fence, so that each table gets four of them, and not seven: SQLite searches the whole
schema for each trigger that is created or dropped. UPDATE and DELETE are logged before they happen, because a TEMP
trigger with RAISE(IGNORE) hides AFTER triggers. INSERT is logged before and after, because an id that SQLite assigns is
known only afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ....errors import Refused
from ....schema.model import Table
from ....schema.names import fold, quote
from .. import fence, triggers
from ..connection import Connection, schema_version
from ..mapping import rowid_name
from ..objects import MESSAGE, OWN_PREFIX, has_table, schema_text
from ..transactions import Statement, Step
from ..triggers import Trigger
from .replace_conflicts import conflicting_rows, has_default_in_key, key_values

LOG = f"{OWN_PREFIX}log"  # beginning of its name: earlier releases had a log and such triggers for each table
_OURS = f"name >= '{LOG}' AND name < '{LOG}`'"
UNKNOWN_ROWID = -1  # NEW.rowid before SQLite has assigned one. https://www.sqlite.org/lang_createtrigger.html


@dataclass(frozen=True, slots=True)
class Logged:
    """A table whose changed keys are logged. `key`: its row id, or the quoted columns of its primary key.
    `by_primary_key`: the primary key is logged although the table has row ids."""

    number: int
    table: Table
    key: tuple[str, ...]
    by_primary_key: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """The columns of the log that hold the key."""
        return slots(len(self.key))

    @property
    def is_rowid(self) -> bool:
        """True if the key is the row id."""
        return not self.table.without_rowid and not self.by_primary_key

    @property
    def is_stable(self) -> bool:
        """False if the key is a row id without an INTEGER PRIMARY KEY, which VACUUM may change.
        https://www.sqlite.org/lang_vacuum.html"""
        return self.by_primary_key or self.table.has_stable_key


@dataclass(frozen=True, slots=True)
class LiveSchema:
    """The schema of the live file during capture: the text of every object, including ours, and SQLite's
    schema_version."""

    text: tuple[tuple[bytes, ...], ...]
    version: int

    def has_text_of(self, other: LiveSchema) -> bool:
        """Return True if both have the same DDL, in any order: VACUUM changes the order."""
        return self.text == other.text or sorted(self.text) == sorted(other.text)

    def has_triggers(self, wanted: Iterable[Trigger]) -> bool:
        """True if it has all of these triggers."""
        found = {sql for kind, _, _, sql in self.text if kind == b"trigger"}
        return {trigger.sql.encode() for trigger in wanted} <= found

    @property
    def has_log(self) -> bool:
        """True if one of the objects is a log."""
        return any(kind == b"table" and name.startswith(LOG.encode()) for kind, name, _, _ in self.text)

    @property
    def log(self) -> list[tuple[bytes, ...]]:
        """The log, and the triggers that write to it."""
        return sorted(item for item in self.text if item[1].startswith(OWN_PREFIX.encode()))


def slots(count: int) -> tuple[str, ...]:
    """The columns of the log for a key of so many columns."""
    return tuple(f"k{number}" for number in range(count))


def can_log(table: Table) -> bool:
    """False if the columns of a table use all three names of its row id."""
    try:
        rowid_name(table)
    except Refused:
        return False
    return True


def logged(tables: Sequence[Table]) -> tuple[Logged, ...]:
    """Return how each of these tables is logged. Raises Refused for a table whose columns hide its row ids."""
    return tuple(_logged(number, table) for number, table in enumerate(tables))


def logged_by_primary_key(tables: Sequence[Table]) -> tuple[Logged, ...]:
    """Return how each of these tables is logged for another engine, which has no row ids: by its primary key. A table
    without one is logged by its row id, which shows only that the table was written."""
    return tuple(
        Logged(number, table, _primary_key(table), by_primary_key=True)
        if table.primary_key is not None and table.rowid_column is None
        else _logged(number, table)
        for number, table in enumerate(tables)
    )


def _logged(number: int, table: Table) -> Logged:
    name = rowid_name(table)
    return Logged(number, table, _primary_key(table) if name is None else (name,))


def _primary_key(table: Table) -> tuple[str, ...]:
    assert table.primary_key is not None
    return tuple(quote(column.column or "") for column in table.primary_key.columns)


@dataclass(frozen=True, slots=True)
class Installation:
    """The parts of the log and the dormant fence, for a file that has neither: two tables, and the triggers that write
    to the log and read the fence. All later commits are logged."""

    log: str
    triggers: tuple[Trigger, ...]

    def steps(self, connection: Connection) -> list[Step]:
        """Return the steps, first the tables: nothing uses them until the triggers exist."""
        tables = Statement(self.log), Statement(fence.CREATE_MESSAGE)
        return [*tables, *triggers.creation(connection, self.triggers)]


def installation(connection: Connection, tables: Sequence[Logged]) -> Installation:
    """Return the log of these tables, and a fence for every ordinary table."""
    logged = {fold(one.table.name): one for one in tables}
    found: list[Trigger] = []
    for number, name in enumerate(fence.ordinary_tables(connection)):
        one = logged.get(fold(name))
        bodies = [(event, "") for event in _BEFORE] if one is None else _bodies(one)
        found += (_trigger(number, name, event, body) for event, body in bodies)
    return Installation(create_log(max((len(one.key) for one in tables), default=1)), tuple(found))


def create_log(width: int) -> str:
    """Return the statement that creates the log. An unused slot is 0 and not NULL, so that two equal keys count
    once."""
    columns = ", ".join(slot if number == 0 else f"{slot} DEFAULT 0" for number, slot in enumerate(slots(width)))
    return f"CREATE TABLE IF NOT EXISTS {LOG} (id INTEGER PRIMARY KEY, t, {columns})"


_INSERTED = "inserted"
_AFTER = {"AFTER INSERT": _INSERTED, "AFTER UPDATE": "updated"}
_BEFORE = tuple(f"BEFORE {event}" for event in fence.EVENTS)


def _trigger(number: int, table: str, event: str, body: str) -> Trigger:
    before = event in _BEFORE
    name = fence.trigger_name(number, fold(event.split()[1]) if before else _AFTER[event])
    closing = f"{fence.READ_MESSAGE} " if before else ""
    sql = f"CREATE TRIGGER {quote(name)} {event} ON {quote(table)} BEGIN {closing}{body}END"
    return Trigger(name, table, sql)


def removal(connection: Connection) -> list[Step]:
    """Return the steps that remove a log and a fence from an open file; none if it has neither. The tables go last:
    until then the remaining triggers do no harm."""
    message = [MESSAGE] if has_table(connection, MESSAGE) else []
    return [
        *triggers.removal(connection, f"({fence.OURS} OR {_OURS})"),
        *(Statement(f"DROP TABLE IF EXISTS main.{quote(name)}") for name in (*message, *_tables(connection))),
    ]


def empty(connection: Connection) -> None:
    """Delete all entries, in the caller's transaction. In a closed file the log itself stays, for its triggers."""
    for name in _tables(connection):
        connection.execute(f"DELETE FROM main.{quote(name)}")


def reopen(connection: Connection) -> None:
    """Open a closed file, in the caller's transaction. Remains of a log and its triggers do no harm, and slow down
    writes until they are removed."""
    if is_installed(connection) or not any(name.endswith(_INSERTED) for name in fence.trigger_names(connection)):
        fence.open_fence(connection)
    else:  # somebody dropped the log: writes would fail without it
        fence.lower_fence(connection)


def is_installed(connection: Connection) -> bool:
    """True if the file has a log."""
    return any(_tables(connection))


def read_schema(connection: Connection, schema: str = "main") -> LiveSchema:
    """The schema as the caller's transaction sees it, to detect a change of it."""
    return LiveSchema(schema_text(connection, schema), schema_version(connection, schema))


def last_entry(connection: Connection, schema: str = "main") -> int:
    """The id of the last entry of the log, as this connection sees it."""
    return int(connection.execute(f"SELECT coalesce(max(id), 0) FROM {schema}.{LOG}").fetchone()[0])


def written_since(connection: Connection, bound: int, schema: str = "main") -> set[int]:
    """The numbers of the tables with entries after this one."""
    return {number for (number,) in connection.execute(f"SELECT DISTINCT t FROM {schema}.{LOG} WHERE id > ?", (bound,))}


def count_since(connection: Connection, bound: int, numbers: Collection[int], schema: str = "main") -> int:
    """Return the number of entries after this one for the tables with these numbers."""
    listed = ", ".join(map(str, numbers))
    query = f"SELECT count(*) FROM {schema}.{LOG} WHERE id > ? AND t IN ({listed})"
    return int(connection.execute(query, (bound,)).fetchone()[0])


def entries(connection: Connection) -> dict[int, int]:
    """The number of entries of each table that has any."""
    return dict(connection.execute(f"SELECT t, count(*) FROM main.{LOG} GROUP BY t"))


def _tables(connection: Connection) -> list[str]:
    rows = connection.execute(f"SELECT name FROM main.sqlite_schema WHERE type = 'table' AND {_OURS}")
    return [name for (name,) in rows]


def _bodies(one: Logged) -> Iterator[tuple[str, str]]:
    replaced = "".join(_from_table(one, condition) for condition in conflicting_rows(one.table))
    old, new = _values(one, "OLD"), _values(one, "NEW")
    if one.is_rowid:
        given = f"{one.key[0]} IS NOT {UNKNOWN_ROWID}"
        yield "BEFORE INSERT", _entry(one, new, f"NEW.{given}") + replaced
    else:
        yield "BEFORE INSERT", _entry(one, new) + replaced
    yield "AFTER INSERT", _entry(one, _values(one, "NEW", written=True))
    yield "BEFORE UPDATE", _entry(one, old) + _entry(one, new, _is_another(old, new)) + replaced
    if not one.is_rowid and has_default_in_key(one.table):
        # the default may have another value than in the trigger before
        written = _values(one, "NEW", written=True)
        yield "AFTER UPDATE", _entry(one, written, _is_another(old, written))
    yield "BEFORE DELETE", _entry(one, old)


def _is_another(old: Sequence[str], new: Sequence[str]) -> str:
    """Return the condition that the key changes. It compares bytes: a key that differs only in case is another key if
    the new table is case-sensitive."""
    return " OR ".join(f"{a} COLLATE BINARY IS NOT {b}" for a, b in zip(old, new, strict=True))


def _values(one: Logged, row: str, *, written: bool = False) -> tuple[str, ...]:
    if one.is_rowid or row == "OLD" or written:
        return tuple(f"{row}.{name}" for name in one.key)
    assert one.table.primary_key is not None
    return key_values(one.table, tuple(column.column or "" for column in one.table.primary_key.columns))


def _entry(one: Logged, values: Sequence[str], condition: str = "") -> str:
    where = f" WHERE {condition}" if condition else ""
    return f"INSERT INTO {LOG} (t, {', '.join(one.slots)}) SELECT {one.number}, {', '.join(values)}{where}; "


_ROWS = "_schemasync_rows"  # an alias, without which NEW and OLD would mean a table of that name


def _from_table(one: Logged, condition: str) -> str:
    table, key = quote(one.table.name), ", ".join(one.key)
    into = f"{LOG} (t, {', '.join(one.slots)})"
    return f"INSERT INTO {into} SELECT {one.number}, {key} FROM {table} AS {_ROWS} WHERE {condition}; "
