"""Reads accounts of a database file by their key, without the ORM."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...schema.names import quote
from .connection import Connection

MOST = 200_000  # accounts: if there are more, they are not compared one by one


@dataclass(frozen=True, slots=True)
class AccountTable:
    """The table of a project's users; `password` and `active` are None if the model has no such field."""

    table: str
    key: str
    name: str
    password: str | None = None
    active: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A user in a file; `password` is the hash."""

    key: Any
    name: str
    password: str
    is_active: bool


def account(connection: Connection, where: AccountTable, key: object) -> Account | None:
    """The user with that key; None if there is none, or no such table."""
    try:
        row = connection.execute(f"{_select(where)} WHERE a.{quote(where.key)} = ?", (key,)).fetchone()
    except sqlite3.Error:
        return None
    return _account(row) if row else None


def accounts(connection: Connection, where: AccountTable) -> Mapping[Any, Account] | None:
    """All users by their keys; None if there is no such table, or there are too many."""
    try:
        rows: Sequence[Any] = connection.execute(f"{_select(where)} LIMIT {MOST + 1}").fetchall()
    except sqlite3.Error:
        return None
    return None if len(rows) > MOST else {row[0]: _account(row) for row in rows}


def _select(where: AccountTable) -> str:
    """Return a SELECT. Each name has its table, because SQLite reads a lone quoted name as a string if no column has
    it."""
    columns = [f"a.{quote(where.key)}", f"a.{quote(where.name)}"]
    columns += [f"a.{quote(where.password)}" if where.password else "''"]
    columns += [f"a.{quote(where.active)}" if where.active else "1"]
    return f"SELECT {', '.join(columns)} FROM main.{quote(where.table)} AS a"


def _account(row: Any) -> Account:
    key, name, password, active = row
    return Account(key, str(name), str(password), bool(active))
