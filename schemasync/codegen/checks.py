"""Read choices, range and length of one column from its CHECK constraints."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ..schema.model import Check, Table
from ..schema.names import fold
from .code import Call, Choices, Literal
from .field_types import PythonKind
from .glob import as_regex
from .naming import field_name, free, member_name, words
from .sql_expression import Between, Column, Function, In, IsNull, Not, Operation, Tree, Unsupported, Value, parse

MANY = 60  # values: nobody wants to read a longer list as an enumeration


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """A CHECK about one column: `tree` without `… IS NULL OR`, which a CHECK does not need."""

    check: Check
    tree: Tree


def about(table: Table, column: str) -> Iterator[ColumnCheck]:
    """Yield the CHECKs whose only column is this one."""
    for check in table.checks:
        try:
            tree = parse(check.expression.canonical)
        except Unsupported:
            continue
        if columns(tree) == {fold(column)}:
            yield ColumnCheck(check, without_null(tree, fold(column)))


def columns(tree: Tree) -> set[str]:
    """Return the folded names of all columns in the tree."""
    match tree:
        case Column(name):
            return {name}
        case Value():
            return set()
        case Function(_, parts):
            return set[str]().union(*map(columns, parts))
        case In(operand, items):
            return columns(operand).union(*map(columns, items))
        case Between(operand, low, high):
            return columns(operand) | columns(low) | columns(high)
        case Operation(_, left, right):
            return columns(left) | columns(right)
        case _:
            return columns(tree.operand)


def negated(tree: Tree) -> set[str]:
    """Return the folded columns of all negated comparisons: Django adds to these that the column is not NULL."""
    match tree:
        case Not(IsNull()):
            return set()
        case Not(operand):
            return columns(operand)
        case Operation("<>", left, right):
            return columns(left) | columns(right)
        case Operation("and" | "or", left, right):
            return negated(left) | negated(right)
        case _:
            return set()


def negated_twice(tree: Tree) -> set[str]:
    """Return the folded columns of negated comparisons inside of a negation."""
    match tree:
        case Not(operand):
            return negated(operand)
        case Operation("and" | "or", left, right):
            return negated_twice(left) | negated_twice(right)
        case _:
            return set()


def same(one: Tree, other: Tree, numbers: Collection[str]) -> bool:
    """True if two conditions mean the same, although Django and people spell some conditions differently. `numbers`:
    folded columns that convert a text to a number before they compare it."""
    return _spelled(one, numbers) == _spelled(other, numbers)


def _spelled(tree: Tree, numbers: Collection[str]) -> Tree:
    """Return the tree in one spelling: `<>` as NOT =, numbers as numbers, the items of IN sorted."""

    def inner(one: Tree) -> Tree:
        return _spelled(one, numbers)

    match tree:
        case Operation("<>", left, right):
            return Not(_spelled(Operation("=", left, right), numbers))
        case Operation(operator, Column(name) as left, Value(value)) if name in numbers:
            return Operation(operator, left, Value(_as_number(value)))
        case Operation(operator, left, right):
            return Operation(operator, inner(left), inner(right))
        case In(Column(name) as operand, items):
            found = [
                Value(_as_number(one.value)) if isinstance(one, Value) and name in numbers else one for one in items
            ]
            return In(operand, tuple(sorted(found, key=repr)))
        case Between(Column(name) as operand, Value(low), Value(high)) if name in numbers:
            return Between(operand, Value(_as_number(low)), Value(_as_number(high)))
        case Not(operand):
            return Not(inner(operand))
        case Function(name, args):
            return Function(name, tuple(map(inner, args)))
        case _:
            return tree


def _as_number(value: str | bytes | int | float | None) -> str | bytes | int | float | None:
    try:
        return float(value) if isinstance(value, str | int) else value
    except (ValueError, OverflowError):
        return value


def without_null(tree: Tree, column: str) -> Tree:
    """Return `a` of `c IS NULL OR a` and `a OR c IS NULL`, as a CHECK always holds for NULL; other trees unchanged."""
    is_null = IsNull(Column(column))
    if isinstance(tree, Operation) and tree.operator == "or" and is_null in (tree.left, tree.right):
        return tree.left if tree.right == is_null else tree.right
    return tree


def values(tree: Tree, column: str) -> list[str] | list[int] | None:
    """Return the values of `c IN (…)` if they are all texts or all integers and at most MANY, otherwise None."""
    if not isinstance(tree, In) or tree.operand != Column(fold(column)) or not 0 < len(tree.items) <= MANY:
        return None
    found = [item.value for item in tree.items if isinstance(item, Value)]
    if len(found) < len(tree.items):
        return None
    for one in (str, int):
        if all(type(value) is one for value in found):
            return list(dict.fromkeys(found))  # type: ignore[return-value]
    return None


def is_boolean(tree: Tree, column: str) -> bool:
    """True for `c IN (0, 1)`."""
    return values(tree, column) in ([0, 1], [1, 0])


def enumeration(column: str, found: Sequence[str | int], taken: set[str]) -> Choices:
    """Return the enumeration for these values, named after the column."""
    base = "TextChoices" if isinstance(found[0], str) else "IntegerChoices"
    name = "".join(word.capitalize() for word in words(field_name(column))) or "Choice"
    name = free(name if name.isidentifier() and name not in taken else f"{name}Choices", taken)
    members: list[tuple[str, str | int, str | None]] = []
    names: set[str] = set()
    for value in found:
        member = free(member_name(value), names)
        names.add(member)
        members.append((member, value, _label(member, value)))
    return Choices(name, f"models.{base}", tuple(members))


def _label(member: str, value: str | int) -> str | None:
    """Return a label if Django's own, made from the member's name, would not show the value; otherwise None."""
    return None if member == str(value).replace(" ", "_").replace("-", "_").upper() else str(value)


def validators(tree: Tree, column: str, kind: PythonKind) -> tuple[Call, ...] | None:
    """Return Django's validators that are equivalent to the condition; None if there are none."""
    own = Column(fold(column))
    match tree:
        case Operation("and", left, right):
            one, other = validators(left, column, kind), validators(right, column, kind)
            return None if one is None or other is None else (*one, *other)
        case Between(operand, low, high):
            both = validators(Operation(">=", operand, low), column, kind)
            more = validators(Operation("<=", operand, high), column, kind)
            return None if both is None or more is None else (*both, *more)
        case Operation(operator, Function("length", (operand,)), Value(int() as value)) if operand == own:
            return _limits(operator, value, "Length") if kind is PythonKind.TEXT else None
        case Operation("glob", operand, Value(str() as pattern)) if operand == own and kind is PythonKind.TEXT:
            regex = as_regex(pattern)
            return None if regex is None else (Call("RegexValidator", (Literal(regex),)),)
        case Operation(operator, operand, Value(int() as value)) if operand == own:
            if kind is PythonKind.INTEGER:
                return _limits(operator, value, "Value")
            if kind in (PythonKind.DECIMAL, PythonKind.REAL) and operator in (">=", "<="):
                return _limits(operator, value, "Value")
            return None
        case _:
            return None


def _limits(operator: str, value: int, what: str) -> tuple[Call, ...] | None:
    match operator:
        case ">=" | ">":
            return (Call(f"Min{what}Validator", (Literal(value + (operator == ">")),)),)
        case "<=" | "<":
            return (Call(f"Max{what}Validator", (Literal(value - (operator == "<")),)),)
        case _:
            return None
