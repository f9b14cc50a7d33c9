"""Parses SQL expressions into trees, as far as Django has equivalents for them.

Precedence is SQLite's: https://www.sqlite.org/lang_expr.html#operators
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..schema import lexer
from ..schema.lexer import Token, TokenKind
from ..schema.names import KEYWORDS, fold


class Unsupported(ValueError):
    """The expression has a part that this module does not parse."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, by its folded name."""

    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """A literal. Booleans are 1 and 0, as in SQLite."""

    value: str | bytes | int | float | None


@dataclass(frozen=True, slots=True)
class Operation:
    """`operator` is the canonical one: `=`, `<>`, `is`, `and`, `+`, …"""

    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Not:
    operand: Tree


@dataclass(frozen=True, slots=True)
class Function:
    """A call, with its name in lower case."""

    name: str
    args: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class In:
    operand: Tree
    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Between:
    operand: Tree
    low: Tree
    high: Tree


@dataclass(frozen=True, slots=True)
class IsNull:
    operand: Tree


Tree = Column | Value | Operation | Not | Function | In | Between | IsNull

COMPARED = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "is": "is", "like": "like", "glob": "glob"}
LEVELS = (("<", "<=", ">", ">="), ("&", "|", "<<", ">>"), ("+", "-"), ("*", "/", "%"), ("||",))


@lru_cache(maxsize=1024)
def parse(sql: str) -> Tree:
    """Return the tree of an expression. Raises Unsupported for other syntax, such as CASE and subqueries."""
    reader = _Reader(lexer.tokens(sql))
    found = reader.either()
    if reader.token is not None:
        raise Unsupported(sql)
    return found


class _Reader:
    def __init__(self, parts: Sequence[Token]) -> None:
        self.parts, self.at = parts, 0

    @property
    def token(self) -> Token | None:
        return self.parts[self.at] if self.at < len(self.parts) else None

    def take(self, *texts: str) -> bool:
        """Consume these tokens and return True if they are next."""
        there = self.parts[self.at : self.at + len(texts)]
        found = tuple(_operator(token) for token in there) == texts
        self.at += len(texts) if found else 0
        return found

    def need(self, text: str) -> None:
        if not self.take(text):
            raise Unsupported(text)

    def either(self) -> Tree:
        found = self.both()
        while self.take("or"):
            found = Operation("or", found, self.both())
        return found

    def both(self) -> Tree:
        found = self.negated()
        while self.take("and"):
            found = Operation("and", found, self.negated())
        return found

    def negated(self) -> Tree:
        return Not(self.negated()) if self.take("not") else self.compared()

    def compared(self) -> Tree:
        found = self.level(0)
        while (more := self.predicate(found)) is not None:
            found = more
        return found

    def predicate(self, left: Tree) -> Tree | None:
        """Parse a comparison, IN, BETWEEN or IS NULL after the operand `left`; return None if there is none."""
        for words, result in ((("is", "not", "null"), Not(IsNull(left))), (("is", "null"), IsNull(left))):
            if self.take(*words):
                return result
        if self.take("notnull") or self.take("not", "null"):
            return Not(IsNull(left))
        if self.take("isnull"):
            return IsNull(left)
        if self.take("is", "not"):
            return Not(Operation("is", left, self.level(0)))
        if self.take("not"):
            found = self.predicate(left)
            if found is None or not isinstance(found, In | Between | Operation):
                raise Unsupported("not")
            return Not(found)
        if self.take("in"):
            return In(left, self.items())
        if self.take("between"):
            low = self.level(0)
            self.need("and")
            return Between(left, low, self.level(0))
        for text, operator in COMPARED.items():
            if self.take(text):
                return Operation(operator, left, self.level(0))
        return None

    def level(self, number: int) -> Tree:
        if number == len(LEVELS):
            return self.signed()
        found = self.level(number + 1)
        while (operator := next((one for one in LEVELS[number] if self.take(one)), None)) is not None:
            found = Operation(operator, found, self.level(number + 1))
        return found

    def signed(self) -> Tree:
        if self.take("-"):
            operand = self.signed()
            if isinstance(operand, Value) and isinstance(operand.value, int | float):
                return Value(-operand.value)
            return Operation("-", Value(0), operand)
        return self.signed() if self.take("+") else self.operand()

    def operand(self) -> Tree:
        if self.take("("):
            found = self.either()
            self.need(")")
            return found
        token = self.token
        if token is None:
            raise Unsupported("an operand is missing")
        self.at += 1
        return self.word(token) if token.kind in (TokenKind.WORD, TokenKind.QUOTED) else _literal(token)

    def word(self, token: Token) -> Tree:
        if token.word in ("null", "true", "false"):
            return Value({"null": None, "true": 1, "false": 0}[token.word])
        if token.word in KEYWORDS - {"replace"} or (self.token is not None and self.token.text == "."):
            raise Unsupported(token.text)
        if self.token is not None and self.token.text == "(":
            return Function(fold(token.value), self.items())
        return Column(fold(token.value))

    def items(self) -> tuple[Tree, ...]:
        self.need("(")
        found: list[Tree] = []
        while not self.take(")"):
            if found:
                self.need(",")
            found.append(self.either())
        return tuple(found)


def _operator(token: Token) -> str:
    """Return the token as an operator or keyword; '' for a value."""
    return token.word or (token.text if token.kind is TokenKind.OPERATOR else "")


def _literal(token: Token) -> Value:
    match token.kind:
        case TokenKind.STRING:
            return Value(token.value)
        case TokenKind.BLOB:
            return Value(bytes.fromhex(token.text[2:-1]))
        case TokenKind.NUMBER:
            return Value(_number(token.text))
        case _:
            raise Unsupported(token.text)


def _number(text: str) -> int | float:
    plain = text.replace("_", "").lower()
    if plain.startswith("0x"):
        return int(plain, 16)
    found = int(plain) if plain.isdigit() else float(plain)
    if found in (math.inf, -math.inf):
        raise Unsupported(text)
    return found
