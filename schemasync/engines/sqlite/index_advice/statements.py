"""The statements that an index can help: SELECT, UPDATE and DELETE, and the columns that SQLite reads for them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ....metrics.totals import Spent
from ....schema import lexer
from ....schema.names import fold
from .. import query_plans
from ..connection import Connection

MOST = 2000  # different statements: each is planned some hundred times at most, which takes milliseconds
_OWN = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
)
_LITERALS = (lexer.TokenKind.STRING, lexer.TokenKind.NUMBER, lexer.TokenKind.BLOB)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A statement, with the number and seconds of its runs (0 seconds if unknown). `reads`: how often it names each
    (folded table, folded column). `plan`: how SQLite runs it now."""

    sql: str
    spent: Spent
    reads: Mapping[tuple[str, str], int]
    plan: tuple[str, ...]

    @property
    def weight(self) -> float:
        """The cost of the statement, for comparisons: its seconds, or the number of its runs if these are unknown."""
        return self.spent.seconds or float(self.spent.count)


@dataclass(slots=True)
class Sample:
    """The statements of an application. `other`: the number that are no SELECT, UPDATE or DELETE. `failed`: the number
    that do not compile. `more`: the number beyond the first `MOST` different ones."""

    asked: list[Asked] = field(default_factory=list)
    other: int = 0
    failed: int = 0
    more: int = 0


def in_log(text: str) -> Iterator[str]:
    """Yield the statements of a log: separated by semicolons, or one on each line if no line ends with a semicolon."""
    lines = text.splitlines()
    for part in [text] if any(map(sqlite3.complete_statement, lines)) else lines:
        yield from query_plans.statements(part)


def counted(log: Iterable[str]) -> dict[str, Spent]:
    """Count each statement. Statements that differ only in their values count as one."""
    first: dict[str, str] = {}
    times: Counter[str] = Counter()
    for sql in log:
        times[first.setdefault(_without_values(sql), sql)] += 1
    return {sql: Spent(count) for sql, count in times.items()}


def _without_values(sql: str) -> str:
    return " ".join("?" if one.kind in _LITERALS else one.canonical() for one in lexer.tokens(sql))


def sample(connection: Connection, found: Mapping[str, Spent]) -> Sample:
    """Classify the statements and read their plans from SQLite, those with the most time first. None of them is run."""
    known = Sample()
    for sql, spent in sorted(found.items(), key=lambda one: (-one[1].seconds, -one[1].count)):
        if len(known.asked) == MOST:
            known.more += spent.count
        else:
            _ask(connection, sql, spent, known)
    return known


def _ask(connection: Connection, sql: str, spent: Spent, known: Sample) -> None:
    asks = _Questions()
    connection.set_authorizer(asks)
    try:
        plan, _ = query_plans.explained(connection, sql)
    finally:
        connection.set_authorizer(None)
    if asks.is_other:
        known.other += spent.count
    elif plan is None:
        known.failed += spent.count
    else:
        known.asked.append(Asked(sql, spent, asks.reads, plan))


@dataclass(slots=True)
class _Questions:
    """Collects the columns that a statement reads, as SQLite's authorizer.
    https://www.sqlite.org/c3ref/set_authorizer.html"""

    reads: Counter[tuple[str, str]] = field(default_factory=Counter)
    is_other: bool = False

    def __call__(self, action: int, first: str | None, second: str | None, _schema: str | None, by: str | None) -> int:
        if action not in _OWN and by is None:  # a trigger may use any table
            self.is_other = True
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_READ and first and second:
            self.reads[fold(first), fold(second)] += 1
        return sqlite3.SQLITE_OK
