"""Indexes of a build: dropped before the rows are copied, built afterwards."""

from __future__ import annotations

from collections.abc import Iterable

from ....diff.changes import AddIndex, ChangeIndex
from ....plan.model import NewTableStep, StandingStep
from ....schema.model import Index, Table
from ....schema.names import quote
from .. import ddl
from ..connection import Connection
from ..objects import Object, objects
from .row_errors import run_on


def new(step: NewTableStep) -> tuple[Index, ...]:
    """Return the indexes that must be built: all of a rewritten or new table, the added and changed ones of any
    other."""
    if not isinstance(step, StandingStep):
        return step.new.indexes
    added = {c.index.name for c in step.changes if isinstance(c, AddIndex)}
    added |= {c.new.name for c in step.changes if isinstance(c, ChangeIndex)}
    return tuple(index for index in step.new.indexes if index.name in added)


def take(connection: Connection) -> tuple[Object, ...]:
    """Drop all indexes of a fresh file, to build them after the rows."""
    found = tuple(o for o in objects(connection) if o.type == "index")
    for item in found:
        connection.execute(f"DROP INDEX {quote(item.name)}")
    return found


def put(connection: Connection, found: Iterable[Object]) -> None:
    """Build the indexes that were dropped."""
    for item in found:
        connection.execute(item.sql)


def build(connection: Connection, table: Table, index: Index) -> None:
    """Create an index of a filled table. Raises Failed if rows violate a unique one."""
    run_on(connection, table.name, ddl.create_index(table, index))
