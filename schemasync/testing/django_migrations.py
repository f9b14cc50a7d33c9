"""Let tests of migrations see the migrations of a project in which schema.json replaces them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS

from ..orm import migration_modules
from ..orm.migrations import record


@contextmanager
def migrations(alias: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Let Django see the migrations of the project during the block, and record all of them as run in the database.

    For tests of migrations, in a TransactionTestCase: MigrationExecutor and `migrate APP MIGRATION` treat tables that
    were created from schema.json like tables that migrations created.
    """
    with migration_modules.suspended():
        record(alias)
        yield
