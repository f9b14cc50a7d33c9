"""Writes models as the source of a module: imports, and a class for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from .code import Call, Choices, Code, Infix, Invert, ListOf, Literal, ModelClass, Name, TupleOf
from .layout import INDENT, WIDTH, assignment, class_header, docstring

MODULES = {
    "Decimal": "decimal",
    "settings": "django.conf",
    "MaxLengthValidator": "django.core.validators",
    "MaxValueValidator": "django.core.validators",
    "MinLengthValidator": "django.core.validators",
    "MinValueValidator": "django.core.validators",
    "RegexValidator": "django.core.validators",
    "models": "django.db",
    "RawSQL": "django.db.models.expressions",
    "Abs": "django.db.models.functions",
    "Coalesce": "django.db.models.functions",
    "Collate": "django.db.models.functions",
    "LTrim": "django.db.models.functions",
    "Length": "django.db.models.functions",
    "Lower": "django.db.models.functions",
    "NullIf": "django.db.models.functions",
    "RTrim": "django.db.models.functions",
    "Trim": "django.db.models.functions",
    "Upper": "django.db.models.functions",
    "Exact": "django.db.models.lookups",
    "GreaterThan": "django.db.models.lookups",
    "GreaterThanOrEqual": "django.db.models.lookups",
    "LessThan": "django.db.models.lookups",
    "LessThanOrEqual": "django.db.models.lookups",
}
"""Maps each name that generated code uses to its module."""


def imports(models: Sequence[ModelClass]) -> dict[str, list[str]]:
    """Map each module to the names that the models need from it, both sorted."""
    needed = {"models"} if models else set()
    needed |= {path.partition(".")[0] for model in models for path in _paths(model)}
    found: dict[str, list[str]] = {}
    for name in sorted(needed & MODULES.keys()):
        found.setdefault(MODULES[name], []).append(name)
    return {module: found[module] for module in sorted(found)}


def import_lines(found: dict[str, list[str]]) -> list[str]:
    """Return the import statements, those of the standard library first."""
    own = [module for module in found if not module.startswith("django")]
    lines = [line for module in own for line in _import(module, found[module])]
    if own and len(found) > len(own):
        lines.append("")
    return lines + [line for module in found if module not in own for line in _import(module, found[module])]


def _import(module: str, names: Sequence[str]) -> list[str]:
    one = f"from {module} import {', '.join(names)}"
    if len(one) <= WIDTH:
        return [one]
    return [f"from {module} import (", *(f"{INDENT}{name}," for name in names), ")"]


def class_lines(model: ModelClass) -> list[str]:
    """Return the lines of the class statement."""
    lines = class_header(model.name, "models.Model")
    if model.doc:
        lines += [*docstring(model.doc, INDENT), ""]
    for choices in model.choices:
        lines += [*_choices(choices), ""]
    for field in model.fields:
        lines += assignment(field.name, field.value, INDENT)
    lines += ["", f"{INDENT}class Meta:", f"{INDENT * 2}managed = False"]
    for name, value in model.meta:
        lines += assignment(name, value, INDENT * 2)
    if model.shown is not None:
        name, may_be_none = model.shown
        result = f'self.{name} or ""' if may_be_none else f"self.{name}"
        lines += ["", f"{INDENT}def __str__(self) -> str:", f"{INDENT * 2}return {result}"]
    return lines


def _choices(choices: Choices) -> Iterator[str]:
    yield from class_header(choices.name, choices.base, INDENT)
    for member, value, label in choices.members:
        code: Code = Literal(value)
        if label is not None:
            code = TupleOf((code, Literal(label)))
        lines = assignment(member, code, INDENT * 2)
        # without parentheses around an assigned tuple on one line, as people write it
        if isinstance(code, TupleOf) and len(lines) == 1:
            lines = [lines[0].replace("= (", "= ", 1).removesuffix(")")]
        yield from lines


def _paths(model: ModelClass) -> Iterator[str]:
    codes: Iterable[Code] = [*(field.value for field in model.fields), *(value for _, value in model.meta)]
    for code in codes:
        yield from _names(code)


def _names(code: Code) -> Iterator[str]:
    """Yield the dotted names in an expression."""
    match code:
        case Literal():
            return
        case Name(path):
            yield path
        case Call(function, args, kwargs):
            yield function
            for one in (*args, *(value for _, value in kwargs)):
                yield from _names(one)
        case ListOf(items) | TupleOf(items):
            for one in items:
                yield from _names(one)
        case Infix(left, _, right):
            yield from _names(left)
            yield from _names(right)
        case Invert(operand):
            yield from _names(operand)
        case _:
            assert_never(code)
