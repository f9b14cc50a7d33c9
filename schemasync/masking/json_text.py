"""Masks the values of a JSON text, and leaves its keys and its layout as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[^"\d-]+|.', re.DOTALL)
_UNIT = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_KEY = re.compile(r"\s*:")


def is_json(text: str) -> bool:
    """True for text that SQLite and Python read as JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def masked_json(text: str, mask_string: Callable[[str], str], mask_number: Callable[[str], str]) -> str:
    """Return the text with other strings and numbers as values. Each function must keep the number of characters."""
    return "".join(_parts(text, mask_string, mask_number))


def _parts(text: str, mask_string: Callable[[str], str], mask_number: Callable[[str], str]) -> Iterator[str]:
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token[0] == '"' and not _KEY.match(text, found.end()):
            yield f'"{_masked_string(token[1:-1], mask_string)}"'
        elif token[0] in "-0123456789":
            yield mask_number(token)
        else:
            yield token


def _masked_string(body: str, mask: Callable[[str], str]) -> str:
    """Return the text between the quotes, masked. Escaped characters stay escaped, so that the length stays."""
    units = _UNIT.findall(body)
    chars = [json.loads(f'"{unit}"', strict=False) for unit in units]
    masked = mask("".join(chars))
    return "".join(
        unit if new == old else new if unit == old else json.dumps(new)[1:-1]
        for unit, old, new in zip(units, chars, masked, strict=True)
    )
