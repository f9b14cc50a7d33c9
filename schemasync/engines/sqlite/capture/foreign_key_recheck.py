"""Rechecks new foreign keys for the rows that replay touches; verification has checked all rows before.

All rows were asked when the file was compared; from then on only what is replayed is, so that the time under the lock
does not grow with the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ....diff.changes import AddForeignKey
from ....plan.model import Plan
from ....schema.model import ForeignKey, Table
from ....schema.names import fold, quote
from ..connection import Connection
from ..objects import OWN_PREFIX


@dataclass(frozen=True, slots=True)
class ForeignKeyRecheck:
    """The values of one foreign key that are to be looked for among its parents, in a scratch table.

    Its columns are declared as the parent's are: their affinity and collation decide, as in SQLite itself.
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
        """Make the scratch table."""
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
        """Rows of a parent are about to go: what refers to them may be left behind."""
        if fold(table) == fold(self.key.table):
            self._add(connection, table, self.key.references, rows)

    def after_insert(self, connection: Connection, table: str, rows: str) -> None:
        """Rows of the child have come: what they refer to may not be there."""
        if fold(table) == fold(self.child):
            self._add(connection, table, self.key.columns, rows)

    def dangle(self, connection: Connection) -> bool:
        """True where a row refers to nothing. What has a parent, or is referred to by no row, is forgotten."""
        pairs = list(zip(self.key.references, self._slots, strict=True))
        same = " AND ".join(f"p.{quote(to)} = +s.{slot}" for to, slot in pairs)
        there = f"SELECT 1 FROM main.{quote(self.key.table)} AS p WHERE {same}"
        connection.execute(
            f"DELETE FROM {self._table} WHERE rowid IN (SELECT s.rowid FROM {self._table} AS s WHERE EXISTS ({there}))"
        )
        # the first finds an index of the child's, and perhaps too much; the second is what counts
        refers = [
            f"s.{slot} = c.{quote(name)} AND s.{slot} = +c.{quote(name)}"
            for slot, name in zip(self._slots, self.key.columns, strict=True)
        ]
        left = f"SELECT 1 FROM {self._table} AS s, main.{quote(self.child)} AS c WHERE {' AND '.join(refers)}"
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
    """One for each foreign key that the old file did not have."""
    number = 0
    for step in plan.carried:
        # by text it may be an old one, while its parent is another table under the same name
        added = [change.key for change in step.changes if isinstance(change, AddForeignKey)]
        for key in step.new.foreign_keys:
            parent = plan.new.table(key.table)
            if parent is not None and (key in added or key not in step.old.foreign_keys):
                yield ForeignKeyRecheck(number, step.new.name, parent, key)
                number += 1
