"""The change log: triggers record the key of every row that is written while a new generation is built.

The log has only keys, because replay reads the current state of the rows. It has no unique constraint, which would
make an application's OR FAIL and UPSERT statements fail. It is not trimmed during a run, because SQLite would then
assign ids again that have been read.

UPDATE and DELETE are logged before they happen, because a TEMP trigger with RAISE(IGNORE) hides AFTER triggers. INSERT
is logged before and after, because an id that SQLite assigns is known only afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....errors import Refused
from ....schema.model import Table
from ....schema.names import fold, quote
from ..connection import Connection, schema_version
from ..mapping import rowid_name
from ..objects import OWN_PREFIX, fingerprint
from .replace_conflicts import conflicting_rows, key_values

LOG_PREFIX = f"{OWN_PREFIX}log_"
UNKNOWN_ROWID = -1  # NEW.rowid before SQLite has assigned one. https://www.sqlite.org/lang_createtrigger.html

Bounds = dict[int, int]
"""Number of a logged table -> id of the last entry of its log that was read."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A table whose changed keys are logged. `key`: its row id, or the quoted columns of its primary key."""

    number: int
    table: Table
    key: tuple[str, ...]

    @property
    def log(self) -> str:
        """The name of the log, a table with the columns k0, k1 and so on."""
        return f"{LOG_PREFIX}{self.number}"

    @property
    def slots(self) -> tuple[str, ...]:
        """The columns of the log."""
        return tuple(f"k{number}" for number in range(len(self.key)))

    @property
    def is_rowid(self) -> bool:
        """True if the key is the row id."""
        return not self.table.without_rowid

    @property
    def is_stable(self) -> bool:
        """False if the key is a row id without an INTEGER PRIMARY KEY, which VACUUM may change.
        https://www.sqlite.org/lang_vacuum.html"""
        return self.table.has_stable_key


@dataclass(frozen=True, slots=True)
class LiveSchema:
    """The schema of the live file during capture: the DDL of the log, the fingerprint of everything else, and SQLite's
    schema_version.

    `version` may change while the text stays the same: by VACUUM, a first ANALYZE, or a restored backup.
    """

    log: str
    fingerprint: str
    version: int

    def has_text_of(self, other: LiveSchema) -> bool:
        """True if both have the same DDL."""
        return (self.log, self.fingerprint) == (other.log, other.fingerprint)


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


def _logged(number: int, table: Table) -> Logged:
    name = rowid_name(table)
    if name is not None:
        return Logged(number, table, (name,))
    assert table.primary_key is not None
    return Logged(number, table, tuple(quote(column.column or "") for column in table.primary_key.columns))


def install(connection: Connection, tables: Sequence[Logged]) -> None:
    """Create the logs and their triggers in the caller's transaction. Whatever commits after it is logged."""
    for one in tables:
        connection.execute(f"CREATE TABLE {one.log} (id INTEGER PRIMARY KEY, {', '.join(one.slots)})")
        for event, body in _bodies(one):
            name = quote(f"{one.log}_{fold(event).replace(' ', '_')}")
            connection.execute(f"CREATE TRIGGER {name} {event} ON {quote(one.table.name)} BEGIN {body} END")


def remove(connection: Connection) -> None:
    """Drop the logs and their triggers in the caller's transaction."""
    for kind in ("trigger", "table"):
        for name in _own(connection, kind):
            connection.execute(f"DROP {kind.upper()} main.{quote(name)}")


def is_installed(connection: Connection) -> bool:
    """True if the file has a log."""
    return any(_own(connection, "table"))


def read_schema(connection: Connection, schema: str = "main") -> LiveSchema:
    """The schema as the caller's transaction sees it, to detect a change of it."""
    rows = connection.execute(f"SELECT name, sql FROM {schema}.sqlite_schema ORDER BY name")
    log = "\n".join(str(sql) for name, sql in rows if fold(name).startswith(LOG_PREFIX))
    return LiveSchema(log, fingerprint(connection, schema), schema_version(connection, schema))


def bounds(connection: Connection, tables: Sequence[Logged], schema: str = "main") -> Bounds:
    """The id of the last entry of each log, as this connection sees it."""
    last = f"SELECT coalesce(max(id), 0) FROM {schema}."
    return {one.number: int(connection.execute(last + one.log).fetchone()[0]) for one in tables}


def _own(connection: Connection, kind: str) -> list[str]:
    rows = connection.execute("SELECT name FROM main.sqlite_schema WHERE type = ? ORDER BY name", (kind,))
    return [name for (name,) in rows if fold(name).startswith(LOG_PREFIX)]


def _bodies(one: Logged) -> Iterator[tuple[str, str]]:
    replaced = "".join(_from_table(one, condition) for condition in conflicting_rows(one.table))
    old, new = _values(one, "OLD"), _values(one, "NEW")
    if one.is_rowid:
        given = f"{one.key[0]} IS NOT {UNKNOWN_ROWID}"
        yield "BEFORE INSERT", _entry(one, new, f"NEW.{given}") + replaced
    else:
        yield "BEFORE INSERT", _entry(one, new) + replaced
    yield "AFTER INSERT", _entry(one, _values(one, "NEW", written=True))
    # compared as bytes: a key that differs only in case is another key if the new table is case-sensitive
    moved = " OR ".join(f"{a} COLLATE BINARY IS NOT {b}" for a, b in zip(old, new, strict=True))
    yield "BEFORE UPDATE", _entry(one, old) + _entry(one, new, moved) + replaced
    yield "BEFORE DELETE", _entry(one, old)


def _values(one: Logged, row: str, *, written: bool = False) -> tuple[str, ...]:
    if one.is_rowid or row == "OLD" or written:
        return tuple(f"{row}.{name}" for name in one.key)
    assert one.table.primary_key is not None
    return key_values(one.table, tuple(column.column or "" for column in one.table.primary_key.columns))


def _entry(one: Logged, values: Sequence[str], condition: str = "") -> str:
    where = f" WHERE {condition}" if condition else ""
    return f"INSERT INTO {one.log} ({', '.join(one.slots)}) SELECT {', '.join(values)}{where}; "


def _from_table(one: Logged, condition: str) -> str:
    table, key = quote(one.table.name), ", ".join(one.key)
    return f"INSERT INTO {one.log} ({', '.join(one.slots)}) SELECT {key} FROM {table} WHERE {condition}; "
