"""JSON as jsonb takes it, and the text that PostgreSQL makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum, auto
from typing import Any

# The digits of numeric before and after the point. https://www.postgresql.org/docs/current/datatype-numeric.html
MOST_BEFORE, MOST_AFTER = 131072, 16383
_LONG = 1000  # characters of a number that may have too many digits without an exponent


class Verdict(Enum):
    """What jsonb would say."""

    FITS = auto()
    INVALID = auto()
    NUL = auto()
    REPEATED_KEYS = auto()


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


def _number_that_fits(digits: str) -> float:
    if "e" in digits or "E" in digits or len(digits) > _LONG:
        number = Decimal(digits)
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        if number.adjusted() >= MOST_BEFORE or -exponent > MOST_AFTER:
            raise _Invalid(digits)
    return 0.0  # its value is of no interest


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_number_that_fits).decode
_decode_any = json.JSONDecoder(parse_constant=_no_constant).decode


def verdict(text: str) -> Verdict:
    """Whether jsonb takes the text, and keeps all that it says."""
    try:
        tree = _decode(text)
    except _Repeated:
        return _verdict_of_repeated(text)
    except (ValueError, RecursionError):  # of digits beyond Python's limit, too
        return Verdict.INVALID
    return _verdict_of_strings(tree) if "\\u" in text else Verdict.FITS


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
    is_half = any("\ud800" <= character <= "\udfff" for one in strings for character in one)  # of a pair
    return Verdict.INVALID if is_half else Verdict.FITS


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
    """The JSON with the last one of repeated keys, as Django and jsonb read it, and without NUL; None if it is none."""
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


def comparable(text: str) -> Any:
    """What the text means, as a value that is equal on both sides if the JSON is: keys in any order, numbers by value.

    PostgreSQL writes 1e16 as 10000000000000000, and keeps the zeros of 1.50. A number is in a tuple, as to Python 1 is
    true.
    """
    return json.loads(text, parse_float=_number, parse_int=_number)


def _number(digits: str) -> tuple[Decimal]:
    return (Decimal(digits),)
