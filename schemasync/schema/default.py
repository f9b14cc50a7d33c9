"""The DEFAULT of a column: a literal, a signed number or an expression in parentheses."""

from __future__ import annotations

from collections.abc import Sequence

from . import lexer
from .expression import DefinitionError, DoubleQuotedString, Scope, expression
from .lexer import Token, TokenKind
from .model import Sql
from .names import string_literal
from .reader import DefinitionReader

_LITERAL_WORDS = ("null", "true", "false", "current_time", "current_date", "current_timestamp")


def read_default(reader: DefinitionReader) -> Sql | None:
    """Read a DEFAULT: a literal, a signed number or an expression in parentheses. DEFAULT NULL reads as None.

    SQLite reads an unquoted or quoted word as a string, except TRUE, FALSE and the CURRENT_… words.
    """
    if reader.peek("("):
        return _bare_default(reader.sql, reader.group(), reader.scope)
    begin = reader.at
    if reader.peek("+") or reader.peek("-"):
        reader.next()
    token = reader.next()
    if token.kind in (TokenKind.OPERATOR, TokenKind.ILLEGAL):
        raise DefinitionError(f"DEFAULT takes no {token.text!r}")
    if token.kind is TokenKind.QUOTED or (token.kind is TokenKind.WORD and token.word not in _LITERAL_WORDS):
        if not reader.scope.lenient:
            raise DoubleQuotedString(token.value)
        return Sql(string_literal(token.value))
    return _bare_default(reader.sql, reader.parts[begin : reader.at], reader.scope)


def _bare_default(sql: str, parts: Sequence[Token], scope: Scope) -> Sql | None:
    while len(parts) > 1 and parts[0].text == "(" and lexer.closing(parts, 0) == len(parts) - 1:
        parts = parts[1:-1]
    if not parts:
        raise DefinitionError("DEFAULT is empty")
    found = expression(sql, parts, scope)
    return None if found.canonical == "null" else found


def is_literal(default: str) -> bool:
    """True if the text may follow DEFAULT without parentheses: a literal, or a number with its sign."""
    *sign, last = lexer.tokens(default)
    if sign:
        return len(sign) == 1 and sign[0].text in "+-" and last.kind is TokenKind.NUMBER
    return last.kind in (TokenKind.NUMBER, TokenKind.STRING, TokenKind.BLOB) or last.word in _LITERAL_WORDS
