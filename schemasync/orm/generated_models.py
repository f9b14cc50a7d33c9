"""Makes model classes from their descriptions, in a registry of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from operator import add, and_, mul, or_, sub, truediv
from typing import Any, assert_never

from django.apps.registry import Apps
from django.db import models
from django.db.migrations.state import AppConfigStub

from ..codegen.code import Call, Choices, Code, Infix, Invert, ListOf, Literal, ModelClass, Name, TupleOf
from ..codegen.module import MODULES

OPERATORS = {"&": and_, "|": or_, "+": add, "-": sub, "*": mul, "/": truediv}
RELATIONS = ("models.ForeignKey", "models.OneToOneField")


def registry(
    described: Sequence[ModelClass],
    app_label: str,
    external: Mapping[str, type[models.Model]],
    *,
    managed: bool = False,
    manager: type[models.Manager[Any]] | None = None,
) -> Apps:
    """Return a registry with a class for each description. `external`: installed models that relations refer to, by
    label; they get no reverse accessor."""
    apps = Apps([AppConfigStub(app_label)])
    for label, model in external.items():
        apps.register_model(label.partition(".")[0].lower(), model)
    for one in described:
        _Maker(one, app_label, apps, external).make(managed=managed, manager=manager)
    return apps


class _Maker:
    """Evaluates the description of one model."""

    def __init__(
        self, described: ModelClass, app_label: str, apps: Apps, external: Mapping[str, type[models.Model]]
    ) -> None:
        self.described, self.app_label, self.apps, self.external = described, app_label, apps, external
        self.choices = {choices.name: enumeration(choices) for choices in described.choices}

    def make(self, *, managed: bool, manager: type[models.Manager[Any]] | None) -> type[models.Model]:
        one = self.described
        options = {name: self.value(value) for name, value in one.meta}
        if managed:
            options.pop("default_permissions", None)
        meta = type("Meta", (), {"app_label": self.app_label, "apps": self.apps, "managed": managed, **options})
        body: dict[str, Any] = {
            "__module__": __name__,
            "__qualname__": one.name,
            "__doc__": one.doc or None,
            "Meta": meta,
            **self.choices,
            **{field.name: self.value(field.value) for field in one.fields},
        }
        if one.shown is not None:
            name = one.shown[0]
            body["__str__"] = lambda self: getattr(self, name) or ""
        if manager is not None:
            body["objects"] = manager()
        return type(one.name, (models.Model,), body)

    def value(self, code: Code) -> Any:
        """Return the Python value of an expression."""
        match code:
            case Literal(value):
                return value
            case Name(path):
                return self._named(path)
            case Call(function, args, kwargs):
                given = {name: self.value(value) for name, value in kwargs}
                if function in RELATIONS:
                    return self._relation(function, args, given)
                return self._named(function)(*map(self.value, args), **given)
            case ListOf(items):
                return [self.value(item) for item in items]
            case TupleOf(items):
                return tuple(self.value(item) for item in items)
            case Infix(left, operator, right):
                return OPERATORS[operator](self.value(left), self.value(right))
            case Invert(operand):
                return ~self.value(operand)
            case _:
                assert_never(code)

    def _named(self, path: str) -> Any:
        first, *rest = path.split(".")
        if first in self.choices:
            found: Any = self.choices[first]
        elif first in MODULES:
            found = getattr(import_module(MODULES[first]), first)
        else:
            found = {"dict": dict, "list": list}[first]
        for name in rest:
            found = getattr(found, name)
        return found

    def _relation(self, function: str, args: Sequence[Code], given: dict[str, Any]) -> Any:
        target = self.value(args[0])
        if "." in target:
            target, given["related_name"] = self.external[target.lower()], "+"
        return self._named(function)(target, self.value(args[1]), **given)


def enumeration(choices: Choices) -> Any:
    """Return the enumeration as a class."""
    members = [(name, value if label is None else (value, label)) for name, value, label in choices.members]
    base = getattr(models, choices.base.removeprefix("models."))
    return base(choices.name, members)
