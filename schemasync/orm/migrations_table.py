"""Creates the table in which Django records migrations.

This is a separate module, as each test run on the backend needs it, and a run that copies its database needs little
else.
"""

from __future__ import annotations

from django.db import connections
from django.db.migrations.recorder import MigrationRecorder


def create_migrations_table(alias: str) -> None:
    """Create the table unless it exists. Do nothing inside the transaction of a TestCase, where a MigrationExecutor
    cannot create it."""
    if not connections[alias].in_atomic_block:
        MigrationRecorder(connections[alias]).ensure_schema()
