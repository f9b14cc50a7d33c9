"""The table on PostgreSQL in which a move records its state."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ...errors import Busy, Code
from . import fence
from .target_schema import in_schema, schema_name

if TYPE_CHECKING:
    from .driver import Connection

TABLE = "schemasync_move"
LOOK = 0.1  # seconds between two tries to get the lock


class MoveState(StrEnum):
    """The state of a move. `building`: the tables are incomplete and can be dropped. `complete`: they have every row of
    the file, and nobody has written to them; if the file is still open, they can be dropped, too. `live`: the file is
    closed, and only these tables are current. `undone`: the file is live again, or about to be; the tables may have
    rows of their own."""

    BUILDING = "building"
    COMPLETE = "complete"
    LIVE = "live"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """A move: its state, the file (`source`), and the `tables` and `views` that it has created or will create."""

    state: MoveState
    source: str
    tables: tuple[str, ...] = ()
    views: tuple[str, ...] = ()

    def is_in_vain(self, source: str) -> bool:
        """Return True for a move of that file which was never live: if the file is open, all that the move made can be
        dropped."""
        return self.source == source and self.state in (MoveState.BUILDING, MoveState.COMPLETE)

    def has_all_rows(self, source: str) -> bool:
        """Return True if every row of that file was copied, as of the move."""
        return self.source == source and self.state is not MoveState.BUILDING


def hold(connection: Connection, where: str, wait: float) -> None:
    """Keep all other moves out of this schema until the connection closes: another one would drop the tables of this
    one. Raises Busy after `wait` seconds.
    https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS"""
    deadline = time.monotonic() + wait
    key = f"{TABLE} of {schema_name(connection)}"
    while not _is_free(connection, key):
        if time.monotonic() > deadline:
            raise Busy.of(
                Code.MOVE_AT_WORK,
                f"another move to {where} is at work, or the server has not noticed yet that it died",
                "Try again in a moment, or use a longer --wait SECONDS.",
            )
        time.sleep(LOOK)


def _is_free(connection: Connection, key: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,)).fetchone()
    return bool(row and row[0])


def read(connection: Connection) -> MoveRecord | None:
    """Return the record; None if no move has begun in this schema."""
    if not _is_there(connection):
        return None
    row = connection.execute(f"SELECT state, source, tables, views FROM {TABLE}".encode()).fetchone()
    if row is None:
        return None
    state, source, tables, views = row
    return MoveRecord(MoveState(state), source, tuple(tables), tuple(views))


def begin(connection: Connection, record: MoveRecord) -> None:
    """Record what the move is about to make, before it makes any of it, in one transaction."""
    with connection.transaction():
        connection.execute(
            f"CREATE TABLE {TABLE} (state text NOT NULL, source text NOT NULL, tables text[] NOT NULL,"
            " views text[] NOT NULL, at timestamptz NOT NULL DEFAULT now())".encode()
        )
        connection.execute(
            f"INSERT INTO {TABLE} (state, source, tables, views) VALUES (%s, %s, %s, %s)".encode(),
            (record.state, record.source, list(record.tables), list(record.views)),
        )


def set_state(connection: Connection, state: MoveState) -> None:
    """Change the state, in the caller's transaction."""
    connection.execute(f"UPDATE {TABLE} SET state = %s, at = now()".encode(), (state,))


def clear(connection: Connection, record: MoveRecord) -> None:
    """Drop everything that the move has made, in one transaction. The caller knows that the file is live."""
    with connection.transaction():
        _drop(connection, "VIEW", record.views)
        _drop(connection, "TABLE", (*record.tables, TABLE))
        fence.drop_function(connection)


def _drop(connection: Connection, kind: str, names: Sequence[str]) -> None:
    """Drop all in one statement, because they may refer to each other. Without the name of the schema, if one were
    missing, this would drop the object of that name in another schema of the search_path."""
    if names:
        schema = schema_name(connection)
        listed = ", ".join(in_schema(schema, name) for name in names)
        connection.execute(f"DROP {kind} IF EXISTS {listed}".encode())


def _is_there(connection: Connection) -> bool:
    name = in_schema(schema_name(connection), TABLE)
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
    return bool(row and row[0])
