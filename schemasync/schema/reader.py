"""Reads one definition word by word: keywords, names, lists, and groups in parentheses."""

from __future__ import annotations

from collections.abc import Sequence

from . import lexer
from .expression import DefinitionError, Scope, expression, is_nameable
from .lexer import Token
from .model import Sql
from .names import upper_ascii


class DefinitionReader:
    """A cursor over the tokens of one definition."""

    def __init__(self, sql: str, parts: Sequence[Token], scope: Scope) -> None:
        self.sql, self.parts, self.scope, self.at = sql, parts, scope, 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.parts)

    def peek(self, *words: str) -> bool:
        """True if the next tokens are these keywords or marks."""
        if self.at + len(words) > len(self.parts):
            return False
        for index, word in enumerate(words, self.at):  # a loop, as most calls end with the first word
            token = self.parts[index]
            if (token.word or token.text) != word:
                return False
        return True

    def take(self, *words: str) -> bool:
        """Skip these keywords if they come next; return whether they did."""
        if not self.peek(*words):
            return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        if not self.take(*words):
            raise DefinitionError(f"{upper_ascii(' '.join(words))} expected {self.where()}")

    def where(self) -> str:
        if self.done:
            return "at the end"
        return f"at {lexer.source(self.sql, self.parts[self.at :])[:40]!r}"

    def next(self) -> Token:
        if self.done:
            raise DefinitionError("something is missing at the end")
        self.at += 1
        return self.parts[self.at - 1]

    def name(self) -> str:
        """Read a name: as in SQLite an unquoted word, a quoted name or a string."""
        token = self.next()
        if not is_nameable(token):
            raise DefinitionError(f"a name expected instead of {token.text!r}")
        return token.value

    def group(self) -> Sequence[Token]:
        """Read a group; return the tokens between its parentheses."""
        if not self.peek("("):
            raise DefinitionError(f"( expected {self.where()}")
        end = lexer.closing(self.parts, self.at)  # there is one, as `check_single` and SQLite ensure
        inside = self.parts[self.at + 1 : end]
        self.at = end + 1
        return inside

    def group_expression(self) -> Sql:
        inside = self.group()
        if not inside:
            raise DefinitionError("an expression is missing between ( and )")
        return expression(self.sql, inside, self.scope)

    def names(self) -> tuple[str, ...]:
        """Read a parenthesised list of at least one name."""
        result = []
        for run in lexer.split(self.group()) or [()]:
            if len(run) != 1 or not is_nameable(run[0]):
                raise DefinitionError("a list of column names expected")
            result.append(run[0].value)
        return tuple(result)

    def conflict(self) -> str | None:
        """Read an ON CONFLICT clause; None if there is none, and for the default ABORT."""
        if not self.take("on", "conflict"):
            return None
        word = self.next().word
        if word not in ("rollback", "abort", "fail", "ignore", "replace"):
            raise DefinitionError("ON CONFLICT takes ROLLBACK, ABORT, FAIL, IGNORE or REPLACE")
        return None if word == "abort" else upper_ascii(word)
