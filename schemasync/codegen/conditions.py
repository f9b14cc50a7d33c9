"""Translates trees of SQL expressions into Django's: conditions into Q objects, values into expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from .code import Call, Code, Infix, Invert, ListOf, Literal, TupleOf
from .field_types import PythonKind
from .sql_expression import Between, Column, Function, In, IsNull, Not, Operation, Tree, Unsupported, Value

LOOKUPS = {"=": "", "is": "", "<": "__lt", "<=": "__lte", ">": "__gt", ">=": "__gte"}
CLASSES = {
    "=": "Exact",
    "<": "LessThan",
    "<=": "LessThanOrEqual",
    ">": "GreaterThan",
    ">=": "GreaterThanOrEqual",
}
FLIPPED = {"=": "=", "is": "is", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
ARITHMETIC = frozenset("+-*/")
FUNCTIONS = {
    "lower": ("Lower", 1),
    "upper": ("Upper", 1),
    "length": ("Length", 1),
    "abs": ("Abs", 1),
    "trim": ("Trim", 1),
    "ltrim": ("LTrim", 1),
    "rtrim": ("RTrim", 1),
    "nullif": ("NullIf", 2),
}

FieldValue = Callable[[str, str | bytes | int | float | None], Code]
"""Maps a folded column and a literal to the Python value in a comparison with the field."""


NUMBERS = frozenset({PythonKind.INTEGER, PythonKind.REAL, PythonKind.DECIMAL})


class Translation:
    """Translates expressions of one table. `fields` maps folded column names to field names; `kinds` maps the columns
    that Django can calculate with to their kinds."""

    def __init__(self, fields: Mapping[str, str], kinds: Mapping[str, PythonKind], value: FieldValue) -> None:
        self.fields, self.kinds, self.value = fields, kinds, value

    def kind(self, tree: Tree) -> PythonKind:
        """Return the kind of the value of an expression. Raises Unsupported if Django finds no type for it."""
        match tree:
            case Column(name) if name in self.kinds:
                return self.kinds[name]
            case Value(int()):
                return PythonKind.INTEGER
            case Value(str()):
                return PythonKind.TEXT
            case Operation(_, left, right):
                return _combined({self.kind(left), self.kind(right)})
            case Function("length", (operand,)) if self.kind(operand) is PythonKind.TEXT:
                return PythonKind.INTEGER
            case Function("abs", (operand,)) if self.kind(operand) in NUMBERS:
                return self.kind(operand)
            case Function("coalesce" | "nullif", args) if len(kinds := set(map(self.kind, args))) == 1:
                return kinds.pop()
            case Function(_, (operand,)) if self.kind(operand) is PythonKind.TEXT:
                return PythonKind.TEXT
            case _:
                raise Unsupported(str(tree))

    def condition(self, tree: Tree) -> Code:
        """Return a Q object. Raises Unsupported for a condition that Django would write with another meaning."""
        match tree:
            case Operation("and" | "or" as word, left, right):
                return Infix(self.condition(left), "&" if word == "and" else "|", self.condition(right))
            case Not(IsNull(operand)):
                return self._lookup(operand, "__isnull", Literal(False))
            case Not(operand):
                return Invert(self.condition(operand))
            case IsNull(operand):
                return self._lookup(operand, "__isnull", Literal(True))
            case In(Column(name), items):
                return self._lookup(Column(name), "__in", ListOf(tuple(self._literal(name, one) for one in items)))
            case Between(Column(name), low, high):
                pair = TupleOf((self._compared(name, low), self._compared(name, high)))
                return self._lookup(Column(name), "__range", pair)
            case Operation(operator, left, right) if operator in FLIPPED:
                return self._comparison(operator, left, right)
            case _:
                raise Unsupported(str(tree))

    def _comparison(self, operator: str, left: Tree, right: Tree) -> Code:
        if isinstance(right, Column) and not isinstance(left, Column):
            return self._comparison(FLIPPED[operator], right, left)
        if operator == "<>":
            return Invert(self._comparison("=", left, right))
        if isinstance(right, Value) and right.value is None:
            raise Unsupported("a comparison with NULL")
        if isinstance(left, Column):
            return self._lookup(left, LOOKUPS[operator], self._compared(left.name, right))
        if operator not in CLASSES or isinstance(left, Value):
            raise Unsupported(operator)
        return Call("models.Q", (Call(CLASSES[operator], (self.expression(left), self.expression(right))),))

    def _lookup(self, operand: Tree, lookup: str, value: Code) -> Call:
        if not isinstance(operand, Column):
            raise Unsupported(str(operand))
        return Call("models.Q", (), ((self.field(operand.name) + lookup, value),))

    def _compared(self, name: str, tree: Tree) -> Code:
        return self._literal(name, tree) if isinstance(tree, Value) else self.expression(tree)

    def _literal(self, name: str, tree: Tree) -> Code:
        if not isinstance(tree, Value) or tree.value is None:
            raise Unsupported(str(tree))
        return self.value(name, tree.value)

    def field(self, name: str) -> str:
        """Return the field of a folded column. Raises Unsupported if it has none."""
        if name not in self.fields:
            raise Unsupported(name)
        return self.fields[name]

    def expression(self, tree: Tree) -> Code:
        """Return an expression for a value. Raises Unsupported like `condition`."""
        if not isinstance(tree, Column | Value):
            self.kind(tree)
        match tree:
            case Column(name):
                return Call("models.F", (Literal(self.field(name)),))
            case Value(value):
                return Call("models.Value", (Literal(value),))
            case Operation(_, Value(), Value()):
                raise Unsupported("a constant")
            case Operation(operator, left, right) if operator in ARITHMETIC:
                if not (isinstance(left, Value) or isinstance(right, Value)):
                    return Infix(self.expression(left), operator, self.expression(right))
                return Infix(self._number(left), operator, self._number(right))
            case Function(name, args) if name in FUNCTIONS and len(args) == FUNCTIONS[name][1]:
                return Call(FUNCTIONS[name][0], tuple(map(self._argument, args)))
            case Function("coalesce", args) if len(args) > 1:
                return Call("Coalesce", tuple(map(self._argument, args)))
            case Operation() | Not() | Function() | In() | Between() | IsNull():
                raise Unsupported(str(tree))
            case _:
                assert_never(tree)

    def _number(self, tree: Tree) -> Code:
        if isinstance(tree, Value):
            if not isinstance(tree.value, int | float):
                raise Unsupported(str(tree))
            return Literal(tree.value)
        return self.expression(tree)

    def _argument(self, tree: Tree) -> Code:
        return Literal(self.field(tree.name)) if isinstance(tree, Column) else self.expression(tree)


def _combined(kinds: set[PythonKind]) -> PythonKind:
    """Return the kind of a calculation with values of these kinds."""
    if not kinds <= NUMBERS or len(kinds - {PythonKind.INTEGER}) > 1:
        raise Unsupported("Django does not calculate with these types")
    return (kinds - {PythonKind.INTEGER} or kinds).pop()
