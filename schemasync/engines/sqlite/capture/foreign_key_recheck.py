"""Rechecks new foreign keys for the rows that replay touches.

The verification checks all rows. After it only replayed rows are checked, so that the time under the write lock does
not grow with the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ....diff.changes import AddForeignKey
from ....plan.model import FilledStep, Plan
from ....schema.model import ForeignKey, Table
from ....schema.names import fold, quote
from ..connection import Connection
from ..objects import OWN_PREFIX


@dataclass(frozen=True, slots=True)
class ForeignKeyRecheck:
    """A scratch table with the values of one foreign key for which a parent must exist.

    Its columns are declared like the parent's, because their affinity and collation decide, as in SQLite itself.
    """

    number: int
    child: str
    parent: Table
    key: ForeignKey

    @property
    def _table(self) -> str:
        return f"temp.{OWN_PREFIX}suspects_{self.number}"

    @property
    def _slots(self) -> list[str]:
        return [f"s{number}" for number in range(len(self.key.columns))]

    def prepare(self, connection: Connection) -> None:
        """Create the scratch table."""
        declared = []
        for slot, name in zip(self._slots, self.key.references, strict=True):
            column = self.parent.column(name)
            assert column is not None
            collation = f" COLLATE {quote(column.collation)}" if column.collation else ""
            # ANY converts nothing in a STRICT table, and to numbers in any other
            kind = "" if self.parent.strict and fold(column.type.text) == "any" else column.type.text
            declared.append(f"{slot} {kind}{collation}")
        slots = ", ".join(self._slots)
        connection.execute(f"CREATE TABLE {self._table} ({', '.join(declared)}, UNIQUE ({slots}))")

    def before_delete(self, connection: Connection, table: str, rows: str) -> None:
        """Call before rows of the parent are deleted: rows that refer to them may dangle."""
        if fold(table) == fold(self.key.table):
            self._add(connection, table, self.key.references, rows)

    def after_insert(self, connection: Connection, table: str, rows: str) -> None:
        """Call after rows of the child are inserted: their parents may not exist."""
        if fold(table) == fold(self.child):
            self._add(connection, table, self.key.columns, rows)

    def dangle(self, connection: Connection) -> bool:
        """Return True if a row refers to a missing row. Forgets values that have a parent, or that no row uses."""
        pairs = list(zip(self.key.references, self._slots, strict=True))
        same = " AND ".join(f"p.{quote(to)} = +s.{slot}" for to, slot in pairs)
        there = f"SELECT 1 FROM main.{quote(self.key.table)} AS p WHERE {same}"
        connection.execute(
            f"DELETE FROM {self._table} WHERE rowid IN (SELECT s.rowid FROM {self._table} AS s WHERE EXISTS ({there}))"
        )
        # the first term can use an index of the child, and may match too many rows; the second is exact
        refers = [
            f"s.{slot} = c.{quote(name)} AND s.{slot} = +c.{quote(name)}"
            for slot, name in zip(self._slots, self.key.columns, strict=True)
        ]
        # CROSS JOIN keeps the order of the tables, so that without such a value no row of the child is read
        left = f"SELECT 1 FROM {self._table} AS s CROSS JOIN main.{quote(self.child)} AS c WHERE {' AND '.join(refers)}"
        if connection.execute(f"SELECT EXISTS ({left})").fetchone()[0]:
            return True
        connection.execute(f"DELETE FROM {self._table}")
        return False

    def _add(self, connection: Connection, table: str, columns: tuple[str, ...], rows: str) -> None:
        names = ", ".join(map(quote, columns))
        some = " AND ".join(f"{quote(column)} IS NOT NULL" for column in columns)
        connection.execute(
            f"INSERT OR IGNORE INTO {self._table} SELECT {names} FROM main.{quote(table)} WHERE {rows} AND {some}"
        )


def new_foreign_keys(plan: Plan) -> Iterator[ForeignKeyRecheck]:
    """Yield a recheck for each foreign key that the old file does not have, except references to derived and
    transformed tables: those are checked as a whole when such a table is filled again."""
    number = 0
    for step in plan.carried:
        # its text may be that of an old key, while its parent is another table of the same name
        added = [change.key for change in step.changes if isinstance(change, AddForeignKey)]
        for key in step.new.foreign_keys:
            parent = plan.new.table(key.table)
            if parent is None or isinstance(plan.step(key.table), FilledStep):
                continue
            if key in added or key not in step.old.foreign_keys:
                yield ForeignKeyRecheck(number, step.new.name, parent, key)
                number += 1
