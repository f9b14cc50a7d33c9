"""Lets tests of migrations see the migrations of a project in which schema.json replaces them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS

from ..orm import migration_modules
from ..orm.migrations import record


@contextmanager
def migrations(alias: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Within the block, Django sees the migrations of the project, and the database records all of them as run.

    For tests of migrations, in a TransactionTestCase: MigrationExecutor, and `migrate APP MIGRATION`, work on tables
    that were made from schema.json as on those that migrations made.
    """
    with migration_modules.suspended():
        record(alias)
        yield
