"""Reads CREATE statements, as sqlite_schema stores them, into the same values as schema.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import lexer
from .column import read_column
from .constraint import is_table_constraint, read_constraints
from .expression import DefinitionError, Scope, expression, indexed_column
from .lexer import Token, TokenKind
from .model import Sql, Trigger
from .names import fold, spell
from .normalize import IndexParts
from .parts import TableParts


@dataclass(frozen=True, slots=True)
class TableStatement:
    """A CREATE TABLE that was read. `scope` holds its column names, for its indexes."""

    parts: TableParts
    scope: Scope
    strict: bool
    without_rowid: bool


def read_table(sql: str) -> TableStatement:
    """Read a CREATE TABLE. Raises DefinitionError for anything else."""
    parts = lexer.tokens(sql)
    opening = next((i for i, token in enumerate(parts) if token.text == "("), -1)
    if opening < 0:
        raise DefinitionError("CREATE TABLE without columns")
    end = lexer.closing(parts, opening)
    pieces = lexer.split(parts[opening + 1 : end])
    columns = [piece for piece in pieces if not is_table_constraint(piece)]
    scope = Scope({fold(piece[0].value): piece[0].value for piece in columns}, lenient=True)
    into = TableParts()
    for piece in pieces:
        if is_table_constraint(piece):
            read_constraints(sql, scope, into, piece)
        else:
            read_column(sql, piece[0].value, scope, into, piece[1:])
    options = {token.word for token in parts[end + 1 :]}
    return TableStatement(into, scope, "strict" in options, "rowid" in options)


def read_index(sql: str, scope: Scope) -> IndexParts:
    """Read a CREATE INDEX on the table whose columns are in `scope`."""
    parts = lexer.tokens(sql)
    on = _find(parts, "on")
    opening = next(i for i in range(on, len(parts)) if parts[i].text == "(")
    end = lexer.closing(parts, opening)
    columns = tuple(indexed_column(sql, run, scope) for run in lexer.split(parts[opening + 1 : end]))
    rest = parts[end + 1 :]
    where = expression(sql, rest[1:], scope) if rest and rest[0].word == "where" else None
    unique = any(token.word == "unique" for token in parts[:2])
    return IndexParts(parts[on - 1].value, columns, where, unique)


def read_virtual(sql: str) -> Sql:
    """Return the text after USING. Its case is kept, because the module defines its arguments."""
    parts = lexer.tokens(sql)
    using = _find(parts, "using")
    return virtual_text(lexer.source(sql, parts[using + 1 :]))


def virtual_text(text: str) -> Sql:
    """A module and its arguments in normal form: blanks collapsed, the module's name in lower case."""
    parts = lexer.tokens(text)
    if not parts:
        raise DefinitionError("a virtual table needs a module")
    words = [fold(parts[0].value), *(token.text for token in parts[1:])]
    return Sql(" ".join(words), text)


def read_view(sql: str) -> tuple[tuple[str, ...], Sql]:
    """(columns, select) of a CREATE VIEW."""
    parts = lexer.tokens(sql)
    at = _find(parts, "view") + 2  # SQLite stores it without IF NOT EXISTS and without the database
    columns: tuple[str, ...] = ()
    if parts[at].text == "(":
        end = lexer.closing(parts, at)
        columns = tuple(run[0].value for run in lexer.split(parts[at + 1 : end]))
        at = end + 1
    return columns, statement(lexer.source(sql, parts[at + 1 :]))


def read_trigger(name: str, sql: str) -> Trigger:
    """The trigger, with the SQL after its name as its body."""
    parts = lexer.tokens(sql)
    return Trigger(name, statement(lexer.source(sql, parts[_find(parts, "trigger") + 2 :])))


def statement(text: str) -> Sql:
    """A SELECT or a trigger's body in normal form, without trailing semicolons."""
    parts = lexer.tokens(text)
    while parts and parts[-1].text == ";":
        parts = parts[:-1]
    return Sql(lexer.join(parts), lexer.source(text, parts))


def trigger_table(body: Sql) -> str:
    """The name after the ON of a trigger's body, '' if there is none."""
    name = _after_on(body)
    return name.value if name is not None else ""


def on_table(body: Sql, name: str) -> Sql:
    """The trigger's body with ON that table; its statements stay as written."""
    old = _after_on(body)
    return body if old is None else statement(body.text[: old.start] + spell(name) + body.text[old.end :])


def _after_on(body: Sql) -> Token | None:
    parts = lexer.tokens(body.text)
    for index, token in enumerate(parts[:-1]):
        if token.word == "on":
            following = parts[index + 1]
            return following if following.kind is not TokenKind.OPERATOR else None
    return None


def _find(parts: Sequence[Token], word: str) -> int:
    for index, token in enumerate(parts):
        if token.word == word:
            return index
    raise DefinitionError(f"{word.upper()} is missing")
