"""The table in which Django records migrations.

A module of its own: each test run on the backend needs it, and a run that copies its database needs little else.
"""

from __future__ import annotations

from django.db import connections
from django.db.migrations.recorder import MigrationRecorder


def create_migrations_table(alias: str) -> None:
    """Create the table unless it exists: a MigrationExecutor could not, inside the transaction of a TestCase."""
    if not connections[alias].in_atomic_block:
        MigrationRecorder(connections[alias]).ensure_schema()
