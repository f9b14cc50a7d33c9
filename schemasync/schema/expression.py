"""Reads expressions and indexed columns into normal form, and checks the names that they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import lexer
from .lexer import Token, TokenKind
from .model import IndexedColumn, Sql
from .names import ROWID_NAMES, fold, string_literal

_AWAITING_OPERAND = frozenset(
    "and or not is in like glob match regexp escape between case when then else collate from".split()
)


class DefinitionError(ValueError):
    """The text is not a definition; the message gives the reason in a phrase."""


class DoubleQuotedString(DefinitionError):
    """A double-quoted word names no column, so SQLite would silently read it as a string."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(f'"{word}" names no column, so SQLite would read it as the string')


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that an expression of a table may use: folded name -> the name as spelled.

    `lenient` reads a double-quoted word that names no column as a string, as SQLite does; otherwise it is refused.
    """

    columns: Mapping[str, str]
    lenient: bool = False

    def spelled(self, name: str) -> str:
        """The column as its own definition spells it; an unknown name unchanged."""
        return self.columns.get(fold(name), name)

    def is_name(self, before: Token | None, token: Token, after: Token | None) -> bool:
        """True if a double-quoted word cannot be a string, because of its value or its position."""
        return (
            fold(token.value) in self.columns
            or fold(token.value) in ROWID_NAMES
            or (after is not None and after.text in ("(", "."))
            or (before is not None and (before.text == "." or before.word in ("collate", "as")))
        )


def check_single(sql: str) -> tuple[Token, ...]:
    """Return the tokens of one definition. Raises DefinitionError if the text is empty, or has more than one
    definition."""
    found = lexer.tokens(sql, comments=True)
    depth = 0
    for token in found:
        if token.kind is TokenKind.ILLEGAL:
            raise DefinitionError(f"{token.text!r} is not SQL here")
        if token.kind is TokenKind.VARIABLE:
            raise DefinitionError(f"a definition takes no parameter ({token.text})")
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
            if depth < 0:
                raise DefinitionError("a ) closes nothing")
        elif token.kind is TokenKind.COMMENT and (depth == 0 or not _closed(token)):
            raise DefinitionError("a comment may stand only inside parentheses, and closed")
        elif token.text == ";" or (token.text == "," and depth == 0):
            raise DefinitionError(f"a {token.text!r} would make two definitions of it")
    if depth:
        raise DefinitionError("a ( is not closed")
    return tuple(token for token in found if token.kind is not TokenKind.COMMENT)


def _closed(comment: Token) -> bool:
    return comment.text.startswith("--") or (comment.text.endswith("*/") and len(comment.text) >= 4)


def expression(sql: str, parts: Sequence[Token], scope: Scope) -> Sql:
    """The expression (of at least one token) in normal form. Raises DoubleQuotedString if the scope is not lenient."""
    words, pieces, last = [], [], parts[0].start
    for index, token in enumerate(parts):
        before = parts[index - 1] if index else None
        after = parts[index + 1] if index + 1 < len(parts) else None
        if token.double_quoted and not scope.is_name(before, token, after):
            if not scope.lenient:
                raise DoubleQuotedString(token.value)
            string = string_literal(token.value)
            pieces += [sql[last : token.start], string]
            last = token.end
            words.append(string)
        else:
            words.append(token.canonical())
    return Sql(" ".join(words), "".join([*pieces, sql[last : parts[-1].end]]))


def indexed_column(sql: str, parts: Sequence[Token], scope: Scope) -> IndexedColumn:
    """`a`, `a COLLATE x DESC` or an expression. https://www.sqlite.org/syntax/indexed-column.html"""
    if not parts:
        raise DefinitionError("a column is missing between commas")
    rest, descending = parts, False
    if len(rest) > 1 and rest[-1].word in ("asc", "desc") and _ends_operand(rest[-2]):
        descending = rest[-1].word == "desc"
        rest = rest[:-1]
    token, collation = _lone_name(rest)
    if token is not None and fold(token.value) in scope.columns:
        return IndexedColumn(column=scope.spelled(token.value), collation=collation, descending=descending)
    found = expression(sql, rest, scope)
    if len(rest) == 1 and rest[0].double_quoted:
        found = Sql(found.canonical, rest[0].text)  # an old index over the string `"x"`: SQLite refuses it as 'x'
    return IndexedColumn(expression=found, descending=descending)


def _ends_operand(token: Token) -> bool:
    """False if an operand must follow the token: then DESC is the name of a column."""
    return token.text == ")" or (token.kind is not TokenKind.OPERATOR and token.word not in _AWAITING_OPERAND)


def _lone_name(parts: Sequence[Token]) -> tuple[Token | None, str | None]:
    """The name and the outermost collation, if there is only one name with parentheses and COLLATE.

    SQLite ignores both: PRIMARY KEY ((x)) is PRIMARY KEY (x).
    """
    collation = None
    while len(parts) > 2:
        if parts[0].text == "(" and lexer.closing(parts, 0) == len(parts) - 1:
            parts = parts[1:-1]
        elif parts[-2].word == "collate":
            collation = collation or fold(parts[-1].value)
            parts = parts[:-2]
        else:
            break
    return (parts[0] if len(parts) == 1 and is_nameable(parts[0]) else None), collation


def is_nameable(token: Token) -> bool:
    """True if SQLite accepts the token as a name."""
    return token.kind in (TokenKind.WORD, TokenKind.QUOTED, TokenKind.STRING)
