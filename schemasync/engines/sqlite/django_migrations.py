"""The table django_migrations: which migrations Django's migrate has run on a database."""

from __future__ import annotations

from .connection import Connection
from .objects import has_table

TABLE = "django_migrations"


def applied(connection: Connection) -> frozenset[str]:
    """`app.name` of each migration that was run, or was faked; none where there is no table."""
    if not has_table(connection, TABLE):
        return frozenset()
    return frozenset(f"{app}.{name}" for app, name in connection.execute(f"SELECT app, name FROM main.{TABLE}"))
