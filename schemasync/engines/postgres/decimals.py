"""Decimals that SQLite stores as floats: as stored, as Django shows them, and as PostgreSQL would round them."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

from .types import Numeric

DIGITS = 15  # digits of a float that Django shows (get_decimalfield_converter of its backend for SQLite)
_SHOWN = Context(prec=DIGITS)
_WIDE = Context(prec=1000)  # the most digits that numeric may have

# The digits of numeric before and after the point. https://www.postgresql.org/docs/current/datatype-numeric.html
MOST_BEFORE, MOST_AFTER = 131072, 16383
_ALL = Context(prec=MOST_BEFORE + MOST_AFTER, Emax=1_000_000, Emin=-1_000_000)


def has_room(value: float, type_: Numeric) -> bool:
    """Return True if the digits before the point fit, also after rounding."""
    if type_.precision is None:
        return True
    limit = Decimal(10) ** (type_.precision - (type_.scale or 0))
    exact = _exact(value)
    return abs(exact) < limit and abs(_rounded(exact, type_, ROUND_HALF_UP)) < limit


def has_lost_digits(value: float, type_: Numeric) -> bool:
    """Return True if the number has more digits than a float holds, so that the original digits are lost already."""
    return type_.precision is not None and abs(value) >= 10.0 ** (DIGITS - (type_.scale or 0))


def rounds(value: float, type_: Numeric) -> bool:
    """Return True if the number has digits beyond the scale."""
    return type_.precision is not None and _exact(value) != _rounded(_exact(value), type_, ROUND_HALF_EVEN)


def shown(value: float, type_: Numeric) -> Decimal:
    """The decimal that Django shows: 15 digits, then rounded to the scale, half to even."""
    return _rounded(_SHOWN.create_decimal_from_float(value), type_, ROUND_HALF_EVEN)


def stored(value: float, type_: Numeric) -> Decimal:
    """The decimal that PostgreSQL makes of the stored number: its shortest text rounded to the scale, half up."""
    return _rounded(_exact(value), type_, ROUND_HALF_UP)


def _exact(value: float) -> Decimal:
    """Return the shortest decimal that is this float: the text that is sent."""
    return Decimal(repr(value))


def _rounded(value: Decimal, type_: Numeric, rounding: str) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-(type_.scale or 0)), rounding=rounding, context=_WIDE)


def normal(value: Decimal) -> str:
    """Return the one text of a number: without zeros at its end, and without the sign of a zero."""
    return str(_ALL.normalize(value)) if value else "0"
