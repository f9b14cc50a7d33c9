"""Writes the actor into the table that the triggers of mixins read. Each transaction writes it for itself, and removes
it before the commit, so that the table is empty whenever another connection reads it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from ...schema.ready_mixins import ACTOR_TABLE

_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*([A-Za-z]*)", re.DOTALL)
_WRITING_WORD = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


class StatementKind(Enum):
    """The effect of a statement on the recorded actor of a transaction."""

    WRITE = "it writes rows"
    END = "it may commit the transaction"
    UNDO = "it takes back a part of the transaction"
    OTHER = "it writes nothing"


_KINDS = {
    **dict.fromkeys(("INSERT", "UPDATE", "DELETE", "REPLACE"), StatementKind.WRITE),
    **dict.fromkeys(("COMMIT", "END", "RELEASE"), StatementKind.END),
    "ROLLBACK": StatementKind.UNDO,
}


def kind_of(sql: str) -> StatementKind:
    """The kind of a statement, by its first word; of one that begins with WITH, by whether another word writes."""
    found = _FIRST_WORD.match(sql)
    word = found[1].upper() if found is not None else ""
    if word == "WITH":
        return StatementKind.WRITE if _WRITING_WORD.search(sql) else StatementKind.OTHER
    return _KINDS.get(word, StatementKind.OTHER)


def record_actor(connection: sqlite3.Connection, name: str | None, metadata: str | None) -> bool:
    """Write the actor into the open transaction; return False if the database has no mixin that reads it."""
    with _if_there():
        connection.execute(f"INSERT OR REPLACE INTO {ACTOR_TABLE} VALUES (1, ?, ?)", (name, metadata))
        return True
    return False


def remove_actor(connection: sqlite3.Connection) -> None:
    """Remove the actor."""
    with _if_there():
        connection.execute(f"DELETE FROM {ACTOR_TABLE}")


@contextmanager
def _if_there() -> Iterator[None]:
    """Skip the block without an error if there is no table of actors."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if str(error) not in (f"no such table: {ACTOR_TABLE}", f"no such table: main.{ACTOR_TABLE}"):
            raise
