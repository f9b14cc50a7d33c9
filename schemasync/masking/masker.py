"""Replaces the values of a column, or of columns that refer to each other, by others of the same form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from . import forms
from .forms import Form, Value
from .json_text import is_json, masked_json
from .permutation import Permutation

STEPS = 20_000  # values that are tried for one, about a second: a CHECK that few values meet may accept none of them
CACHED = 4_096  # replacements that are kept for each column, for first names and other values that are repeated


class MaskKind(StrEnum):
    """How the rules mask a column."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    JSON = "json"
    KEEP = "keep"


class CannotMask(Exception):
    """A value that cannot be replaced; the text says why, without the value."""


Traits = tuple[object, ...]
"""Other properties that a value and its replacement must share, such as the type with which it is stored."""


def _no_traits(value: Value) -> Traits:
    return ()


@dataclass(slots=True)
class Masker:
    """Replaces values. Equal values get equal ones, different values get different ones, and none stays, except values
    without anything to replace: NULL, an empty text, 0."""

    kind: MaskKind
    permutation: Permutation
    traits: Callable[[Value], Traits] = _no_traits
    _cached: Callable[[Value], Value] = field(init=False)

    def __post_init__(self) -> None:
        self._cached = lru_cache(CACHED, typed=True)(self._masked)

    def __call__(self, value: Value) -> Value:
        """The replacement. Raises CannotMask."""
        return self._cached(value)

    def changes(self, value: Value) -> bool:
        """True if the value has anything to replace. Raises CannotMask."""
        if self.kind is MaskKind.JSON and isinstance(value, str):
            return self(value) != value
        form = self._form(value)
        return form is not None and bool(form.digits)

    def _masked(self, value: Value) -> Value:
        if self.kind is MaskKind.JSON and isinstance(value, str):
            return self._json(value)
        form = self._form(value)
        return value if form is None or not form.digits else self._following(value, form)

    def _following(self, value: Value, form: Form) -> Value:
        """Return the next value in the secret order that exists and has the same traits: so all values with these
        traits form one cycle again."""
        wanted, digits = self.traits(value), list(form.digits)
        for _ in range(STEPS):
            digits = self.permutation.following(digits, form.radices, form.name)
            if digits == list(form.digits):
                break
            if form.accepts(digits):
                found: Value = form.build(digits)
                if self.traits(found) == wanted:
                    return found
        raise CannotMask("no other value of the same form passes its CHECK, or is stored with the same type")

    def _form(self, value: Value) -> Form | None:
        """None for NULL."""
        match self.kind, value:
            case _, None:
                return None
            case MaskKind.DATE, str() if (form := forms.of_moment(value)) is not None or not value:
                return form
            case MaskKind.DATE, int():
                return forms.of_unix_time(value)
            case ((MaskKind.TEXT | MaskKind.NUMBER | MaskKind.JSON), int()):
                return forms.of_integer(value)
            case ((MaskKind.TEXT | MaskKind.NUMBER | MaskKind.JSON), float()):
                return forms.of_real(value)
            case MaskKind.NUMBER, str() if is_numeral(value) or not value:
                return forms.of_numeral(value)
            case MaskKind.TEXT, str():
                return forms.of_text(value)
            case MaskKind.TEXT, bytes():
                return forms.of_bytes(value)
        raise CannotMask(_NOT_OF_KIND[self.kind])

    def _json(self, text: str) -> str:
        if not is_json(text):
            raise CannotMask(_NOT_OF_KIND[MaskKind.JSON])
        masked = masked_json(text, self._part(forms.of_text), self._part(forms.of_numeral))
        if self.traits(masked) != self.traits(text):
            raise CannotMask("the same JSON with other values does not pass its CHECK")
        return masked

    def _part(self, form_of: Callable[[str], Form]) -> Callable[[str], str]:
        """The replacement of a string or a number within a JSON text."""

        def masked(part: str) -> str:
            form = form_of(part)
            if not form.digits:
                return part
            return str(form.build(self.permutation.following(form.digits, form.radices, form.name)))

        return masked


_NOT_OF_KIND = {
    MaskKind.NUMBER: "it is no number",
    MaskKind.DATE: "it is no date or time as SQLite writes them, and no Unix time",
    MaskKind.JSON: "it is no JSON text",
}


def is_numeral(text: str) -> bool:
    """Return True for a number as text, which may have a sign, a point and an exponent."""
    return forms.NUMERAL.fullmatch(text) is not None
