"""Creates and removes many triggers in time in proportion to their number.

For each CREATE TRIGGER and DROP TRIGGER SQLite searches all of sqlite_schema. For a few hundred triggers that takes
milliseconds. More of them are written as rows of sqlite_schema, which are byte for byte those that DDL writes: SQLite
compiles each CREATE TRIGGER first, against the same schema, and so has made all checks of DDL. A connection that is
defensive (SQLITE_DBCONFIG_DEFENSIVE) cannot write these rows, and uses DDL.
https://www.sqlite.org/pragma.html#pragma_writable_schema
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...schema.names import quote
from .connection import Connection, schema_version
from .transactions import Statement, Step, snapshot
from .writable_schema import can_write_schema, writable_schema

FEW = 400  # triggers, those of a hundred tables: DDL takes 30 ms for them


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of the main file. `sql` is its CREATE TRIGGER statement as SQLite stores it."""

    name: str
    table: str
    sql: str


def creation(connection: Connection, triggers: Sequence[Trigger]) -> list[Step]:
    """Return the steps that create these triggers."""
    if _by_rows(connection, len(triggers)):
        return [InsertTriggers(triggers)]
    return [Statement(trigger.sql) for trigger in triggers]


def removal(connection: Connection, condition: str = "1") -> list[Step]:
    """Return the steps that remove the triggers that match this condition on sqlite_schema."""
    found = names(connection, condition)
    if _by_rows(connection, len(found)):
        return [DeleteTriggers(condition)]
    return [Statement(f"DROP TRIGGER IF EXISTS main.{quote(name)}") for name in found]


def create(connection: Connection, triggers: Sequence[Trigger]) -> None:
    """Create these triggers, in the caller's transaction."""
    for step in creation(connection, triggers):
        step.run(connection)


def remove(connection: Connection, condition: str = "1") -> None:
    """Remove the triggers that match this condition on sqlite_schema, in the caller's transaction."""
    for step in removal(connection, condition):
        step.run(connection)


def delete(connection: Connection, condition: str) -> None:
    """Like `remove`, but for a file that nobody else uses: by one statement for any number of triggers, if SQLite
    allows it."""
    if not can_write_schema(connection):
        remove(connection, condition)
    elif names(connection, condition):
        DeleteTriggers(condition).run(connection)


@dataclass(slots=True)
class InsertTriggers:
    """Writes the rows that CREATE TRIGGER would write. `compiled_at`: the schema_version for which SQLite has compiled
    the statements; if it has changed, they are compiled again."""

    triggers: Sequence[Trigger]
    compiled_at: int | None = None

    @property
    def is_alone(self) -> bool:
        """True: the step is prepared for the schema with which its transaction begins."""
        return True

    def prepare(self, connection: Connection) -> None:
        """Compile the statements while no writer waits: that takes most of the time."""
        with snapshot(connection):
            self._compile(connection)

    def run(self, connection: Connection) -> None:
        """Write the rows. Raises what CREATE TRIGGER would raise."""
        if schema_version(connection) != self.compiled_at:
            self._compile(connection)
        rows = [(trigger.name, trigger.table, trigger.sql) for trigger in self.triggers]
        with writable_schema(connection):
            connection.executemany("INSERT INTO main.sqlite_schema VALUES ('trigger', ?, ?, 0, ?)", rows)

    def _compile(self, connection: Connection) -> None:
        """Compile the statements in the caller's transaction. SQLite compares its cached schema with that of the file
        only when it runs a statement, and EXPLAIN does not run the explained one: so the first statement is a query."""
        connection.execute("SELECT count(*) FROM main.sqlite_schema").fetchone()
        for trigger in self.triggers:
            connection.execute(f"EXPLAIN {trigger.sql}")
        self.compiled_at = schema_version(connection)


@dataclass(frozen=True, slots=True)
class DeleteTriggers:
    """Deletes the rows of triggers: all other objects remain valid without them."""

    condition: str

    @property
    def is_alone(self) -> bool:
        """True: SQLite reads the schema again afterwards."""
        return True

    def prepare(self, connection: Connection) -> None:
        """Do nothing: there is nothing to prepare."""

    def run(self, connection: Connection) -> None:
        """Delete the rows."""
        with writable_schema(connection):
            connection.execute(f"DELETE FROM main.sqlite_schema WHERE type = 'trigger' AND {self.condition}")


def _by_rows(connection: Connection, count: int) -> bool:
    return count > FEW and can_write_schema(connection)


def names(connection: Connection, condition: str) -> list[str]:
    """Return the names of the triggers that match this condition on sqlite_schema."""
    rows = connection.execute(f"SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND {condition}")
    return [name for (name,) in rows]
