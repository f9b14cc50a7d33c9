"""Indexes whose content SQLite computes: over expressions or generated columns, or with a condition.

Another SQLite may compute it differently. Then such an index misses rows, and a DELETE of such a row, or an UPDATE of
an indexed value, may fail with "database disk image is malformed". REINDEX builds it again:
https://www.sqlite.org/lang_reindex.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ...plan.model import FilledStep, Plan, Rewrite
from ...schema.names import fold, quote
from .connection import Connection, journaled
from .rebuild.reshape import stale_indexes

_FIND = """
    SELECT t.name, i.name FROM pragma_table_list AS t, pragma_index_list(t.name, 'main') AS i
    WHERE t.schema = 'main' AND t.type = 'table' AND (i.partial OR EXISTS (
        SELECT 1 FROM pragma_index_info(i.name, 'main') AS c
        LEFT JOIN pragma_table_xinfo(t.name, 'main') AS x ON x.cid = c.cid WHERE c.cid = -2 OR x.hidden IN (2, 3)
    )) ORDER BY t.name, i.name
"""
"""A generated column that is STORED counts, too: an UPDATE of another column computes its value again, and leaves the
index as it is."""


@dataclass(frozen=True, slots=True)
class ComputedIndex:
    """The index `name` of `table`."""

    table: str
    name: str


def computed_indexes(connection: Connection) -> tuple[ComputedIndex, ...]:
    """Return these indexes of all ordinary tables, including the indexes of constraints."""
    return tuple(ComputedIndex(*row) for row in connection.execute(_FIND))


def kept(found: Collection[ComputedIndex], plan: Plan, written: Collection[str]) -> tuple[ComputedIndex, ...]:
    """Return the indexes that a clone copies page by page: those of tables that are not `written` (folded names),
    except those that are left out."""
    left_out = set(map(fold, stale_indexes(plan)))
    return tuple(one for one in found if fold(one.table) not in written and fold(one.name) not in left_out)


def kept_of_old(connection: Connection, plan: Plan) -> tuple[ComputedIndex, ...]:
    """The indexes of the live database whose pages a clone keeps."""
    written = {fold(step.old.name) for step in plan.rewritten} | {fold(step.old.name) for step in plan.dropped}
    written |= {fold(old) for old, _ in plan.replaced}
    return kept(computed_indexes(connection), plan, written)


def kept_of_new(connection: Connection, plan: Plan) -> tuple[ComputedIndex, ...]:
    """Like `kept_of_old`, but for the clone, in which tables have their new names."""
    written = {fold(step.name) for step in plan.steps if isinstance(step, Rewrite | FilledStep)}
    return kept(computed_indexes(connection), plan, written)


def build_again(connection: Connection, found: Collection[ComputedIndex]) -> Iterator[str]:
    """Build indexes of a file under construction again. Return a note on each that stays as it was, because this SQLite
    cannot build it: it computes equal values for rows that must differ, or cannot compute them."""
    with journaled(connection):
        for index in found:
            try:
                connection.execute(f"REINDEX main.{quote(index.name)}")
            except sqlite3.Error as error:
                if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_ERROR):
                    raise
                yield f'the index "{index.name}" of "{index.table}" stays as it was built: {error}'
