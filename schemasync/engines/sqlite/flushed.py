"""Restores rows of a database that is emptied and filled again and again, as between the tests of a project."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ...schema.names import quote
from .connection import Connection


@dataclass(frozen=True, slots=True)
class Permissions:
    """Content types, as (app label, model), and permissions, as (the same of the content type, codename, name), in the
    order of their ids."""

    content_types: tuple[tuple[str, str], ...]
    permissions: tuple[tuple[str, str, str, str], ...]


def has_triggers(connection: Connection) -> bool:
    """True if the database has a trigger."""
    return connection.execute("SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' LIMIT 1").fetchone() is not None


def filled(connection: Connection, tables: Iterable[str]) -> list[str]:
    """Return the tables that have a row."""
    return [name for name in tables if connection.execute(f"SELECT 1 FROM main.{quote(name)} LIMIT 1").fetchone()]


def last_ids(connection: Connection) -> tuple[int, int]:
    """Return the largest id of a content type and of a permission; 0 if there is none."""
    query = "SELECT (SELECT max(id) FROM main.django_content_type), (SELECT max(id) FROM main.auth_permission)"
    content_type, permission = connection.execute(query).fetchone()
    return content_type or 0, permission or 0


def permissions_after(connection: Connection, ids: tuple[int, int]) -> Permissions:
    """Return the rows with larger ids than these."""
    content_types = "SELECT app_label, model FROM main.django_content_type WHERE id > ? ORDER BY id"
    permissions = """
        SELECT app_label, model, codename, name FROM main.auth_permission AS p
        JOIN main.django_content_type AS c ON c.id = p.content_type_id WHERE p.id > ? ORDER BY p.id
    """
    return Permissions(
        tuple(connection.execute(content_types, ids[:1]).fetchall()),
        tuple(connection.execute(permissions, ids[1:]).fetchall()),
    )


def add_permissions(connection: Connection, rows: Permissions) -> None:
    """Insert these rows under new ids. Raises sqlite3.IntegrityError if one exists or lacks its content type."""
    connection.executemany("INSERT INTO main.django_content_type (app_label, model) VALUES (?, ?)", rows.content_types)
    added = connection.executemany(
        """
        INSERT INTO main.auth_permission (content_type_id, codename, name)
        SELECT id, ?3, ?4 FROM main.django_content_type WHERE app_label = ?1 AND model = ?2
        """,
        rows.permissions,
    )
    if max(added.rowcount, 0) != len(rows.permissions):
        raise sqlite3.IntegrityError("the content type of a permission is missing")
