"""Reads the table django_migrations: the migrations that Django's migrate has run on a database."""

from __future__ import annotations

from .connection import Connection
from .objects import has_table

TABLE = "django_migrations"


def moments(connection: Connection) -> frozenset[tuple[str, str, str]]:
    """Return (app, name, time) of each migration. The time has microseconds, so two databases that share a row have a
    common past."""
    if not has_table(connection, TABLE):
        return frozenset()
    return frozenset(connection.execute(f"SELECT app, name, applied FROM main.{TABLE}"))


def applied(connection: Connection) -> frozenset[str]:
    """Return `app.name` of each migration that was run or faked; empty without the table."""
    if not has_table(connection, TABLE):
        return frozenset()
    return frozenset(f"{app}.{name}" for app, name in connection.execute(f"SELECT app, name FROM main.{TABLE}"))
