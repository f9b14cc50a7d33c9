"""Derive simple demands on columns from the CHECKs of a table. A CHECK may have alternatives: a row must meet one.

This only guides the choice of values, because SQLite checks every row. CHECKs that are not understood are left to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..codegen.sql_expression import (
    Between,
    Column,
    Function,
    In,
    IsNull,
    Not,
    Operation,
    Tree,
    Unsupported,
    Value,
    parse,
)
from ..schema import lexer
from ..schema.lexer import TokenKind
from ..schema.model import Table
from ..schema.names import fold
from .choices import Choices, one_of
from .rows import Value as SqlValue

FLIPPED = {"=": "=", "is": "is", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
NEGATED = {"=": "<>", "<>": "=", "is": "<>", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
SAME_LENGTH = frozenset({"lower", "upper"})
OF_THE_VALUE = frozenset({"coalesce", "ifnull", "lower", "upper", "trim", "ltrim", "rtrim", "abs", "round", "date"})
TRANSPARENT = frozenset({"coalesce", "ifnull", "abs", "round"})


@dataclass
class Domain:
    """Demands on the value of one column. `options`: the only values; `low` and `high` are included; `compared_with`:
    columns that it is compared with, each with the operator."""

    options: list[SqlValue] | None = None
    excluded: list[SqlValue] = field(default_factory=list)
    null: bool | None = None
    low: SqlValue = None
    high: SqlValue = None
    shortest: int = 0
    longest: int | None = None
    pattern: str = ""
    is_json: bool = False
    kind: str = ""
    form: str = ""
    compared_with: list[tuple[str, str]] = field(default_factory=list)

    def narrow(self, options: Sequence[SqlValue]) -> None:
        """Allow only those of the options that were allowed before; all of them, if none was."""
        self.options = [one for one in options if self.options is None or one in self.options] or list(options)

    def at_least(self, value: SqlValue) -> None:
        self.low = value if self.low is None or _less(self.low, value) else self.low

    def at_most(self, value: SqlValue) -> None:
        self.high = value if self.high is None or _less(value, self.high) else self.high


def _less(one: SqlValue, other: SqlValue) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one < other
    return isinstance(one, str) and isinstance(other, str) and one < other


@dataclass(frozen=True)
class Checks:
    """The CHECKs of a table: syntax trees; and the literals of CHECKs that cannot be parsed, as guesses for columns."""

    trees: tuple[Tree, ...] = ()
    guesses: dict[str, tuple[SqlValue, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Table) -> Checks:
        trees: list[Tree] = []
        guesses: dict[str, tuple[SqlValue, ...]] = {}
        for check in table.checks:
            try:
                tree = parse(check.expression.canonical)
            except Unsupported:
                literals = tuple(_literals(check.expression.canonical))
                guesses |= {
                    name: (*guesses.get(name, ()), *literals) for name in _names(check.expression.canonical, table)
                }
            else:
                trees.append(tree)
        return cls(tuple(trees), guesses)

    def domains(self, choices: Choices) -> dict[str, Domain]:
        """Return one way to meet all CHECKs: demands by folded column."""
        found: dict[str, Domain] = {}
        for tree in self.trees:
            _demand(tree, True, found, choices)
        return found


def _literals(sql: str) -> Iterator[SqlValue]:
    for token in lexer.tokens(sql):
        if token.kind is TokenKind.STRING:
            yield token.value
        elif token.kind is TokenKind.NUMBER and token.text.isdigit():
            yield int(token.text)


def _names(sql: str, table: Table) -> list[str]:
    words = {fold(token.value) for token in lexer.tokens(sql) if token.kind in (TokenKind.WORD, TokenKind.QUOTED)}
    return [fold(column.name) for column in table.columns if fold(column.name) in words]


def _demand(tree: Tree, holds: bool, found: dict[str, Domain], choices: Choices) -> None:
    """Add demands that make the condition hold, or not hold."""
    match tree:
        case Not(operand):
            _demand(operand, not holds, found, choices)
        case Operation("and" | "or" as word, left, right):
            if (word == "and") == holds:
                _demand(left, holds, found, choices)
                _demand(right, holds, found, choices)
            else:
                _demand(one_of(choices, (right, left) if _allows_null(left) else (left, right)), holds, found, choices)
        case IsNull(Column(name)):
            found.setdefault(name, Domain()).null = holds
        case In(operand, items):
            _one_of(operand, [item.value for item in items if isinstance(item, Value)], holds, found)
        case Between(operand, low, high):
            if holds:
                _demand(Operation(">=", operand, low), True, found, choices)
                _demand(Operation("<=", operand, high), True, found, choices)
            else:
                side = one_of(choices, (Operation("<", operand, low), Operation(">", operand, high)))
                _demand(side, True, found, choices)
        case Operation("<>", IsNull(), IsNull()):
            _exclusive(tree, holds, found, choices)
        case Operation(operator, left, right) if operator in FLIPPED:
            _compare(operator if holds else NEGATED[operator], left, right, found)
        case Operation("glob" | "like", operand, Value(str() as pattern)) if holds:
            if (domain := _domain(operand, found)) is not None:
                domain.pattern = pattern.replace("%", "*").replace("_", "?") if tree.operator == "like" else pattern
        case Function("json_valid", (operand, *_)) if holds:
            if (domain := _domain(operand, found)) is not None:
                domain.is_json = True
        case Column(name):
            _one_of(tree, [1 if holds else 0], True, found)
        case _:
            pass


def _allows_null(tree: Tree) -> bool:
    return isinstance(tree, IsNull)


def _exclusive(tree: Operation, holds: bool, found: dict[str, Domain], choices: Choices) -> None:
    """Add demands for `(a IS NULL) <> (b IS NULL)`: exactly one of both is NULL."""
    first = bool(choices.below(2))
    _demand(tree.left, first, found, choices)
    _demand(tree.right, first != holds, found, choices)


def _domain(tree: Tree, found: dict[str, Domain]) -> Domain | None:
    """Return the domain of the column that the expression is about; None if it is no single column."""
    match tree:
        case Column(name):
            return found.setdefault(name, Domain())
        case Function(name, (Column(column), *_)) if name in OF_THE_VALUE:
            return found.setdefault(column, Domain())
        case _:
            return None


def _one_of(operand: Tree, values: list[SqlValue], holds: bool, found: dict[str, Domain]) -> None:
    match operand:
        case Function("typeof", (Column(name),)) if holds and values:
            found.setdefault(name, Domain()).kind = str(values[0])
        case Function("length", (Column(name),)) if holds:
            numbers = [value for value in values if isinstance(value, int)]
            domain = found.setdefault(name, Domain())
            domain.shortest, domain.longest = min(numbers, default=0), min(numbers, default=None)
        case _:
            domain_or_none = _domain(operand, found)
            if domain_or_none is not None and holds:
                domain_or_none.narrow(values)
            elif domain_or_none is not None:
                domain_or_none.excluded += values


def _compare(operator: str, left: Tree, right: Tree, found: dict[str, Domain]) -> None:
    match left, right:
        case Value(), Value():
            return
        case Value(), _:
            _compare(FLIPPED[operator], right, left, found)
        case Function("length", (Column(name),)), Value(int() as number):
            _length(found.setdefault(name, Domain()), operator, number)
        case Column(name), Function(function, (Column(same), *_)) if name == same:
            found.setdefault(name, Domain()).form = function
        case Function(function, (Column(same), *_)), Column(name) if name == same:
            found.setdefault(name, Domain()).form = function
        case Column(name), Column(other):
            found.setdefault(name, Domain()).compared_with.append((operator, other))
            found.setdefault(other, Domain()).compared_with.append((FLIPPED[operator], name))
        case _, Value(value) if operator in ("=", "is"):
            _one_of(left, [value], True, found)
        case _, Value(value) if operator == "<>":
            _one_of(left, [value], False, found)
        case _, Value(value):
            if (domain := _domain(left, found)) is not None:
                _bound(domain, operator, value)
        case _:
            return


def _length(domain: Domain, operator: str, number: int) -> None:
    if operator in ("=", "is", ">", ">="):
        domain.shortest = max(domain.shortest, number + (operator == ">"))
    if operator in ("=", "is", "<", "<="):
        most = number - (operator == "<")
        domain.longest = most if domain.longest is None else min(domain.longest, most)
    if operator == "<>" and number == 0:
        domain.shortest = max(domain.shortest, 1)


def _bound(domain: Domain, operator: str, value: SqlValue) -> None:
    if operator in (">", ">="):
        domain.at_least(value)
    else:
        domain.at_most(value)
    if operator in ("<", ">"):
        domain.excluded.append(value)


def narrowed(domain: Domain, known: dict[str, SqlValue]) -> Domain:
    """Return the domain, narrowed by the known values of the columns that it is compared with."""
    found = replace(domain, excluded=list(domain.excluded))
    for operator, other in domain.compared_with:
        if known.get(other) is None:
            continue
        if operator in ("=", "is"):
            found.narrow([known[other]])
        elif operator == "<>":
            found.excluded.append(known[other])
        else:
            _bound(found, operator, known[other])
    return found
