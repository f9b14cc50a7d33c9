"""Choose a value for a column that fits its type and the demands of the CHECKs. The simplest choice comes first."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..schema.affinity import Affinity, affinity
from ..schema.model import Column, Table
from ..schema.names import fold
from .choices import Choices, DrawnChoices, one_in, one_of
from .domains import Domain
from .rows import Value

BEGIN = datetime(2024, 2, 28, 12)
WHOLE = (0, 1, -1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63))
REALS = (0.0, 0.1, -1.5, 1e300, 5e-324, 123456789.125)
TEXTS = (
    "",
    " ",
    "é",
    "日本",
    "\N{GRINNING FACE}",
    "it's",
    '"',
    "\n",
    "00123",
    "1.0",
    "NULL",
    "%_",
    "e\u0301",
    "x" * 300,
)
BYTES = (b"", b"\0", b"\xff\xfe", bytes(range(256)))
JSON = ("{}", "[]", "null", '"é"', '{"n": [1, null, "é"]}')
_LENGTH = re.compile(r"CHAR(?:ACTER)?\s*(?:VARYING\s*)?\(\s*(\d+)\s*\)", re.IGNORECASE)
_NUMBER = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_FORMS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "ltrim": str.lstrip,
    "rtrim": str.rstrip,
    "date": lambda text: text[:10],
    "datetime": lambda text: text[:19],
}


@dataclass(frozen=True, slots=True)
class StoredType:
    """The kind of values that a column stores, by its declared type. `longest`: characters. `digits`: before the point.
    `is_key`: its values are plain, so that other tables can refer to them."""

    name: str
    longest: int | None = None
    digits: int | None = None
    is_key: bool = False

    @classmethod
    def of(cls, table: Table, column: Column) -> StoredType:
        declared, base = column.type.canonical.upper(), affinity(column, table.strict)
        length, number = _LENGTH.search(declared), _NUMBER.search(declared)
        if table.strict:
            return cls({"INT": "INTEGER", "ANY": "TEXT"}.get(declared, declared))
        for word, name in (("BOOL", "BOOLEAN"), ("TIMESTAMP", "DATETIME"), ("DATETIME", "DATETIME"), ("DATE", "DATE"),
                           ("TIME", "TIME"), ("JSON", "JSON")):  # fmt: skip
            if declared.startswith(word):
                return cls(name)
        if re.fullmatch(r"CHAR\s*\(\s*32\s*\)|UUID", declared):
            return cls("UUID")
        if base is Affinity.NUMERIC and number is not None:
            return cls("DECIMAL", digits=int(number[1]) - int(number[2] or 0))
        return cls(str(base), int(length[1]) if length else None)

    @classmethod
    def in_table(cls, table: Table, column: Column) -> StoredType:
        """Like of(), but set `is_key` for a column of the primary key."""
        key = table.primary_key.columns if table.primary_key is not None else ()
        return replace(cls.of(table, column), is_key=any(fold(part.column or "") == fold(column.name) for part in key))


def value(kind: StoredType, domain: Domain, name: str, number: int, choices: Choices) -> Value:
    """Return a value for a column in the row of that number, which makes the simplest values differ."""
    if domain.null:
        return None
    if domain.options:
        allowed = [one for one in domain.options if one not in domain.excluded] or domain.options
        return allowed[(choices.below(len(allowed)) + number - 1) % len(allowed)]
    if kind.digits is not None:
        domain = replace(domain)
        domain.at_most(10**kind.digits - 1)
        domain.at_least(-(10**kind.digits) + 1)
    found = _plain(_kind(kind, domain), domain, name, number, DrawnChoices(b"") if kind.is_key else choices)
    if isinstance(found, str):
        found = _fitting(_FORMS.get(domain.form, str)(found), kind, domain)
    return found


def _kind(kind: StoredType, domain: Domain) -> str:
    """Return the kind that the CHECKs allow; INTEGER for a column without a type whose bounds are numbers."""
    if domain.is_json:
        return "JSON"
    if domain.kind:
        return domain.kind.upper()
    bound = domain.low if domain.low is not None else domain.high
    if kind.name == "BLOB" and isinstance(bound, int | float) and not kind.longest:
        return "INTEGER"
    return kind.name


def _plain(kind: str, domain: Domain, name: str, number: int, choices: Choices) -> Value:
    if domain.pattern:
        return _like(domain.pattern, number, choices)
    if kind in ("INTEGER", "NUMERIC", "DECIMAL", "REAL"):
        return _number(kind, domain, number, choices)
    moment = BEGIN + timedelta(hours=number + 24 * choices.below(800))
    match kind:
        case "BOOLEAN":
            return (choices.below(2) + number) % 2
        case "DATETIME":
            return str(moment)
        case "DATE":
            return str(moment.date())
        case "TIME":
            return str(moment.time())
        case "JSON":
            return one_of(choices, (json.dumps({"n": number}), *JSON))
        case "UUID":
            return uuid.UUID(int=number + choices.below(2**64)).hex
        case "BLOB":
            return one_of(choices, (f"{name} {number}".encode(), *BYTES))
        case "NULL":
            return None
        case _:
            return _text(domain, name, number, choices)


def _number(kind: str, domain: Domain, number: int, choices: Choices) -> int | float:
    if kind != "INTEGER" and (between := _fraction(domain, number)) is not None:
        return between
    low, high = _bounds(domain, kind)
    plain = max(low, 0 if low <= 0 <= high else low) + number
    usual: list[int | float] = [one for one in (*WHOLE, *(REALS if kind == "REAL" else ())) if low <= one <= high]
    found: int | float = plain if low <= plain <= high else low + number % max(1, math.floor(high - low) + 1)
    if one_in(choices, 6) and usual and kind != "DECIMAL":
        found = one_of(choices, usual)
    elif one_in(choices, 6):
        found = low + choices.below(max(1, min(math.floor(high - low) + 1, 2**32)))
    if kind in ("REAL", "DECIMAL") and isinstance(found, int) and abs(found) < 2**40:
        return found + one_of(choices, (0.5, 0.25, 0.0)) if found + 1 <= high else float(found)
    return math.floor(found) if kind == "INTEGER" and math.isfinite(found) else found


def _fraction(domain: Domain, number: int) -> float | None:
    """Return a number between bounds that contain few whole numbers; None for other bounds."""
    low, high = domain.low, domain.high
    if not isinstance(low, int | float) or not isinstance(high, int | float) or high - low > 2:
        return None
    return low + (high - low) * (number % 7 + 1) / 8


def _bounds(domain: Domain, kind: str) -> tuple[int, int]:
    """Return the least and the greatest whole number that the domain allows."""
    least = domain.low if isinstance(domain.low, int | float) else -(2**63)
    most = domain.high if isinstance(domain.high, int | float) else 2**63 - 1
    low, high = math.ceil(least), math.floor(most)
    low += any(type(one) is not str and one == low for one in domain.excluded)
    high -= any(type(one) is not str and one == high for one in domain.excluded)
    return low, max(low, high)


def _text(domain: Domain, name: str, number: int, choices: Choices) -> str:
    plain = f"{name} {number}"
    if isinstance(domain.low, str):
        return f"{domain.low} {number}"
    if isinstance(domain.high, str):
        return domain.high[:1]
    if isinstance(domain.low, int | float) or isinstance(domain.high, int | float):
        return str(_number("INTEGER", domain, number, choices))
    return one_of(choices, TEXTS) if one_in(choices, 4) else plain


def _fitting(text: str, kind: StoredType, domain: Domain) -> str:
    """Shorten or pad a text to the allowed length. The end is kept, which makes the simple texts differ."""
    limits = [limit for limit in (kind.longest, domain.longest) if limit is not None]
    longest = min(limits, default=None)
    if longest is not None and len(text) > longest:
        text = text[len(text) - longest :] if longest else ""
    return text if len(text) >= domain.shortest else text.rjust(domain.shortest, "x")


def _like(pattern: str, number: int, choices: Choices) -> str:
    """Return a text that matches a GLOB pattern."""
    found, digits = [], iter(f"{number}"[::-1])
    for part in re.findall(r"\[\^?\]?[^]]*\]|.", pattern, re.DOTALL):
        if part == "*":
            found.append(f"{number}")
        elif part == "?":
            found.append(next(digits, "x"))
        elif len(part) > 1:
            found.append(_of_class(part[1:-1], next(digits, ""), choices))
        else:
            found.append(part)
    return "".join(found)


def _of_class(inside: str, wish: str, choices: Choices) -> str:
    """Return a character of `[…]`: the wished one, if it is among them."""
    negated, inside = inside.startswith("^"), inside.removeprefix("^")
    members = re.findall(r".-.|.", inside, re.DOTALL)
    known = {chr(code) for one in members for code in range(ord(one[0]), ord(one[-1]) + 1)}
    options = [one for one in map(chr, range(33, 127)) if one not in known] if negated else sorted(known)
    return wish if wish in options else one_of(choices, options or ["x"])
