"""Checks the SELECT of each derived table with SQLite, and finds the tables that it reads.

The SELECT reads the old database under the name `old`. A name without it means another derived table, in the new
database, which is filled first.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import Code, Problem, Refused
from ...plan.model import Locate, Selection
from ...schema import lexer
from ...schema.lexer import Token, TokenKind
from ...schema.model import Column, Derivation, Schema, Table
from ...schema.names import fold, quote
from ...schema.text import nearest
from . import ddl
from .by_key import key_pairs
from .connection import Connection, Opener
from .dry_run import is_volatile
from .mapping import is_lost_in_subqueries
from .name_errors import hint_for
from .objects import is_internal, is_own, objects
from .rebuild.start import attach_old
from .unknown_names import error_of
from .validate import undisguised_sql

JSON_TABLES = frozenset({"json_each", "json_tree"})  # table-valued functions that read only their arguments

# Deterministic to SQLite, unless an argument is the present time or the time zone of the process.
_DATES = frozenset("date time datetime julianday strftime unixepoch timediff".split())
_PRESENT = frozenset({"now", "localtime", "utc"})
_DETERMINISTIC = 0x800  # https://www.sqlite.org/c3ref/c_deterministic.html


@dataclass(frozen=True, slots=True)
class DerivedTable:
    """A table of the new schema, with the derivation that fills it."""

    table: Table
    derivation: Derivation

    @property
    def sql(self) -> str:
        return self.derivation.select.text


def selections(
    path: Path, opener: Opener, tables: Sequence[DerivedTable], there: Schema, new: Schema, place: Locate
) -> dict[str, Selection]:
    """Return the result of the check for each of the tables, by its name. `there`: everything in the database at
    `path`, which the caller has open. Raises Refused with all problems."""
    found: dict[str, Selection] = {}
    problems: list[Problem] = []
    if not tables:
        return found
    with closing(temporary_with_old(opener, path)) as connection:
        check = _Check(connection, opener, tables, there, new)
        for one in tables:
            selected = check.selection(one)
            if isinstance(selected, Selection):
                found[one.table.name] = selected
            else:
                problems += [_problem(one, place, fault) for fault in selected]
    if not problems:
        problems = [_problem(one, place, _CIRCLE) for one in tables if _is_in_circle(one.table.name, found)]
    if problems:
        raise Refused(problems)
    return found


def temporary_with_old(opener: Opener, path: Path) -> Connection:
    """A temporary database; an existing one, which the caller has open, is attached as `old` for reading only."""
    connection = opener.temporary()
    try:
        attach_old(connection, path, closed=not opener.is_writable(path))
        opener.attach_archive(connection)  # after it: a name alone means a table of the first file that has it
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class _Fault:
    message: str
    hint: str


_CIRCLE = _Fault(
    "its _from reads a table whose _from reads this one", 'Read one of them as it was: "old" and the name, with a dot.'
)


def _problem(one: DerivedTable, place: Locate, fault: _Fault) -> Problem:
    where = place(one.table.name, "")
    message = f'the _from of "{one.table.name}": {fault.message}'
    facts = {"table": one.table.name, "select": one.sql}
    return Problem(Code.BAD_FROM, f"{where}: {message}" if where else message, fault.hint, facts)


def _is_in_circle(name: str, found: Mapping[str, Selection]) -> bool:
    by_name = {fold(table): selected.after for table, selected in found.items()}
    reached: set[str] = set()
    waiting = set(by_name[fold(name)])
    while waiting:
        reached |= waiting
        waiting = {other for one in waiting for other in by_name[one]} - reached
    return fold(name) in reached


@dataclass(slots=True)
class _Used:
    """Collects the names that a statement uses, as SQLite's authorizer. `tables`: (database, folded name). `views`:
    folded names of the views and common table expressions that it reads through."""

    tables: set[tuple[str, str]] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    views: set[str] = field(default_factory=set)

    def __call__(self, action: int, first: str | None, second: str | None, schema: str | None, by: str | None) -> int:
        """Answer the authorizer. https://www.sqlite.org/c3ref/set_authorizer.html"""
        if action == sqlite3.SQLITE_READ and first:
            self.tables.add((schema or "", fold(first)))
        elif action == sqlite3.SQLITE_FUNCTION and second:
            self.functions.add(fold(second))
        if by:
            self.views.add(fold(by))
        return sqlite3.SQLITE_OK


