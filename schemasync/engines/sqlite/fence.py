"""The fence that closes a file to every writer, and the mark of a file under construction.

For each ordinary table, BEFORE triggers read a table that does not exist and whose name is the message: every write by
any program then fails with "no such table: main.schemasync: superseded, ...", an OperationalError. RAISE(ABORT) would
be an IntegrityError, which idempotent inserts swallow, and the write would be taken for done.

While that table exists, empty, the triggers do nothing: a run that captures writes creates both early, so that under
the lock it only has to drop the table.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from ...schema.names import fold, quote
from . import triggers
from .connection import Connection, schema_version
from .objects import MESSAGE, MOVED_MESSAGE, OWN_PREFIX, has_table, is_internal, is_temporary, shadow_tables
from .transactions import Statement, Step
from .triggers import Trigger

FENCE_TABLE = f"{OWN_PREFIX}fence"
MARK_TABLE = f"{OWN_PREFIX}building"
NO_SWAP = 0  # swaps are counted from 1


@dataclass(frozen=True, slots=True)
class Fence:
    """The commit record of a swap: `swap` rises over all generations, `successor` is the name of the next live file."""

    swap: int
    """`NO_SWAP` if recovery closed the file, which was open although another one was live."""
    successor: str
    at: str

    @classmethod
    def moved(cls, swap: int, alias: str, at: str) -> Fence:
        """The fence of a database that has moved to another engine: to this entry of DATABASES."""
        return cls(swap, f"{_MOVED}{alias}", at)

    @property
    def moved_to(self) -> str | None:
        """The entry of DATABASES to which the database has moved; None if another SQLite file is live."""
        return self.successor.removeprefix(_MOVED) if self.successor.startswith(_MOVED) else None


_MOVED = "moved to "  # beginning of a successor that is not a file


def raise_fence(connection: Connection, fence: Fence, prepared_at: int | None = None) -> None:
    """Close the file, inside the caller's transaction; the file is closed when that commits.

    `prepared_at`: the schema_version with which the fence was complete. As long as it is the same, nothing has to be
    looked up for each table.
    """
    if schema_version(connection) != prepared_at and not is_prepared(connection):
        lower_fence(connection)
        triggers.create(connection, closing_triggers(connection))
    _drop_message(connection)
    if fence.moved_to is not None:  # a view of a missing table gives writers that table's name for a message
        text = f"{MOVED_MESSAGE}{fence.moved_to}, open it there"
        connection.execute(f"CREATE VIEW {quote(MESSAGE)} AS SELECT 1 FROM {quote(text)}")
    connection.execute(f"CREATE TABLE {FENCE_TABLE} (swap INTEGER NOT NULL, successor TEXT NOT NULL, at TEXT NOT NULL)")
    connection.execute(f"INSERT INTO {FENCE_TABLE} VALUES (?, ?, ?)", (fence.swap, fence.successor, fence.at))


def prepare(connection: Connection) -> None:
    """Install the fence without closing the file, inside the caller's transaction."""
    lower_fence(connection)
    for step in preparation(connection):
        step.run(connection)


def preparation(connection: Connection) -> list[Step]:
    """Return the steps that install the fence without closing the file, which has none of the fence's objects."""
    return [Statement(CREATE_MESSAGE), *triggers.creation(connection, closing_triggers(connection))]


def is_prepared(connection: Connection) -> bool:
    """True if the fence is installed for every ordinary table, and open."""
    rows = connection.execute(f"SELECT tbl_name, name FROM main.sqlite_schema WHERE type = 'trigger' AND {OURS}")
    found = {(fold(table), name.rpartition("_")[2]) for table, name in rows}
    wanted = ((fold(table), fold(event)) for table in ordinary_tables(connection) for event in EVENTS)
    return has_table(connection, MESSAGE) and found.issuperset(wanted)


def open_fence(connection: Connection) -> None:
    """Open a closed file again, inside the caller's transaction. The triggers stay, and do nothing: removing them takes
    longer with more tables, and can be done when writers no longer wait."""
    _drop_message(connection)
    connection.execute(CREATE_MESSAGE)
    connection.execute(f"DROP TABLE IF EXISTS main.{FENCE_TABLE}")


def lower_fence(connection: Connection) -> None:
    """Open the file again, inside the caller's transaction, and remove the fence."""
    triggers.remove(connection, OURS)
    connection.execute(f"DROP TABLE IF EXISTS main.{FENCE_TABLE}")
    _drop_message(connection)


