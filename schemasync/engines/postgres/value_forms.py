"""The exact forms of values that SQLite and PostgreSQL read alike: those in which Django writes them."""

from __future__ import annotations

import re
from datetime import date, datetime
from ipaddress import ip_address

from .types import Bigint, Integer, Interval, Smallint

Value = None | int | float | str | bytes
"""A value as SQLite holds it. Bytes that are no UTF-8 are in text as Python's surrogateescape has them."""

BITS: dict[type, int] = {Bigint: 64, Interval: 64, Integer: 32, Smallint: 16}
LARGEST_EXACT = 1 << 53  # up to this, a float holds every whole number

DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
FRACTION = r"(?:\.[0-9]{1,6})?"  # digits of a second: PostgreSQL rounds a seventh digit, Django cuts it
_DATE, _TIME, _TIMESTAMP = (re.compile(form) for form in (DATE, f"{TIME}{FRACTION}", f"({DATE}) {TIME}{FRACTION}"))
_UUID = re.compile("[0-9a-f]{32}")


def is_date(value: Value) -> bool:
    """A day of the years 1 to 9999, as 2026-11-29."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_time(value: Value) -> bool:
    """A time of day, as 23:59:59 or 23:59:59.999999."""
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def is_timestamp(value: Value) -> bool:
    """A day, a blank, and a time of day, without a zone."""
    found = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    return found is not None and is_date(found[1])


def is_uuid(value: Value) -> bool:
    """32 hexadecimal digits in lower case."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def is_unicode(text: str) -> bool:
    """Return True if the text consists of Unicode characters only."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def address(value: str) -> str:
    """Return an address of a host in its normal form; '' for any other value."""
    try:
        return str(ip_address(value))
    except ValueError:
        return ""


def moment(text: str) -> datetime | None:
    """Return the moment or day that Django reads in a text; None if it reads none. Like Django, it cuts a seventh digit
    of a second."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