@contextmanager
def _used(connection: Connection) -> Iterator[_Used]:
    used = _Used()
    connection.set_authorizer(used)
    try:
        yield used
    finally:
        connection.set_authorizer(None)


class _Check:
    """Checks the names that a SELECT uses. The temporary database has a table for every name in either database, so
    that a name without `old` never means a table of the old one."""

    def __init__(
        self, connection: Connection, opener: Opener, tables: Sequence[DerivedTable], there: Schema, new: Schema
    ) -> None:
        self.connection, self.opener = connection, opener
        self.derived = {fold(one.table.name) for one in tables}
        self.readable = {fold(table.name): table for table in there.tables if table.virtual is None}
        self.virtual = {fold(table.name) for table in there.tables if table.virtual is not None}
        self.views = {fold(o.name): o.sql for o in objects(connection, "old") if o.type == "view"}
        named = {fold(table.name): table for table in (*there.tables, *new.tables)}
        stand_ins = [Table(t.name, tuple(Column(c.name) for c in t.columns) or (Column("x"),)) for t in named.values()]
        stand_ins += [Table(name, (Column("x"),)) for name in self.views.keys() - named.keys()]
        for table in stand_ins:
            connection.execute(ddl.create_table(table))
        for name in JSON_TABLES:  # a module reads the schema at its first use; SQLite may lack these
            error_of(connection, f"SELECT 1 FROM {name}('[]')")
        query = f"SELECT DISTINCT name FROM pragma_function_list WHERE type = 's' AND NOT flags & {_DETERMINISTIC}"
        self.volatile = {fold(name) for (name,) in connection.execute(query)}
        query = "SELECT DISTINCT name FROM pragma_function_list WHERE type <> 's'"
        self.aggregates = {fold(name) for (name,) in connection.execute(query)}

    def selection(self, one: DerivedTable) -> Selection | list[_Fault]:
        try:
            text = undisguised_sql(one.derivation.select).text
            with _used(self.connection) as used:
                result = self.connection.execute(f"SELECT * FROM ({text}\n) LIMIT 0")
            names = [str(column[0]) for column in result.description]
        except (sqlite3.Error, sqlite3.Warning) as error:
            hint = hint_for(str(error)) or "Tables and columns have the names of the old database: FROM old.NAME"
            return [_Fault(f"SQLite refuses it: {error}", hint)]
        faults = [*self._tables(one, used), *self._functions(one, used), *_columns(one.table, names)]
        if not faults:
            faults = list(self._as_a_whole(one, names))
        if faults:
            return faults
        columns = tuple(column.name for name in names if (column := one.table.column(name)) is not None)
        tables = [self.readable[name] for schema, name in used.tables if self._is_read(schema, name)]
        after = frozenset(name for schema, name in used.tables if schema == "main" and name in self.derived)
        volatile = tuple(column.name for column in one.table.columns if self._is_volatile(column, columns))
        key = key_pairs(one.sql, tables[0], one.table) if self._is_row_by_row(used, tables, after) else ()
        return Selection(columns, tuple(sorted(table.name for table in tables)), after, volatile, key)

    def _is_row_by_row(self, used: _Used, tables: Sequence[Table], after: frozenset[str]) -> bool:
        """Return True if it reads one table, through no view, and has no aggregate."""
        return len(tables) == 1 and not after and not used.views and not used.functions & self.aggregates

    def _is_read(self, schema: str, name: str) -> bool:
        return schema == "old" and name in self.readable

    def _is_volatile(self, column: Column, selected: Sequence[str]) -> bool:
        default = None if column.name in selected else column.default
        return default is not None and is_volatile(self.opener, None, default.text)

    def _tables(self, one: DerivedTable, used: _Used) -> Iterator[_Fault]:
        others = {name for schema, name in used.tables if schema == "old" and self._is_virtual(name)}
        for schema, name in sorted(used.tables):
            if others and is_internal(name):
                continue  # a virtual table reads the schema at its first use
            if schema == "main" and name == fold(one.table.name):
                yield _Fault("it reads the table that it fills", f"To read its rows of before: old.{one.table.name}")
            elif schema == "main" and name not in self.derived | JSON_TABLES:
                yield _Fault(
                    f'"{name}" alone means a table of the new database, and only those with a _from can be read',
                    f"To read the table of the old database: old.{name}",
                )
            elif schema == "old" and (is_internal(name) or is_own(name)):
                yield _Fault(f'it reads "{name}", which SQLite or schemasync keeps for itself', "Read other tables.")
        for name in sorted(others & self.virtual or others):  # a virtual table reads its parts itself
            yield _Fault(
                f'it reads "{name}", a virtual table or a part of one, whose writes cannot be followed',
                "Read the table that holds the text.",
            )

    def _is_virtual(self, name: str) -> bool:
        """Return True for a virtual table of the old database, and for a table in which one keeps its content."""
        return not (name in self.readable or name in self.views or is_internal(name) or is_own(name))

    def _functions(self, one: DerivedTable, used: _Used) -> Iterator[_Fault]:
        hint = "The SELECT runs again to verify the table, and must have the same result. Use constants, or a default."
        for name in sorted(used.functions & self.volatile):
            yield _Fault(f"{name} gives another value each time", hint)
        if dates := used.functions & _DATES:
            texts = [one.sql, *(self.views[name] for name in sorted(used.views & self.views.keys()))]
            if any(_reads_the_clock(lexer.tokens(text)) for text in texts):
                yield _Fault(f"{', '.join(sorted(dates))} depends on the present time or on the time zone", hint)

    def _as_a_whole(self, one: DerivedTable, names: Sequence[str]) -> Iterator[_Fault]:
        """Yield a fault if SQLite does not compile the statement that fills the table: it must be a single SELECT."""
        columns = ", ".join(map(quote, names))
        try:
            self.connection.execute(f"EXPLAIN INSERT INTO main.{quote(one.table.name)} ({columns}) {one.sql}")
        except (sqlite3.Error, sqlite3.Warning) as error:
            yield _Fault(f"SQLite refuses it: {error}", "It is one SELECT, as it would follow INSERT INTO.")