def _drop_message(connection: Connection) -> None:
    rows = connection.execute("SELECT type FROM main.sqlite_schema WHERE name = ?", (MESSAGE,)).fetchall()
    for (kind,) in rows:
        connection.execute(f"DROP {kind} main.{quote(MESSAGE)}")


EVENTS = ("INSERT", "UPDATE", "DELETE")
CREATE_MESSAGE = f"CREATE TABLE IF NOT EXISTS {quote(MESSAGE)} (x)"
READ_MESSAGE = f"SELECT 1 FROM {quote(MESSAGE)};"
OURS = f"name >= '{FENCE_TABLE}_' AND name < '{FENCE_TABLE}`'"  # the character after _; LIKE may be the application's


def trigger_name(number: int, event: str) -> str:
    """Return the name of a trigger on the table with that number, by which a fence is recognised and removed."""
    return f"{FENCE_TABLE}_{number}_{event}"


def closing_triggers(connection: Connection) -> list[Trigger]:
    """Return the triggers that close every ordinary table as soon as the message's table is missing."""
    return [
        Trigger(name, table, f"CREATE TRIGGER {quote(name)} BEFORE {event} ON {quote(table)} BEGIN {READ_MESSAGE} END")
        for number, table in enumerate(ordinary_tables(connection))
        for event in EVENTS
        for name in (trigger_name(number, fold(event)),)
    ]


def trigger_names(connection: Connection) -> list[str]:
    """The names of the fence's triggers."""
    return triggers.names(connection, OURS)


def read_fence(connection: Connection, cursor: sqlite3.Cursor | None = None) -> Fence | None:
    """Return the fence of a closed file; None for an open file. `cursor`: one that returns rows as tuples."""
    if not has_table(connection, FENCE_TABLE):
        return None
    query = f"SELECT swap, successor, at FROM {FENCE_TABLE} ORDER BY swap DESC LIMIT 1"
    row = (cursor or connection).execute(query).fetchone()
    return Fence(*row) if row else None


class SwapState:
    """Facts about the file of an open connection, read again only when the schema has changed."""

    __slots__ = ("_schema_version", "connection", "has_virtual_tables", "is_fenced", "moved_to")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_fenced = False
        self.moved_to: str | None = None
        self.has_virtual_tables = False
        self._schema_version: int | None = None
        self.refresh()

    def refresh(self) -> SwapState:
        """Read the file's header, and more if the schema has changed, as it does with a fence."""
        cursor = (
            self.connection.cursor()
        )  # a new one for each call: threads that share the connection must not share it
        cursor.row_factory = None
        ((version,),) = cursor.execute("PRAGMA main.schema_version").fetchall()
        if version != self._schema_version:
            self.is_fenced = has_table(self.connection, FENCE_TABLE)
            closed = read_fence(self.connection, cursor) if self.is_fenced else None
            self.moved_to = closed.moved_to if closed is not None else None
            query = "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0"
            ((virtual,),) = cursor.execute(query).fetchall()
            self.has_virtual_tables = virtual > 0
            self._schema_version = version
        return self


def writes_virtual_table(cursor: sqlite3.Cursor, sql: str, params: Any) -> bool:
    """True for a statement that writes to a virtual table, which has no triggers and so no fence.

    The cursor may use another style of parameters. https://www.sqlite.org/opcode.html#VUpdate
    """
    cursor.row_factory = None
    try:
        cursor.execute(f"EXPLAIN {sql}", *(() if params is None else (params,)))
        return any(row[1] in ("VUpdate", b"VUpdate") for row in cursor)
    except sqlite3.Error:
        return False  # the error is reported when the statement runs


def mark(connection: Connection) -> None:
    """Mark the file as under construction: recovery deletes such files, and only such."""
    connection.execute(f"CREATE TABLE IF NOT EXISTS {MARK_TABLE} (x)")


def unmark(connection: Connection) -> None:
    """Remove the mark: from here on recovery never deletes the file."""
    connection.execute(f"DROP TABLE IF EXISTS main.{MARK_TABLE}")


def is_marked(connection: Connection) -> bool:
    """True for a file under construction."""
    return has_table(connection, MARK_TABLE)


def ordinary_tables(connection: Connection) -> list[str]:
    """Tables that can have triggers: no virtual tables, and no shadow tables."""
    rows = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') ORDER BY name"
    ).fetchall()
    shadows = shadow_tables(connection)
    return [name for (name,) in rows if not (is_internal(name) or is_temporary(name) or fold(name) in shadows)]
