"""Compares how SQLite would run statements on two files: https://www.sqlite.org/eqp.html."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...schema import lexer
from .connection import Connection, Opener

# a whole table is read, rows are sorted or collected, or an index is made for one run
_WORSE = ("SCAN ", "USE TEMP B-TREE", "AUTOMATIC ")
_NO_TABLE = "SCAN CONSTANT ROW"


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """The lines of SQLite's plan for a statement on the old file and on the new one, one for each loop; None if it does
    not compile there, and then `error` gives the reason."""

    statement: str
    before: tuple[str, ...] | None
    after: tuple[str, ...] | None
    error: str = ""

    @property
    def is_worse(self) -> bool:
        """True if it no longer compiles, or reads a whole table, sorts, or makes an index for one run more often."""
        if self.before is None or self.after is None:
            return self.before is not None
        return any(_times(self.after, word) > _times(self.before, word) for word in _WORSE)


def _times(plan: tuple[str, ...], word: str) -> int:
    return sum(word in line and line != _NO_TABLE for line in plan)


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script, as SQLite divides it."""
    begun = ""
    for part in script.split(";"):
        begun += part + ";"
        if sqlite3.complete_statement(begun):
            if (found := begun.strip().rstrip(";").strip()) and _has_words(found):
                yield found
            begun = ""
    if _has_words(begun.strip().rstrip(";")):
        yield begun.strip().rstrip(";").strip()


def _has_words(text: str) -> bool:
    """Return False for comments alone: SQLite compiles them to nothing."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            return connection.execute(f"EXPLAIN {text}").description is not None
        except sqlite3.Error as error:
            return "incomplete input" not in str(error)


def query_plans(opener: Opener, old: Path, new: Path, script: str) -> tuple[QueryPlan, ...]:
    """Return the plans of each statement of a script. No statement is run."""
    with closing(opener.read(old)) as before, closing(opener.read(new)) as after:
        return tuple(_both(before, after, statement) for statement in statements(script))


def _both(old: Connection, new: Connection, statement: str) -> QueryPlan:
    (before, why_not_before), (after, why_not) = explained(old, statement), explained(new, statement)
    errors = [why for plan, why in ((after, why_not), (before, why_not_before)) if plan is None]
    return QueryPlan(statement, before, after, errors[0] if errors else "")


def explained(connection: Connection, statement: str) -> tuple[tuple[str, ...] | None, str]:
    """Return (the plan of a statement, '') with a line for each loop, or (None, why it does not compile). It is not
    run."""
    try:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {_named_places(statement)}", _Unbound())
        return tuple(str(row[3]) for row in rows), ""
    except sqlite3.Error as error:
        return None, str(error)


class _Unbound(dict[str, None]):
    """A mapping with a value for every named parameter: the plan does not depend on it."""

    def __missing__(self, name: str) -> None:
        return None


@lru_cache(maxsize=64)  # one statement is planned many times in a row
def _named_places(statement: str) -> str:
    """Return the statement with a name for each `?`: the module sqlite3 does not report how many values it needs."""
    pieces, last = [], 0
    for number, token in enumerate(lexer.tokens(statement)):
        if token.kind is lexer.TokenKind.VARIABLE and token.text[0] == "?":
            pieces += [statement[last : token.start], f":_{token.text[1:] or f'p{number}'}"]
            last = token.end
    return "".join([*pieces, statement[last:]])
