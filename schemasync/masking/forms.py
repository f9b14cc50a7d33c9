"""Splits values into digits, which masking replaces, and the form, which stays."""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

Value = str | bytes | int | float | None

MAX_INTEGER = 2**63 - 1
BLOCK = 64  # characters with the same first bytes in UTF-8, so that a text keeps its length in bytes
YEAR = 366 * 24 * 3600  # seconds in a day
OF_SECONDS = 10**11  # larger numbers are milliseconds: as seconds they would be after the year 5138


@dataclass(frozen=True, slots=True)
class Form:
    """A value in parts. `digits` and `radices`: the part that is replaced. `name`: the properties that all values of
    this form share. `build`: makes the value with other digits. `accepts`: whether a value with these digits exists."""

    digits: Sequence[int]
    radices: Sequence[int]
    name: bytes
    build: Callable[[Sequence[int]], Any]
    accepts: Callable[[Sequence[int]], bool] = lambda digits: True


# --- text -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Char:
    """A character of a text. `digit`: its place in the `alphabet` of its possible replacements; there is none if it
    stays. `name`: the same for all of these."""

    alphabet: str
    digit: int
    name: str
    radix: int
    is_upper: bool


def of_text(text: str) -> Form:
    """Return the form of a text: letters become letters, digits digits, and everything else stays. The case of A to Z
    and blanks at the end are part of the form, so that texts which NOCASE or RTRIM treat as equal stay equal."""
    chars = list(map(_char, text))
    replaced = [char for char in chars if char.radix]
    name = "".join([char.name for char in chars]).rstrip(" ")

    def build(new: Sequence[int]) -> str:
        digits = iter(new)
        return "".join(
            [
                char.name if not char.radix else made.upper() if char.is_upper else made
                for char in chars
                for made in [char.alphabet[next(digits)] if char.radix else ""]
            ]
        )

    radices = [char.radix for char in replaced]
    return Form([char.digit for char in replaced], radices, b"text" + name.encode("utf-8", "surrogatepass"), build)


@lru_cache(maxsize=65_536)
def _char(char: str) -> _Char:
    alphabet, is_upper = _alphabet(char), "A" <= char <= "Z"
    if len(alphabet) == 1:
        return _Char("", 0, char, 0, is_upper=False)
    return _Char(alphabet, alphabet.index(char.lower() if is_upper else char), alphabet[0], len(alphabet), is_upper)


def _alphabet(char: str) -> str:
    """Return the characters that may replace this one; only itself if it stays."""
    if char.isascii():
        if char.isalpha():
            return "abcdefghijklmnopqrstuvwxyz"
        return "0123456789" if char.isdigit() else char
    category, first = unicodedata.category(char), ord(char) // BLOCK * BLOCK
    if category[0] not in "LN":
        return char
    return "".join(c for c in map(chr, range(first, first + BLOCK)) if unicodedata.category(c) == category)


def of_bytes(data: bytes) -> Form:
    """Return the form of bytes: every byte is replaced."""
    return Form(list(data), [256] * len(data), b"bytes%d" % len(data), bytes)


# --- numbers ----------------------------------------------------------------------------------------------------------


def of_integer(number: int) -> Form:
    """Return the form of an integer: the sign and the number of digits stay."""
    form = of_numeral(str(number))

    def build(new: Sequence[int]) -> int:
        return int(form.build(new))

    return Form(form.digits, form.radices, b"integer" + form.name, build, lambda new: abs(build(new)) <= MAX_INTEGER)


def of_real(number: float) -> Form:
    """Return the form of a real: the sign, the number of significant digits and the exponent stay."""
    form = of_numeral(repr(number), ends=True)

    def accepts(new: Sequence[int]) -> bool:
        text = str(form.build(new))
        return repr(float(text)) == text  # otherwise it is another spelling of a number that has its own

    return Form(form.digits, form.radices, b"real" + form.name, lambda new: float(form.build(new)), accepts)


NUMERAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_MANTISSA = re.compile(r"[^eE]*")


