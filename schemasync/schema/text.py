"""Canonical JSON for hashing; short versions, counts and suggestions for messages."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterable, Sequence

NEAR_LIMIT = 2000
FEW = 5


def dumps(data: object) -> str:
    """Canonical JSON: sorted keys, no blanks, UTF-8 unescaped."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def literal(value: object) -> str:
    """A JSON literal as a person writes it into schema.json: on one line, characters as they are."""
    return json.dumps(value, ensure_ascii=False)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the most similar of the known names, whatever their case; None if none is similar. Of thousands only the
    first are compared, because each takes time."""
    spelled = {one.casefold(): one for one in itertools.islice(known, NEAR_LIMIT)}
    near = difflib.get_close_matches(name.casefold(), spelled, 1)
    return spelled[near[0]] if near else None


def short(full_version: str) -> str:
    """Return the first 12 hex digits, for file names and messages."""
    return full_version.partition(":")[2][:12]


def first_few(names: Sequence[str]) -> str:
    """Return the names, or the first five and `…`."""
    return ", ".join([*names[:FEW], *["…"] * (len(names) > FEW)])


def count(number: int, one: str, several: str = "") -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
