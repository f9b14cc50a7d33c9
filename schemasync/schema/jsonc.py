"""Turns JSON with comments and trailing commas into plain JSON of the same length, and finds the offset of each key.

Comments and trailing commas become blanks, so that every offset stays valid and the standard `json` can parse the
result. (JSON5 libraries take hundreds of times longer and accept repeated keys.)
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from unicodedata import east_asian_width

Path = tuple[str | int, ...]
_CONSTANTS = ("NaN", "Infinity", "-Infinity")  # Python's parser accepts them, JSON does not
_NUMBER_LIMIT = 40  # digits; no number of a schema is longer, and Python's parser fails on thousands
_WIDTH, _BEFORE = 100, 60  # columns of a line that an excerpt shows, and how many of them before the error
DEPTH_LIMIT = 64  # a schema is four levels deep; many more are a mistake or an attack on the parser's stack
TOKEN_LIMIT = 500_000  # a thousand tables of a hundred columns have 400,000; each takes some hundred bytes of memory
STRING_LIMIT = 500_000  # characters of one key, definition or view: the lexer and SQLite read them again and again
FAULT_LIMIT = 200  # most errors that are reported


class FaultKind(Enum):
    """The kinds of faults: not JSON, a repeated key, or more than a schema can have."""

    SYNTAX = "syntax"
    DUPLICATE = "duplicate"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class Fault:
    """An error at an offset of the text; `other` is the offset of a related second place."""

    message: str
    offset: int
    other: int | None = None
    kind: FaultKind = FaultKind.SYNTAX


@dataclass(slots=True)
class Scan:
    """`json`: the text for the standard parser. `keys`: path of each key or item -> offset in the text. `trailing`:
    offsets of the commas after a last item, which are blank in `json`."""

    json: str = ""
    keys: dict[Path, int] = field(default_factory=dict)
    trailing: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


_TOKEN = re.compile(
    r"""
      (?P<string>"(?:[^"\\\n]++|\\.)*+")
    | (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<mark>[{}\[\]:,])
    | (?P<open>"|/\*)
    | (?P<rest>[^\s"{}\[\]:,/]+|/)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class _Level:
    """An open object or array: its path, and the last token in it."""

    path: Path
    is_object: bool
    seen: dict[str, int] = field(default_factory=dict)
    key: str | None = None
    items: int = 0
    awaiting_key: bool = True
    last_comma: int = -1


def scan(text: str) -> Scan:
    """Find comments, trailing commas and the offsets of keys in one pass. Errors are collected, not raised."""
    result = Scan()
    blanks: list[tuple[int, int]] = []
    levels: list[_Level] = []
    for count, match in enumerate(_TOKEN.finditer(text)):
        kind, token, at = match.lastgroup, match.group(), match.start()
        too_large = _too_large(count, kind, token, len(result.faults))
        if too_large:
            result.faults.append(Fault(too_large, at, kind=FaultKind.TOO_LARGE))
            break
        if kind == "comment":
            blanks.append((at, match.end()))
            continue
        if kind == "open":
            what = "a string" if token == '"' else "a comment"
            result.faults.append(Fault(f"{what} is not closed", at))
            break
        level = levels[-1] if levels else None
        if token in "}]" and level is not None and kind == "mark":
            if level.last_comma >= 0:
                blanks.append((level.last_comma, level.last_comma + 1))
                result.trailing.append(level.last_comma)
            levels.pop()
            continue
        if kind == "mark" and token in ",:":
            _separator(level, token, at)
            continue
        if kind == "rest" and (token in _CONSTANTS or len(token) > _NUMBER_LIMIT):
            result.faults.append(Fault(f"{token[:_NUMBER_LIMIT]} is not a value here", at))
        path = _value(level, kind == "string", token, at, result)
        if kind == "mark" and token in "{[":
            if len(levels) >= DEPTH_LIMIT:
                result.faults.append(Fault(f"more than {DEPTH_LIMIT} levels", at))
                break
            levels.append(_Level(path, token == "{"))
    result.json = _blanked(text, blanks)
    return result


def _too_large(count: int, kind: str | None, token: str, faults: int) -> str:
    """Return why reading stops: the rest would take seconds, or hundreds of megabytes; '' if it goes on."""
    if count >= TOKEN_LIMIT:
        return f"the file has more than {TOKEN_LIMIT:,} words and marks"
    if kind == "string" and len(token) > STRING_LIMIT:
        return f"this text has {len(token):,} characters, and at most {STRING_LIMIT:,} are read"
    if faults > FAULT_LIMIT:
        return f"the file has more than {FAULT_LIMIT:,} errors"
    return ""


def _separator(level: _Level | None, token: str, at: int) -> None:
    if level is None:
        return
    if token == ",":
        if level.last_comma < 0 and (level.items or level.seen):  # the parser reports `[,]` and `[1,,]`
            level.last_comma = at
        level.awaiting_key = level.is_object
    else:
        level.awaiting_key = False


def _value(level: _Level | None, is_string: bool, token: str, at: int, result: Scan) -> Path:
    """Record a key or an item at offset `at`; return the path of the value that starts there."""
    if level is None:
        return ()
    level.last_comma = -1
    if level.is_object:
        if level.awaiting_key and is_string:
            _key(level, token, at, result)
            level.awaiting_key = False
        return (*level.path, level.key or "")
    path = (*level.path, level.items)
    level.items += 1
    result.keys[path] = at
    return path


def _key(level: _Level, token: str, at: int, result: Scan) -> None:
    try:
        key = json.loads(token)
    except ValueError:
        return  # the standard parser reports the error in the string
    if key in level.seen:
        result.faults.append(Fault(f'the key "{key}" is given twice', at, level.seen[key], FaultKind.DUPLICATE))
    else:
        level.seen[key] = at
        result.keys[(*level.path, key)] = at
    level.key = key


def _blanked(text: str, blanks: list[tuple[int, int]]) -> str:
    pieces, last = [], 0
    for begin, end in sorted(blanks):
        pieces.append(text[last:begin])
        pieces.append("".join(c if c == "\n" else " " for c in text[begin:end]))
        last = end
    pieces.append(text[last:])
    return "".join(pieces)


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """The line and the column of an offset, counted from 1 as in editors."""
    starts = _line_starts(text)
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


@lru_cache(maxsize=1)  # thousands of places in one file would otherwise take the square of its length
def _line_starts(text: str) -> tuple[int, ...]:
    return (0, *(match.end() for match in re.finditer("\n", text)))


def excerpt(text: str, offset: int) -> str:
    """Return the line of an offset, or the part of a long line around it, and a caret below it."""
    line, column = line_and_column(text, offset)
    before = min(column - 1, _BEFORE)
    part = text[offset - before : offset - before + _WIDTH]  # the line may have millions of characters
    shown = "".join(c if c.isprintable() else " " for c in part[:before] + part[before:].partition("\n")[0])
    wide = sum(2 if east_asian_width(c) in "WF" else 1 for c in shown[:before])
    number = f"{line} | "
    return f"{number}{shown.rstrip()}\n{' ' * (len(number) - 2)}| {' ' * wide}^"
