"""Decides about virtual tables: they keep copies of the text, and words of it, in tables of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ....errors import Code, Problem
from ....masking.masker import MaskKind
from ....masking.rules import Rules, Whole
from ....schema import lexer
from ....schema.model import Schema, Sql
from ....schema.names import fold, quote
from ..connection import Connection
from ..objects import OWN_PREFIX
from ..rebuild.external_content import arguments
from .columns import Masking

_OF_NUMBERS = frozenset({"rtree", "rtree_i32", "geopoly"})  # boxes with the ids of rows elsewhere
_FULL_TEXT = frozenset({"fts3", "fts4", "fts5"})


class Content(Enum):
    """The origin of a virtual table's content in the copy."""

    COPIED = "as it is"
    MASKED = "row by row"
    REBUILT = "from the table that has its text"
    NONE = "not at all"


@dataclass(frozen=True, slots=True)
class Virtual:
    """A virtual table. `shadows`: the tables that store its content."""

    name: str
    content: Content
    shadows: tuple[str, ...]
    kinds: Mapping[str, MaskKind]


def columns_of(connection: Connection, schema: Schema) -> dict[str, tuple[str, ...]]:
    """The columns of each virtual table of the connection's file."""
    query = "SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0"
    names = [table.name for table in schema.tables if table.virtual is not None]
    return {name: tuple(column for (column,) in connection.execute(query, (name,))) for name in names}


def decide(
    schema: Schema, shadows: frozenset[str], rules: Rules, masking: Masking
) -> tuple[list[Virtual], list[Problem]]:
    """Return each virtual table with the origin of its content, and the problems of those for which the rules are
    incomplete."""
    found, problems = list[Virtual](), list[Problem]()
    names = sorted((fold(t.name) for t in schema.tables if t.virtual is not None), key=len, reverse=True)
    of = {one: next((name for name in names if one.startswith(f"{name}_")), "") for one in shadows}
    for table in schema.tables:
        if table.virtual is not None:
            own = tuple(sorted(shadow for shadow, owner in of.items() if owner == fold(table.name)))
            content = _content(table.name, table.virtual, own, schema, rules, masking)
            if isinstance(content, Problem):
                problems.append(content)
            else:
                found.append(Virtual(table.name, content, own, rules.of(table.name)))
    return found, problems


def _content(
    name: str, virtual: Sql, shadows: tuple[str, ...], schema: Schema, rules: Rules, masking: Masking
) -> Content | Problem:
    module = fold(lexer.tokens(virtual.text)[0].value)
    whole, kinds = rules.whole_of(name), rules.of(name)
    if not shadows or whole is Whole.EMPTY:
        return Content.NONE
    if whole is Whole.KEEP or (module in _OF_NUMBERS and not kinds):
        return Content.COPIED
    if module not in _FULL_TEXT:
        return _bad(name, f'the module "{module}" of the virtual table "{name}" is not one that can be masked', WHOLE)
    text = arguments(virtual)
    if text is None or text.content is None:
        return _of_own_text(name, kinds)
    if text.content == "":
        message = f'the full-text index "{name}" keeps words, and no text that could be masked'
        return _bad(name, message, WHOLE)
    if kinds:
        return _bad(name, f'the text of "{name}" is in "{text.content}"', f'Name columns of "{text.content}" instead.')
    table = schema.table(text.content)
    is_same = table is not None and not masking.of(table.name) and fold(table.name) not in masking.empty
    return Content.COPIED if is_same else Content.REBUILT


WHOLE = 'Leave it empty in the copy ("empty"), or keep it as it is ("keep").'


def _of_own_text(name: str, kinds: Mapping[str, MaskKind]) -> Content | Problem:
    if not kinds:
        message = f'the full-text table "{name}" has a text of its own, and the rules say nothing of it'
        return _bad(name, message, f"Name its columns. {WHOLE}")
    return Content.MASKED if set(kinds.values()) != {MaskKind.KEEP} else Content.COPIED


def _bad(name: str, message: str, hint: str) -> Problem:
    return Problem(Code.BAD_MASK, message, hint, {"table": name})


def write_pending(connection: Connection) -> None:
    """Make full-text tables write the words that they keep in memory until a savepoint or the end of the transaction:
    integrity_check misses them otherwise."""
    connection.execute(f"SAVEPOINT {OWN_PREFIX}pending")
    connection.execute(f"RELEASE {OWN_PREFIX}pending")


def rebuild(connection: Connection, found: Sequence[Virtual]) -> None:
    """Rebuild the indexes of text that is in other tables."""
    names = [one.name for one in found if one.content is Content.REBUILT]
    if names:
        connection.execute("PRAGMA writable_schema=RESET").fetchall()  # FTS4 caches the columns of its content
    for name in names:
        connection.execute(f"INSERT INTO {quote(name)} ({quote(name)}) VALUES ('rebuild')")
    write_pending(connection)
