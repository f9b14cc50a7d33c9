"""Finds indexes by trial: it creates them in a schema without rows, and reads how SQLite would run the statement."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ....schema.model import IndexedColumn, Table
from ....schema.names import fold
from ..connection import Connection
from .candidate import Candidate, Columns, Cost, change, cost, created, plan_of, uses
from .statements import Asked

MOST_COLUMNS = 24  # columns of a table that are tried for a statement, those that it names most often first
MOST_IN_PAIRS = 6  # of these columns, those that are tried in pairs: 60 pairs
WIDEST = 4  # columns of an index: few statements profit from more, and each makes it larger


@dataclass(frozen=True, slots=True)
class Helped:
    """A statement that the proposals help, and how SQLite runs it with them."""

    asked: Asked
    after: tuple[str, ...]
    by: tuple[Candidate, ...]


def search(connection: Connection, tables: Iterable[Table], asked: Sequence[Asked]) -> tuple[Candidate, ...]:
    """Return the fewest indexes on these tables that give the statements their best plans. `connection`: a database in
    memory with the schema, in which they are created and dropped again."""
    by_name = {fold(table.name): table for table in tables}
    found: dict[Candidate, float] = {}
    for one in asked:
        for candidate in _Trial(connection, by_name, one).found():
            found[candidate] = found.get(candidate, 0.0) + one.weight
    with created(connection, sorted(found, key=lambda candidate: found[candidate])) as kept:
        chosen = _Chosen(connection, kept, asked)
        chosen.leave_out()
        chosen.put_together()
    return tuple(kept)


def helped(connection: Connection, asked: Iterable[Asked], found: Sequence[Candidate]) -> tuple[Helped, ...]:
    """Return the statements that these indexes help, the one with the most time first."""
    with created(connection, found) as kept:
        chosen = _Chosen(connection, kept, sorted(asked, key=lambda one: -one.weight))
        return tuple(chosen.helped())


class _Chosen:
    """The indexes in the schema, each of which some statements need. `kept`: the list of them, which is updated."""

    def __init__(self, connection: Connection, kept: list[Candidate], asked: Iterable[Asked]) -> None:
        self._connection, self._kept = connection, kept
        self._plans = {one: plan_of(connection, one.sql) for one in asked}
        self._by_table: dict[str, list[Asked]] = {}
        for one in self._plans:
            for table in dict.fromkeys(name for name, _ in one.reads):
                self._by_table.setdefault(table, []).append(one)

    def leave_out(self) -> None:
        """Leave out each index without which no statement runs worse, in order."""
        for candidate in tuple(self._kept):
            self._exchange((candidate,), ())

    def put_together(self) -> None:
        """Replace two indexes by one, if another order of the columns of one of them is as good for both."""
        for short, long in itertools.permutations(tuple(self._kept), 2):
            if (
                short.table == long.table
                and set(short.columns) < set(long.columns)
                and {short, long} <= set(self._kept)
            ):
                rest = tuple(column for column in long.columns if column not in short.columns)
                self._exchange((short, long), (Candidate(long.table, (*short.columns, *rest)),))

    def helped(self) -> Iterator[Helped]:
        """Return the statements that run worse without one of the indexes, each with the indexes that it needs."""
        by: dict[Asked, list[Candidate]] = {}
        for candidate in tuple(self._kept):
            for one in self._worse((candidate,), ()):
                by.setdefault(one, []).append(candidate)
        return (Helped(one, plan, tuple(by[one])) for one, plan in self._plans.items() if one in by)

    def _exchange(self, those: Sequence[Candidate], for_these: Sequence[Candidate]) -> None:
        """Replace `those` by `for_these`, unless a statement would run worse."""
        if not self._worse(those, for_these):
            change(self._connection, those, for_these)
            self._kept[:] = [*(one for one in self._kept if one not in those), *for_these]
            for one in self._about(those[0]):
                self._plans[one] = plan_of(self._connection, one.sql)

    def _worse(self, those: Sequence[Candidate], for_these: Sequence[Candidate]) -> list[Asked]:
        """Return the statements that would run worse with this replacement."""
        change(self._connection, those, for_these)
        try:
            plans = self._plans
            return [one for one in self._about(those[0]) if cost(plans[one]) < cost(plan_of(self._connection, one.sql))]
        finally:
            change(self._connection, for_these, those)

    def _about(self, candidate: Candidate) -> Sequence[Asked]:
        return self._by_table.get(fold(candidate.table.name), ())


class _Trial:
    """The search for one statement."""

    def __init__(self, connection: Connection, tables: Mapping[str, Table], asked: Asked) -> None:
        self._connection = connection
        self._sql, self._before = asked.sql, cost(asked.plan)
        by_use = sorted(asked.reads, key=lambda name: -asked.reads[name])
        self._columns: dict[str, tuple[Table, list[str]]] = {}
        for table_name, column_name in by_use:
            table = tables.get(table_name)
            column = table.column(column_name) if table is not None else None
            if table is not None and column is not None and column.name != table.rowid_column:
                names = self._columns.setdefault(table_name, (table, []))[1]
                if len(names) < MOST_COLUMNS:
                    names.append(column.name)

    def found(self) -> tuple[Candidate, ...]:
        """Return the indexes that improve the statement's plan, without existing ones."""
        best = self._begun()
        before = self._cost(best)
        for number in range(len(best)):
            best, before = self._widened(best, number, before)
        with created(self._connection, _new(best)):
            plan = plan_of(self._connection, self._sql)
        used = tuple(one for one in _new(best) if uses(plan, one.name))
        return used if used and self._cost(used) < self._before else ()

    def _begun(self) -> tuple[Candidate, ...]:
        """Return the indexes to begin with: those that SQLite chooses among existing indexes and all of one column, and
        for each table the best of one column."""
        singles = {
            fold(table.name): [Candidate(table, (IndexedColumn(column=name),)) for name in names]
            for table, names in self._columns.values()
        }
        new = _new(one for several in singles.values() for one in several)
        with created(self._connection, new):
            plan = plan_of(self._connection, self._sql)
        chosen = [one for one in new if uses(plan, one.name)]
        for table, _ in self._columns.values():
            chosen += [Candidate(table, one.columns) for one in table.indexes if not one.where and uses(plan, one.name)]
        alone = [self._best(several) for several in singles.values() if several]
        return tuple(dict.fromkeys((*chosen, *alone)))

    def _best(self, singles: Sequence[Candidate]) -> Candidate:
        """Return the best of some indexes of one column; if none helps, the best of two columns, for an ORDER BY over
        both."""
        best = min(singles, key=lambda one: self._cost((one,)))
        if self._cost((best,)) < self._before or not self._before.sorts:
            return best
        pairs = [
            first.followed_by(replace(second.columns[0], descending=descending))
            for first, second in itertools.permutations(singles[:MOST_IN_PAIRS], 2)
            for descending in (False, True)
        ]
        return min([best, *pairs], key=lambda one: self._cost((one,)))

    def _widened(self, best: tuple[Candidate, ...], number: int, before: Cost) -> tuple[tuple[Candidate, ...], Cost]:
        """Add a column to one of the indexes for as long as that makes the plan better."""
        while len(best[number].columns) < WIDEST:
            tried = [(self._cost(wider), wider) for wider in self._wider(best, number, before)]
            least = min(tried, key=lambda pair: pair[0], default=None)
            if least is None or not least[0] < before:
                break
            before, best = least
        return best, before

    def _wider(self, best: tuple[Candidate, ...], number: int, before: Cost) -> Iterator[tuple[Candidate, ...]]:
        one = best[number]
        used = {column.column for column in one.columns}
        orders = (False, True) if before.sorts else (False,)
        for name in self._columns[fold(one.table.name)][1]:
            if name not in used:
                for descending in orders:
                    wider = one.followed_by(IndexedColumn(column=name, descending=descending))
                    yield (*best[:number], wider, *best[number + 1 :])

    def _cost(self, candidates: Sequence[Candidate]) -> Cost:
        with created(self._connection, _new(candidates)):
            return cost(plan_of(self._connection, self._sql))


def _new(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return each candidate once, without those that are the beginning of an existing index or key."""
    return [one for one in dict.fromkeys(candidates) if not any(map(one.is_begin_of, _there(one.table)))]


def _there(table: Table) -> Iterator[Columns]:
    yield from (index.columns for index in table.indexes if index.where is None)
    yield from (unique.columns for unique in table.uniques)
    if table.primary_key is not None:
        yield table.primary_key.columns
