"""Finds content that another SQLite has computed differently from this one: indexes that miss rows, and stored
values."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator

from ....diff.hazards import Hazard, HazardCode
from ....schema.model import Table
from ....schema.names import quote
from ....schema.text import count
from ..computed_indexes import computed_indexes
from ..connection import Connection
from ..inspect import inspect
from ..verify.integrity_check import listed, of_table
from .findings import Predicate, rows
from .predicates import Predicates
from .projection import Projection
from .same_table import same_table


def outdated(connection: Connection) -> Iterator[Hazard]:
    """Yield hazards of both kinds in the whole database. Reads each table that has such an index or column."""
    yield from stale_indexes(connection)
    for table in inspect(connection).schema.tables:
        yield from changed_values(connection, table)


def stale_indexes(connection: Connection) -> Iterator[Hazard]:
    """Yield a hazard for indexes over computed values whose content is not what this SQLite computes."""
    names, where = defaultdict[str, list[str]](list), _conditions(connection)
    for index in computed_indexes(connection):
        names[index.table].append(index.name)
    for table, indexes in names.items():
        lines = of_table(connection, "main", table)
        for name in indexes:
            if found := [line for line in lines if line.endswith(f" index {name}")]:
                yield _stale(table, name, f"integrity_check: {listed(found)}")
            elif name in where and (more := _surplus(connection, table, name, where[name])):
                yield _stale(table, name, f"it has {count(more, 'row')} for which its condition does not hold")


def _conditions(connection: Connection) -> dict[str, str]:
    """Maps each index of a part of the rows to its condition."""
    indexes = (index for table in inspect(connection).schema.tables for index in table.indexes)
    return {index.name: index.where.text for index in indexes if index.where is not None}


def _surplus(connection: Connection, table: str, index: str, where: str) -> int:
    """Return how many rows an index has that it should not have. A query by the index returns them, and integrity_check
    of SQLite 3.54 does not report them."""
    by_index = f"SELECT count(*) FROM {quote(table)} INDEXED BY {quote(index)} WHERE {where}"
    by_table = f"SELECT count(*) FROM {quote(table)} NOT INDEXED WHERE {where}"
    try:
        more, right = connection.execute(f"SELECT ({by_index}), ({by_table})").fetchone()
    except sqlite3.OperationalError:  # a name that this process does not know
        return 0
    return int(more) - int(right)


def _stale(table: str, index: str, why: str) -> Hazard:
    message = f'the index "{index}" of "{table}" is not what SQLite {sqlite3.sqlite_version} computes: {why}'
    hint = (
        "Queries by it may miss rows, or return others, and a DELETE or UPDATE of such a row may fail.\n"
        "To build all indexes again: manage.py schemasync --rebuild-all\n"
        "To build this one in the live file, while writers wait, on a connection of the application: "
        f"REINDEX main.{quote(index)}"
    )
    return Hazard(HazardCode.STALE_INDEX, message, hint, table)


def changed_values(connection: Connection, table: Table) -> Iterator[Hazard]:
    """Yield hazards for the STORED columns of a table with rows whose values a rewrite would change."""
    if table.virtual is not None or not any(column.stored for column in table.columns):
        return
    step = same_table(table)
    found = list[Predicate]()
    for column in table.columns:
        found += Predicates(step, frozenset()).changed(column, column.name)
    try:
        yield from list(rows(connection, table.name, found, [Projection(step).rows()]))
    except sqlite3.Error:
        return  # a name that this process does not know, or a value that cannot be computed: a rewrite reports it
