"""Parses the bytes of schema.json into a tree, with the location of each key."""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import Code, SchemaInvalid
from .diagnostics import Diagnostics
from .jsonc import FaultKind, line_and_column, scan

SIZE_LIMIT = 4 * 1024 * 1024  # bytes: ten times a schema of a thousand tables
_JSON_ERROR = re.compile(r": line \d+ column \d+.*$", re.DOTALL)


def read_tree(data: bytes, faults: Diagnostics) -> dict[str, Any]:
    """Return the file as one JSON object. Stores its text, the locations of its keys, and repeated keys in `faults`.
    Raises SchemaInvalid if it cannot be parsed."""
    faults.text = _decode(data, faults)
    return _parse(faults)


def _decode(data: bytes, faults: Diagnostics) -> str:
    if len(data) > SIZE_LIMIT:
        faults.note(
            Code.SCHEMA_TOO_LARGE,
            f"the file has more than {SIZE_LIMIT:,} bytes",
            _HINTS[FaultKind.TOO_LARGE],
        )
        faults.stop()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.text = data[: error.start].decode("utf-8-sig")
        faults.note(
            Code.SCHEMA_SYNTAX,
            f"byte {error.start} is not UTF-8",
            "Save the file as UTF-8.",
            at=len(faults.text),
        )
        raise SchemaInvalid(faults.problems) from error


_CODES = {
    FaultKind.SYNTAX: Code.SCHEMA_SYNTAX,
    FaultKind.DUPLICATE: Code.DUPLICATE_KEY,
    FaultKind.TOO_LARGE: Code.SCHEMA_TOO_LARGE,
}
_HINTS = {
    FaultKind.DUPLICATE: "Remove one of the two.",
    FaultKind.TOO_LARGE: "Move what is not schema (data, documentation) to another file.",
}

_IN_WORDS = {
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing after the key",
    "Expecting property name enclosed in double quotes": "a key in double quotes belongs here",
    "Expecting value": "a value belongs here: text in double quotes, an object, a list, a number, true, false or null",
    "Extra data": "the JSON has ended, and more follows",
}


def _in_words(error: json.JSONDecodeError, text: str) -> tuple[str, int]:
    """Return a JSON error in words, and its offset. A comma missing at the end of a line is reported there, not in the
    next line."""
    before, after = len(text[: error.pos].rstrip()), text[error.pos :].strip()
    if not text.strip():
        return "the file is empty; an empty schema is {}", error.pos
    if not after:
        return "the file ends here, before its JSON does", before
    message = _IN_WORDS.get(error.msg, _JSON_ERROR.sub("", str(error)))
    is_of_earlier_line = "," in error.msg and "\n" in text[before : error.pos]
    return message, before if is_of_earlier_line else error.pos


def _parse(faults: Diagnostics) -> dict[str, Any]:
    faults.scan = scan(faults.text)
    for fault in faults.scan.faults:
        other = ""
        if fault.other is not None:
            line, column = line_and_column(faults.text, fault.other)
            other = f" (first in line {line}, column {column})"
        faults.note(_CODES[fault.kind], fault.message + other, _HINTS.get(fault.kind, ""), at=fault.offset)
    if any(fault.kind is not FaultKind.DUPLICATE for fault in faults.scan.faults):
        faults.stop()
    try:
        tree = json.loads(faults.scan.json)
    except json.JSONDecodeError as error:
        message, at = _in_words(error, faults.scan.json)
        faults.note(Code.SCHEMA_SYNTAX, message, at=at)
        raise SchemaInvalid(faults.problems) from error
    if not isinstance(tree, dict):
        faults.note(
            Code.WRONG_SHAPE,
            "the file must be one object: table name -> table",
            'An empty schema is {}; a table is "Users": {"id": "INTEGER PRIMARY KEY"}.',
            at=len(faults.scan.json) - len(faults.scan.json.lstrip()),
        )
        raise SchemaInvalid(faults.problems)
    return tree
