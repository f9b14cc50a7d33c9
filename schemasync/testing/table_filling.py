"""Make the rows of a table, and the keys that other tables refer to. SQLite checks each row; a row that it refuses is
drawn again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..engines.sqlite.connection import Connection
from ..schema.model import Column, ForeignKey, Schema, Table
from ..schema.names import fold, quote
from .choices import Choices, DrawnChoices, RandomChoices, one_in, one_of
from .domains import Checks, Domain, narrowed
from .rows import Value, insert
from .values import StoredType, value

TRIES = 80  # for one row
GIVEN_UP = 3  # consecutive rows of one table that could not be made

Given = Mapping[str, Callable[[], Value]]
"""Functions that make the values of some columns, by `Table.column`."""

Key = tuple[Value, ...]


def is_in_key(table: Table, name: str) -> bool:
    """True for a column of the primary key."""
    key = table.primary_key
    return key is not None and any(fold(part.column or "") == fold(name) for part in key.columns)


@dataclass
class Filling:
    """The rows made so far. `promised`: keys that a table must get, because rows that refer to them exist already."""

    schema: Schema
    connection: Connection
    choices: Choices
    most: int
    is_exact: bool
    given: Given
    rows: dict[str, list[dict[str, Value]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    promised: dict[str, list[dict[str, Value]]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def tables(self, tables: Sequence[Table]) -> None:
        """Fill these tables. A trigger may need rows of other tables, which only SQLite's error shows: a table that got
        no row is tried again after the others."""
        left = list(tables)
        while left:
            for table in left:
                self.table(table)
            empty = [table for table in left if not self.rows[table.name]]
            left = empty if len(empty) < len(left) else []

    def table(self, table: Table) -> None:
        """Fill one table, and put it last in `rows`. If a row cannot be made, the table gets fewer rows."""
        self.rows.pop(table.name, None)
        self.rows[table.name], failures = [], 0
        plan = _TablePlan.of(table)
        promises = self.promised.pop(fold(table.name), [])
        wanted = self.most if self.is_exact else self.choices.below(self.most + 1)
        for number in range(1, max(wanted, len(promises)) + 1):
            promise = promises[number - 1] if number <= len(promises) else {}
            if self.row(plan, number, promise):
                failures = 0
            else:
                failures += 1
                if failures == GIVEN_UP:
                    break
        self.done.add(fold(table.name))

    def row(self, plan: _TablePlan, number: int, promise: Mapping[str, Value]) -> bool:
        """Insert one row. The first try uses the drawn choices, later ones are random. Return False if all fail."""
        for attempt in range(TRIES):
            again = RandomChoices(f"{plan.table.name} {number} {attempt}")
            choices = self.choices if attempt == 0 else DrawnChoices(b"") if attempt % 4 == 1 else again
            made = self.made(plan, self.another(number, attempt, again), promise, choices)
            try:
                is_there = insert(self.connection, {plan.table.name: [made]}) == 1
            except (sqlite3.Error, OverflowError) as error:
                self.errors[plan.table.name] = str(error)
            else:
                if is_there:
                    self.rows[plan.table.name].append(made)
                    return True
                self.errors[plan.table.name] = "a constraint with ON CONFLICT IGNORE, or a trigger, ignored the row"
        return False

    def another(self, number: int, attempt: int, again: Choices) -> int:
        """Return the number that makes the simple values of a row: in the first tries its own, then that of another
        row, such as one that a trigger looks for, then one that no row has."""
        if attempt < TRIES // 4:
            return number
        return 1 + again.below(self.most) if attempt < TRIES // 2 else number + again.below(10**6)

    def made(self, plan: _TablePlan, number: int, promise: Mapping[str, Value], choices: Choices) -> dict[str, Value]:
        table, domains = plan.table, plan.checks.domains(choices)
        known: dict[str, Value] = dict(promise)
        for name, make in plan.given(self.given).items():
            known.setdefault(name, make())
        for key in table.foreign_keys:
            if fold(key.table) != fold(table.name):
                self.refer(plan, key, known, domains, number, choices)
        for column in plan.columns:
            if fold(column.name) not in known and not plan.refers_to_itself(column):
                self.choose(plan, column, known, domains, number, choices)
        for key in table.foreign_keys:
            if fold(key.table) == fold(table.name):
                self.refer(plan, key, known, domains, number, choices)
        return {column.name: known[fold(column.name)] for column in plan.columns if fold(column.name) in known}

    def choose(
        self,
        plan: _TablePlan,
        column: Column,
        known: dict[str, Value],
        domains: Mapping[str, Domain],
        number: int,
        choices: Choices,
    ) -> None:
        name = fold(column.name)
        domain = narrowed(domains.get(name, Domain()), known)
        if domain.null is None and plan.may_be_null(column) and one_in(choices, 5):
            known[name] = None
        elif column.default is not None and domain == Domain() and one_in(choices, 6):
            return
        elif (guesses := plan.checks.guesses.get(name)) and one_in(choices, 2):
            known[name] = one_of(choices, guesses)
        else:
            known[name] = value(plan.kinds[name], domain, column.name, number, choices)

    def refer(
        self,
        plan: _TablePlan,
        key: ForeignKey,
        known: dict[str, Value],
        domains: Mapping[str, Domain],
        number: int,
        choices: Choices,
    ) -> None:
        """Choose the values of a foreign key: a row of the parent, NULL, the row itself, or a promised key."""
        names = [fold(name) for name in key.columns]
        parent = self.schema.table(key.table)
        if parent is None:
            known.update((name, None) for name in names if plan.may_be_null_by_name(name) and name not in known)
            return
        there = self.referred(key, parent)
        fixed = {name: known[name] for name in names if name in known}
        fitting = [one for one in self.keys(parent, there) if all(one[names.index(n)] == v for n, v in fixed.items())]
        nullable = [name for name in names if name not in fixed and plan.may_be_null_by_name(name)]
        demanded = any(domains.get(name, Domain()).null is False for name in names)
        if nullable and not demanded and (not fitting or one_in(choices, 4)):
            known.update((name, None) for name in nullable)
        elif fitting:
            chosen = self.parent(plan, names, fitting, number, choices)
            known.update(zip(names, chosen, strict=True))
        elif fold(parent.name) == fold(plan.table.name):
            known.update(
                (name, known.get(fold(other), known.get(name))) for name, other in zip(names, there, strict=True)
            )
        elif fold(parent.name) not in self.done:
            known.update(self.promise(parent, there, names, known, number, choices))

    def parent(self, plan: _TablePlan, names: list[str], fitting: list[Key], number: int, choices: Choices) -> Key:
        """Return one of these keys, mostly one that no row of the table has yet, as the reference may be unique."""
        rows = [{fold(name): one for name, one in row.items()} for row in self.rows.get(plan.table.name, ())]
        used = {tuple(row.get(name) for name in names) for row in rows}
        unused = [one for one in fitting if one not in used]
        among = unused if unused and not one_in(choices, 4) else fitting
        return among[(choices.below(len(among)) + number - 1) % len(among)]

    def promise(
        self,
        parent: Table,
        there: list[str],
        names: list[str],
        known: Mapping[str, Value],
        number: int,
        choices: Choices,
    ) -> dict[str, Value]:
        plan = _TablePlan.of(parent)
        domains = plan.checks.domains(choices)
        row: dict[str, Value] = {}
        for name, other in zip(names, there, strict=True):
            column = parent.column(other)
            if name in known:
                row[fold(other)] = known[name]
            elif column is not None:
                self.choose(plan, column, row, {**domains, fold(other): Domain(null=False)}, number, choices)
        self.promised.setdefault(fold(parent.name), []).append(row)
        return {name: row.get(fold(other)) for name, other in zip(names, there, strict=True)}

    def referred(self, key: ForeignKey, parent: Table) -> list[str]:
        if key.references:
            return list(key.references)
        columns = parent.primary_key.columns if parent.primary_key is not None else ()
        return [part.column or "" for part in columns] or ["rowid"]

    def keys(self, parent: Table, columns: list[str]) -> list[Key]:
        """Return the parent's values in these columns, without NULLs, usually in the order of insertion."""
        chosen = ", ".join(map(quote, columns))
        given = " AND ".join(f"{quote(column)} IS NOT NULL" for column in columns)
        return self.connection.execute(f"SELECT {chosen} FROM {quote(parent.name)} WHERE {given}").fetchall()


@dataclass(frozen=True)
class _TablePlan:
    """The facts about a table that its rows are made from."""

    table: Table
    columns: tuple[Column, ...]
    kinds: dict[str, StoredType]
    checks: Checks

    @classmethod
    def of(cls, table: Table) -> _TablePlan:
        columns = tuple(column for column in table.columns if column.generated is None)
        return cls(
            table, columns, {fold(one.name): StoredType.in_table(table, one) for one in columns}, Checks.of(table)
        )

    def given(self, given: Given) -> dict[str, Callable[[], Value]]:
        names = {fold(column.name): f"{fold(self.table.name)}.{fold(column.name)}" for column in self.columns}
        return {name: given[full] for name, full in names.items() if full in given}

    def may_be_null(self, column: Column) -> bool:
        return column.not_null is None and not is_in_key(self.table, column.name)

    def may_be_null_by_name(self, name: str) -> bool:
        column = self.table.column(name)
        return column is not None and self.may_be_null(column)

    def refers_to_itself(self, column: Column) -> bool:
        own = [key for key in self.table.foreign_keys if fold(key.table) == fold(self.table.name)]
        is_own = any(fold(column.name) in map(fold, key.columns) for key in own)
        return is_own and not is_in_key(self.table, column.name)
