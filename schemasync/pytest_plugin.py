"""The fixture of schemasync for pytest. It imports Django and schemasync when a test uses it, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from .testing import TemporaryDatabase
    from .testing.rows import RowSource
    from .testing.schema_source import SchemaSource


class DatabaseFactory(Protocol):
    def __call__(self, at: SchemaSource, rows: RowSource | None = None) -> TemporaryDatabase:
        """Return a new database with the schema and these rows, which exists until the test ends."""


@pytest.fixture
def schemasync_database() -> Iterator[DatabaseFactory]:
    """Make databases for tests of schema changes: schemasync_database("schema.json", rows).sync("new.json")."""
    from .testing import temporary_database

    with ExitStack() as stack:

        def make(at: SchemaSource, rows: RowSource | None = None) -> TemporaryDatabase:
            return stack.enter_context(temporary_database(at, rows))

        yield make
