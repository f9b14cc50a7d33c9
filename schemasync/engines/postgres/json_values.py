"""JSON as jsonb accepts it, and the text that PostgreSQL writes for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from .decimals import MOST_AFTER, MOST_BEFORE, normal

_LONG = 1000  # characters of a number without an exponent that may have too many digits


class Verdict(Enum):
    """Whether jsonb accepts a JSON text without changing its meaning, and why not."""

    FITS = auto()
    INVALID = auto()
    NUL = auto()
    REPEATED_KEYS = auto()
    OTHER_NUMBERS = auto()
    """jsonb accepts the text, and writes a number in another form, which Python reads as another type or value: 1e16
    becomes 10000000000000000, an int; -0.0 becomes 0.0; 1e400, which is infinite to Python, has all its digits."""


class _Invalid(ValueError):
    pass


class _Repeated(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Repeated
    return found


def _no_constant(name: str) -> Any:
    raise _Invalid(name)


class _Changed(float):
    """A number that jsonb writes in another form."""


def _number_that_fits(digits: str) -> float:
    if "e" in digits or "E" in digits or digits[0] == "-" or len(digits) > _LONG:
        number = Decimal(digits)
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        if number.adjusted() >= MOST_BEFORE or -exponent > MOST_AFTER:
            raise _Invalid(digits)
        is_other = exponent >= 0 or not number or abs(float(digits)) == float("inf")
        return _Changed() if is_other else 0.0
    return 0.0  # its value is never used


_raw_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_number_that_fits
).raw_decode


def _decode(text: str) -> Any:
    """Like `decode`, in half the time: `decode` finds blanks by regular expressions."""
    text = text.strip(" \t\n\r")
    tree, end = _raw_decode(text)
    if end != len(text):
        raise _Invalid(text)
    return tree


_decode_any = json.JSONDecoder(parse_constant=_no_constant).decode


def verdict(text: str) -> Verdict:
    """Return whether jsonb accepts the text and keeps its meaning; if not, why."""
    try:
        tree = _decode(text)
    except _Repeated:
        return _verdict_of_repeated(text)
    except (ValueError, RecursionError):  # also of a number with more digits than Python allows
        return Verdict.INVALID
    found = _verdict_of_strings(tree) if "\\u" in text else Verdict.FITS
    may_change = "e" in text or "E" in text or "-" in text
    return Verdict.OTHER_NUMBERS if found is Verdict.FITS and may_change and _has_changed(tree) else found


def _verdict_of_repeated(text: str) -> Verdict:
    try:
        _decode_any(text)
    except (ValueError, RecursionError):
        return Verdict.INVALID
    return Verdict.REPEATED_KEYS


def _verdict_of_strings(tree: Any) -> Verdict:
    strings = list(_strings(tree))
    if any("\0" in one for one in strings):
        return Verdict.NUL
    is_half = any("\ud800" <= character <= "\udfff" for one in strings for character in one)  # half of a surrogate pair
    return Verdict.INVALID if is_half else Verdict.FITS


def _has_changed(tree: Any) -> bool:
    match tree:
        case _Changed():
            return True
        case dict():
            return any(map(_has_changed, tree.values()))
        case list():
            return any(map(_has_changed, tree))
        case _:
            return False


def _strings(tree: Any) -> Iterator[str]:
    match tree:
        case str():
            yield tree
        case dict():
            for key, value in tree.items():
                yield key
                yield from _strings(value)
        case list():
            for value in tree:
                yield from _strings(value)


def cleaned(text: str) -> str | None:
    """Return the JSON without NUL, and with the last of repeated keys, as Django and jsonb read it; None if it is not
    JSON."""
    try:
        tree = _decode_any(text)
    except (ValueError, RecursionError):
        return None
    return json.dumps(_without_nul(tree), ensure_ascii=False)


def _without_nul(tree: Any) -> Any:
    match tree:
        case str():
            return tree.replace("\0", "")
        case dict():
            return {key.replace("\0", ""): _without_nul(value) for key, value in tree.items()}
        case list():
            return [_without_nul(value) for value in tree]
        case _:
            return tree


def canonical(text: str) -> str:
    """Return the same text for all JSON with the same meaning: keys sorted, the last of repeated keys, numbers by
    value.

    PostgreSQL writes 1e16 as 10000000000000000, and keeps the zeros of 1.50.
    """
    return _written(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def _written(tree: Any) -> str:
    match tree:
        case dict():
            return "{" + ",".join(f"{json.dumps(key)}:{_written(tree[key])}" for key in sorted(tree)) + "}"
        case list():
            return "[" + ",".join(map(_written, tree)) + "]"
        case Decimal():
            return normal(tree)
        case _:
            return json.dumps(tree)
