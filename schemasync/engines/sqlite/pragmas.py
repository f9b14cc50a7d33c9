"""Reads the settings of a connection from SQLite, which may have ignored a request."""

from __future__ import annotations

from dataclasses import dataclass

from .connection import Connection


@dataclass(frozen=True, slots=True)
class Pragmas:
    """`busy_timeout` in milliseconds; `synchronous` in SQLite's numbers: 0 OFF, 1 NORMAL, 2 FULL, 3 EXTRA."""

    journal_mode: str
    synchronous: int
    foreign_keys: bool
    busy_timeout: int


def read(connection: Connection) -> Pragmas:
    """Query the connection. https://www.sqlite.org/pragma.html"""

    def ask(name: str) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    return Pragmas(
        str(ask("journal_mode")),
        int(str(ask("synchronous"))),
        bool(ask("foreign_keys")),
        int(str(ask("busy_timeout"))),
    )
