"""Fills a schema with rows that fit it. SQLite judges each row; what it refuses is drawn again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from ..engines.sqlite.connection import Connection, Opener
from ..engines.sqlite.validate import build
from ..schema.model import Column, ForeignKey, Schema, Table
from ..schema.names import fold, quote
from .choices import Choices, DrawnChoices, RandomChoices, one_in, one_of
from .domains import Checks, Domain, beside
from .rows import Value, insert
from .values import Kind, value

TRIES = 80  # for one row
GIVEN_UP = 3  # rows of one table that could not be made, one after the other

Given = Mapping[str, Callable[[], Value]]
"""Makes the values of some columns, by `Table.column`."""

Key = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """Rows by table, parents first. `failed`: for each table with no row, the last error of SQLite."""

    rows: dict[str, list[dict[str, Value]]]
    failed: dict[str, str]


def fill(
    schema: Schema,
    choices: Choices,
    *,
    tables: Collection[str] | None = None,
    rows: int = 3,
    is_exact: bool = True,
    given: Given | None = None,
    opener: Opener | None = None,
) -> Filled:
    """Make `rows` rows for each of these tables, or for all, and for what they refer to; without `is_exact`, as many up
    to that as the choices say. Foreign keys hold. Virtual tables get none. Raises ValueError for an unknown name."""
    opener = opener or Opener()
    _check_given(schema, given or {})
    wanted = _wanted(schema, tables)
    with closing(opener.memory()) as connection:
        build(connection, schema)
        filling = _Filling(
            schema, connection, choices, rows, is_exact, {_folded(name): make for name, make in (given or {}).items()}
        )
        filling.tables(list(_in_order(schema, wanted)))
    found = _without_dangling(filling.rows, schema, opener)
    failed = {name: error for name, error in filling.errors.items() if not found.get(name)}
    return Filled(found, failed)


def _folded(name: str) -> str:
    table, _, column = name.rpartition(".")
    return f"{fold(table)}.{fold(column)}"


def _check_given(schema: Schema, given: Given) -> None:
    for full in given:
        name, _, column = full.rpartition(".")
        table = schema.table(name)
        if table is None or table.column(column) is None:
            raise ValueError(f"the schema has no column {full!r}; name it as Table.column")


def _wanted(schema: Schema, tables: Collection[str] | None) -> set[str]:
    """The folded names of the tables, and of all that they refer to."""
    if tables is None:
        return {fold(table.name) for table in schema.tables}
    unknown = [name for name in tables if schema.table(name) is None]
    if unknown:
        raise ValueError(f"the schema has no table {', '.join(unknown)}")
    found, ahead = set[str](), list(map(fold, tables))
    while ahead:
        name = ahead.pop()
        table = schema.table(name)
        if name not in found and table is not None:
            found.add(name)
            ahead += [fold(key.table) for key in table.foreign_keys]
    return found


def _in_order(schema: Schema, wanted: set[str]) -> Iterator[Table]:
    """Parents before children. In a circle, a table all whose references to the rest may be NULL comes first."""
    left = {fold(table.name): table for table in schema.tables if table.virtual is None and fold(table.name) in wanted}

    def waits_for(table: Table) -> tuple[int, int]:
        open_keys = [
            key for key in table.foreign_keys if fold(key.table) in left and fold(key.table) != fold(table.name)
        ]
        return sum(not _may_be_null(table, key) for key in open_keys), len(open_keys)

    while left:
        name = min(left, key=lambda one: (waits_for(left[one]), one))
        yield left.pop(name)


def _may_be_null(table: Table, key: ForeignKey) -> bool:
    columns = [column for name in key.columns if (column := table.column(name)) is not None]
    return any(column.not_null is None and not _in_key(table, column.name) for column in columns)


def _in_key(table: Table, name: str) -> bool:
    key = table.primary_key
    return key is not None and any(fold(part.column or "") == fold(name) for part in key.columns)


@dataclass
class _Filling:
    """`promised`: keys that a table will have, as rows that refer to it were made before it."""

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
        """Fill all. What triggers demand of other tables shows only in SQLite's refusal: a table that got no row is
        tried again when the others have theirs."""
        left = list(tables)
        while left:
            for table in left:
                self.table(table)
            empty = [table for table in left if not self.rows[table.name]]
            left = empty if len(empty) < len(left) else []

    def table(self, table: Table) -> None:
        """Fill one table, which comes last among the rows. If a row cannot be made, there are fewer."""
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
        """Insert one row; the first try is as drawn, later ones are at random."""
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
        """The number from which the simple values of a row are made: its own, then that of another row, such as one
        that a trigger looks for, then one that no row has."""
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
        domain = beside(domains.get(name, Domain()), known)
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
        """Choose the columns of a foreign key: a row of the parent, NULL, the row itself, or a promise."""
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
        """One of these keys; mostly one that no row of the table has yet, as the reference may have to be unique."""
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
        """What the rows of the parent have in these columns, in the order of insertion as far as SQLite keeps it."""
        chosen = ", ".join(map(quote, columns))
        given = " AND ".join(f"{quote(column)} IS NOT NULL" for column in columns)
        return self.connection.execute(f"SELECT {chosen} FROM {quote(parent.name)} WHERE {given}").fetchall()


@dataclass(frozen=True)
class _TablePlan:
    """What is known of a table before its rows."""

    table: Table
    columns: tuple[Column, ...]
    kinds: dict[str, Kind]
    checks: Checks

    @classmethod
    def of(cls, table: Table) -> _TablePlan:
        columns = tuple(column for column in table.columns if column.generated is None)
        return cls(table, columns, {fold(one.name): Kind.in_table(table, one) for one in columns}, Checks.of(table))

    def given(self, given: Given) -> dict[str, Callable[[], Value]]:
        names = {fold(column.name): f"{fold(self.table.name)}.{fold(column.name)}" for column in self.columns}
        return {name: given[full] for name, full in names.items() if full in given}

    def may_be_null(self, column: Column) -> bool:
        return column.not_null is None and not _in_key(self.table, column.name)

    def may_be_null_by_name(self, name: str) -> bool:
        column = self.table.column(name)
        return column is not None and self.may_be_null(column)

    def refers_to_itself(self, column: Column) -> bool:
        own = [key for key in self.table.foreign_keys if fold(key.table) == fold(self.table.name)]
        return any(fold(column.name) in map(fold, key.columns) for key in own) and not _in_key(self.table, column.name)


def _without_dangling(
    rows: dict[str, list[dict[str, Value]]], schema: Schema, opener: Opener
) -> dict[str, list[dict[str, Value]]]:
    """Without the rows whose references lead nowhere, which are those to a row that could not be made."""
    while True:
        with closing(opener.memory()) as connection:
            build(connection, schema)
            rows = {name: [row for row in found if _inserted(connection, name, row)] for name, found in rows.items()}
            found = connection.execute("PRAGMA foreign_key_check").fetchall()
            dangling = {fold(name) for name, _, parent, _ in found if schema.table(parent) is not None}
            if not dangling:
                return rows
            rows = {
                name: _referring(connection, schema, name, found) if fold(name) in dangling else found
                for name, found in rows.items()
            }


def _referring(
    connection: Connection, schema: Schema, name: str, rows: list[dict[str, Value]]
) -> list[dict[str, Value]]:
    """The rows whose references are found; none, if that does not show which are not."""
    found = [row for row in rows if not _dangles(connection, schema, name, row)]
    return found if len(found) < len(rows) else []


def _inserted(connection: Connection, table: str, row: Mapping[str, Value]) -> bool:
    try:
        return insert(connection, {table: [row]}) == 1
    except sqlite3.Error:
        return False


def _dangles(connection: Connection, schema: Schema, name: str, row: Mapping[str, Value]) -> bool:
    table = schema.table(name)
    assert table is not None
    values = {fold(column): one for column, one in row.items()}
    for key in table.foreign_keys:
        parent = schema.table(key.table)
        own = [values.get(fold(column)) for column in key.columns]
        if parent is None or any(one is None for one in own):
            continue
        primary = parent.primary_key.columns if parent.primary_key is not None else ()
        there = key.references or tuple(part.column or "" for part in primary)
        given = " AND ".join(f"{quote(column)} = ?" for column in there)
        if connection.execute(f"SELECT 1 FROM {quote(parent.name)} WHERE {given}", own).fetchone() is None:
            return True
    return False
