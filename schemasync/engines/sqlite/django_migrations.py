"""The table django_migrations: which migrations Django's migrate has run on a database."""

from __future__ import annotations

from .connection import Connection

TABLE = "django_migrations"


def applied(connection: Connection) -> frozenset[str]:
    """`app.name` of each migration that was run, or was faked; none where there is no table."""
    query = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
    if connection.execute(query, (TABLE,)).fetchone() is None:
        return frozenset()
    return frozenset(f"{app}.{name}" for app, name in connection.execute(f"SELECT app, name FROM main.{TABLE}"))
