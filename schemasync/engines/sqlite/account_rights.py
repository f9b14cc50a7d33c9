"""Reads the rights of accounts of a database file: flags, groups, permissions."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...schema.names import quote
from .connection import Connection

MOST = 50_000  # rights of all users together: if there are more, none is read

Rights = frozenset[str]
"""`is_superuser` and other flags, `group NAME`, and `app_label.codename`, whether given directly or by a group."""


@dataclass(frozen=True, slots=True)
class Link:
    """The intermediate table of a many-to-many relation, and its two columns."""

    table: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Grants:
    """The tables of a project's user rights; None if its user model has no such relation.

    `flags`: columns of the users' table, of which only the `required` must exist.
    """

    users: str
    key: str
    flags: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    permissions: Link | None = None
    groups: Link | None = None
    of_groups: Link | None = None


def rights(connection: Connection, where: Grants, key: object | None = None) -> Mapping[Any, Rights] | None:
    """Return the rights of every user that has any, or of the one with that key; None if the file has no such tables,
    or there are too many rights."""
    found: defaultdict[Any, set[str]] = defaultdict(set)
    left = MOST
    for query, is_required in _queries(where):
        condition = "" if key is None else " WHERE user = ?"
        try:
            rows = connection.execute(
                f"SELECT user, name FROM ({query}){condition} LIMIT {left + 1}", () if key is None else (key,)
            ).fetchall()
        except sqlite3.Error:
            if is_required:
                return None
            continue
        left -= len(rows)
        if left < 0:
            return None
        for user, name in rows:
            found[user].add(name)
    return {user: frozenset(names) for user, names in found.items()}


def _queries(where: Grants) -> Iterator[tuple[str, bool]]:
    """Yield (a query for user and name of a right, whether every file must be able to run it)."""
    for flag in where.flags:
        query = f"SELECT u.{quote(where.key)} AS user, '{flag}' AS name FROM main.{quote(where.users)} AS u"
        yield f"{query} WHERE u.{quote(flag)}", flag in where.required
    permission = (
        " JOIN main.auth_permission AS p ON p.id = {0} JOIN main.django_content_type AS t ON t.id = p.content_type_id"
    )
    name = "t.app_label || '.' || p.codename AS name"
    if (link := where.permissions) is not None:
        joined = permission.format(f"l.{quote(link.target)}")
        yield f"SELECT l.{quote(link.source)} AS user, {name} FROM main.{quote(link.table)} AS l{joined}", True
    if (link := where.groups) is not None:
        start = f"FROM main.{quote(link.table)} AS l"
        group = f"JOIN main.auth_group AS g ON g.id = l.{quote(link.target)}"
        yield f"SELECT l.{quote(link.source)} AS user, 'group ' || g.name AS name {start} {group}", True
        if (given := where.of_groups) is not None:
            through = f"JOIN main.{quote(given.table)} AS m ON m.{quote(given.source)} = l.{quote(link.target)}"
            joined = permission.format(f"m.{quote(given.target)}")
            yield f"SELECT l.{quote(link.source)} AS user, {name} {start} {through}{joined}", True
