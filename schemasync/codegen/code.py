"""Python expressions as values, which can be both written as source and evaluated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | bytes | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name, such as `models.CASCADE` or `Role.ADMIN`."""

    path: str


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    args: tuple[Code, ...] = ()
    kwargs: tuple[tuple[str, Code], ...] = ()

    def having(self, **kwargs: Code) -> Call:
        """Return a copy of the call with more keyword arguments."""
        return Call(self.function, self.args, (*self.kwargs, *kwargs.items()))


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class TupleOf:
    items: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Infix:
    left: Code
    operator: str
    right: Code


@dataclass(frozen=True, slots=True)
class Invert:
    """`~operand`."""

    operand: Code


Code = Literal | Name | Call | ListOf | TupleOf | Infix | Invert


@dataclass(frozen=True, slots=True)
class Choices:
    """An enumeration for the `choices` of a field: (member, value, label or None for Django's own label)."""

    name: str
    base: str
    members: tuple[tuple[str, str | int, str | None], ...]


@dataclass(frozen=True, slots=True)
class ModelField:
    """One field. `column` is None for a field without a column of its own, such as a composite key."""

    name: str
    value: Call
    column: str | None = None


@dataclass(frozen=True, slots=True)
class ModelClass:
    """One model. `shown`: the field that `__str__` returns, and whether it may be None. `said`: the canonical SQL of
    CHECKs that fields express by choices, validators or their type. `rules`: the on_delete of each relation, by folded
    column."""

    name: str
    table: str
    doc: str
    choices: tuple[Choices, ...]
    fields: tuple[ModelField, ...]
    meta: tuple[tuple[str, Code], ...]
    shown: tuple[str, bool] | None = None
    is_view: bool = False
    said: frozenset[str] = frozenset()
    rules: tuple[tuple[str, str], ...] = ()
    rowid: str = ""
