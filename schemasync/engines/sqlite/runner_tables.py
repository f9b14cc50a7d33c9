"""The tables in which common migration runners record the files that they ran."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from ...schema.names import fold, quote
from .connection import Connection
from .objects import objects

RUNNERS: Mapping[str, str] = {
    "schema_migrations": "dbmate, golang-migrate or Rails",
    "goose_db_version": "goose",
    "gorp_migrations": "sql-migrate",
    "flyway_schema_history": "Flyway",
    "databasechangelog": "Liquibase",
    "_prisma_migrations": "Prisma",
    "__diesel_schema_migrations": "Diesel",
    "_sqlx_migrations": "sqlx",
    "refinery_schema_history": "refinery",
    "knex_migrations": "Knex",
    "sequelizemeta": "Sequelize",
    "__drizzle_migrations": "Drizzle",
    "alembic_version": "Alembic",
    "_yoyo_migration": "yoyo",
    "__efmigrationshistory": "Entity Framework",
}
"""Folded name of the table -> its runners."""

MOST = 10_000  # rows; a table with more belongs to the application


def runner_tables(connection: Connection) -> dict[str, str]:
    """Map the name of each such table in the file to a digest of its rows, which changes when its runner runs."""
    return dict(_digests(connection))


def runner_of(name: str) -> str:
    """Return the runners that have a table of this name."""
    return RUNNERS[fold(name)]


def _digests(connection: Connection) -> Iterator[tuple[str, str]]:
    for item in objects(connection):
        if item.type == "table" and fold(item.name) in RUNNERS:
            rows = connection.execute(f"SELECT * FROM main.{quote(item.name)} LIMIT {MOST + 1}").fetchall()
            if len(rows) <= MOST:
                yield item.name, hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest()