def _columns(table: Table, names: Sequence[str]) -> Iterator[_Fault]:
    """Yield faults in the names of the result's columns: each must be a column of the table."""
    if lost := [column.name for column in table.columns if is_lost_in_subqueries(column.name)]:
        yield _Fault(f'SQLite cannot name its column "{lost[0]}" in a subquery', "Give the column another name.")
        return
    counts = Counter(map(fold, names))
    for name in names:
        column = table.column(name)
        if column is None:
            near = nearest(name, [column.name for column in table.columns])
            hint = f"Each column has the name of one of the table, for example: AS {near or table.columns[0].name}"
            yield _Fault(f'its result has a column "{name}", which the table does not have', hint)
        elif column.generated is not None:
            yield _Fault(f'"{column.name}" is a generated column, which cannot be filled', "Leave it out.")
        elif counts[fold(name)] > 1:
            yield _Fault(f'its result has several columns "{column.name}"', "Leave in one.")
    alias = table.rowid_column
    if alias is not None and fold(alias) not in counts:
        yield _Fault(
            f'its result lacks "{alias}", the primary key, so that each run would give the rows other ids',
            f"Select a key that the old rows have, such as min(id) of a group, or number the rows in an order without "
            f"ties: row_number() OVER (ORDER BY …) AS {quote(alias)}",
        )


def _reads_the_clock(tokens: Sequence[Token]) -> bool:
    """Return True if the present time or the time zone is an argument, or a date function has no argument."""
    for number, token in enumerate(tokens):
        if token.kind is TokenKind.STRING and fold(token.value.strip()) in _PRESENT:
            return True
        after = [other.text for other in tokens[number + 1 : number + 4]]
        if token.word in _DATES and after[:2] == ["(", ")"]:
            return True
        if token.word == "strftime" and after[:1] == ["("] and after[2:] == [")"]:
            return True
    return False
