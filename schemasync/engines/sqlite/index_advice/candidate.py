"""An index that might help, and how a plan uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ....schema import normalize
from ....schema.model import Index, IndexedColumn, Table
from ....schema.names import quote
from .. import ddl
from ..connection import Connection
from ..query_plans import explained

Columns = tuple[IndexedColumn, ...]
Plan = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index over columns of a table."""

    table: Table
    columns: Columns

    @property
    def index(self) -> Index:
        """The index, with the name that schemasync gives it if schema.json gives none."""
        return Index(normalize.index_name(self.table.name, self.columns), self.columns)

    @property
    def name(self) -> str:
        return self.index.name

    @property
    def sql(self) -> str:
        return ddl.create_index(self.table, self.index)

    def followed_by(self, column: IndexedColumn) -> Candidate:
        """Return a candidate with this column added at the end."""
        return Candidate(self.table, (*self.columns, column))

    def is_begin_of(self, columns: Sequence[IndexedColumn]) -> bool:
        """Return True if an index over these columns does everything that this one does."""
        return tuple(columns[: len(self.columns)]) == self.columns


@contextmanager
def created(connection: Connection, candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    """Create these indexes for the block, and drop them after it. Yields the list, with which the block keeps track of
    the indexes that it drops and creates."""
    there = list(candidates)
    change(connection, (), there)
    try:
        yield there
    finally:
        change(connection, there, ())


def change(connection: Connection, dropped: Iterable[Candidate], new: Iterable[Candidate]) -> None:
    """Drop these indexes, and create those."""
    for one in dropped:
        connection.execute(f"DROP INDEX main.{quote(one.name)}")
    for one in new:
        connection.execute(one.sql)


def plan_of(connection: Connection, sql: str) -> Plan:
    """The plan of a statement that compiles."""
    return explained(connection, sql)[0] or ()


def uses(plan: Plan, index: str) -> bool:
    """True if a loop of the plan uses the index. SQLite's line names it, without quotes."""
    return any(line.endswith(f" INDEX {index}") or f" INDEX {index} (" in line for line in plan)


@dataclass(frozen=True, slots=True, order=True)
class Cost:
    """The work that a plan leaves, as far as its lines show: less is better, and the first difference counts.
    https://www.sqlite.org/eqp.html

    `scans`: tables that are read completely, and indexes that are made for one run. `sorts`: 2 for rows that are sorted
    or collected, 1 for those that come partly in order. `equal` and `ranges`: minus the number of terms that an index
    finds.
    """

    scans: int
    sorts: int
    equal: int
    ranges: int

    @property
    def is_reducible(self) -> bool:
        """True if an index may help."""
        return self.scans > 0 or self.sorts > 0


def cost(plan: Plan) -> Cost:
    """The cost of a plan."""
    text = "\n".join(plan)
    sorts = [line for line in plan if "USE TEMP B-TREE FOR " in line]
    partly = sum(" OF ORDER BY" in line or " OF GROUP BY" in line for line in sorts)
    return Cost(
        sum(line.startswith("SCAN ") and line != "SCAN CONSTANT ROW" for line in plan) + text.count("AUTOMATIC "),
        2 * len(sorts) - partly,
        -text.count("=?"),
        -text.count(">?") - text.count("<?"),
    )