def of_numeral(text: str, *, ends: bool = False) -> Form:
    """Return the form of a number as text. Leading zeros stay, and the first other digit does not become zero. `ends`:
    the same for zeros at the end and the last digit before them."""
    mantissa = _MANTISSA.match(text)
    assert mantissa is not None
    places = [place for place, char in enumerate(mantissa[0]) if char in "0123456789"]
    while places and text[places[0]] == "0":
        del places[0]
    while ends and places and text[places[-1]] == "0":
        del places[-1]
    fixed = {places[0], places[-1] if ends else places[0]} if places else set()
    low = [int(place in fixed) for place in places]
    replaced = set(places)
    name = "".join("#" if place in replaced else char for place, char in enumerate(text))

    def build(new: Sequence[int]) -> str:
        made = list(text)
        for place, digit, least in zip(places, new, low, strict=True):
            made[place] = str(digit + least)
        return "".join(made)

    digits = [int(text[place]) - least for place, least in zip(places, low, strict=True)]
    return Form(digits, [10 - least for least in low], b"numeral" + name.encode(), build)


# --- dates and times --------------------------------------------------------------------------------------------------

_DATE = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>\.\d+)?)?"
_MOMENT = re.compile(rf"(?:{_DATE})?(?P<between>[T ]?)(?:{_TIME})?(?P<zone>Z|[+-]\d\d:?\d\d)?", re.ASCII)


def of_moment(text: str) -> Form | None:
    """Return the form of a date or a time as ISO 8601 and SQLite write them: it becomes another day of the same year,
    and another time. None for other texts."""
    found = _MOMENT.fullmatch(text)
    if found is None or not (found["year"] or found["hour"]):
        return None
    day, clock = _day(found), _clock(found)
    if day is None or any(digit >= radix for digit, radix in clock):
        return None
    parts = [*day, *clock]

    def build(new: Sequence[int]) -> str:
        made = _date_text(found, new[0]) if day else ""
        return f"{made}{found['between']}{_clock_text(found, new[len(day) :])}{found['zone'] or ''}"

    name = f"moment{found['year']}{found['between']}{len(parts)}{found['zone']}"
    return Form([digit for digit, _ in parts], [radix for _, radix in parts], name.encode(), build)


Part = tuple[int, int]
"""A digit and its radix."""


def _day(found: re.Match[str]) -> list[Part] | None:
    """Return the day of the year as digits; empty without a date, None for a day that is not in the calendar."""
    if not found["year"]:
        return []
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return None
    return [(day.timetuple().tm_yday - 1, 365 + calendar.isleap(day.year))]


def _clock(found: re.Match[str]) -> list[Part]:
    """Return hour, minute, second and each digit of its fraction, as far as the text has them."""
    parts = [(found["hour"], 24), (found["minute"], 60), (found["second"], 60)]
    parts += [(digit, 10) for digit in (found["fraction"] or "")[1:]]
    return [(int(part), radix) for part, radix in parts if part is not None]


def _date_text(found: re.Match[str], day: int) -> str:
    return (date(int(found["year"]), 1, 1) + timedelta(day)).isoformat()


def _clock_text(found: re.Match[str], digits: Sequence[int]) -> str:
    whole = 2 + (found["second"] is not None)
    fraction = "." + "".join(map(str, digits[whole:])) if found["fraction"] else ""
    return ":".join(f"{part:02}" for part in digits[:whole]) + fraction


def of_unix_time(number: int) -> Form:
    """Return the form of seconds or milliseconds since 1970: they become another moment of the same 366 days."""
    scale = 1000 if abs(number) >= OF_SECONDS else 1
    years, rest = divmod(number, YEAR * scale)
    radices = [366, 24, 60, 60, scale][: 4 + (scale > 1)]
    digits = list[int]()
    for radix in reversed(radices):
        rest, digit = divmod(rest, radix)
        digits.insert(0, digit)

    def build(new: Sequence[int]) -> int:
        total = 0
        for digit, radix in zip(new, radices, strict=True):
            total = total * radix + digit
        return years * YEAR * scale + total

    def accepts(new: Sequence[int]) -> bool:
        value = abs(build(new))
        return value <= MAX_INTEGER and (value >= OF_SECONDS) is (scale > 1)

    return Form(digits, radices, b"unix%d*%d" % (years, scale), build, accepts)
