"""Replaces the placeholders of a mixin by the names of the table that uses it.

`{table}` is the name of the table. `{key}` identifies one of its rows, and `{NEW.key}` and `{OLD.key}` are its values
in a trigger: `WHERE {key} = {NEW.key}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .names import from_key, is_special, quote, spell, string_literal, to_key

PLACEHOLDER = "{table}"
_NAMES = ("name", "table")  # keys whose values are names, not SQL

# In SQL a name that contains the placeholder is quoted as a whole if it needs quotes: {table}_log.
_IN_SQL = re.compile(
    r"""
      (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<key>\{(?:(?:new|old)\.)?key\})
    | (?P<name>(?:[\w$]|\{table\})*\{table\}(?:[\w$]|\{table\})*)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TableNames:
    """A table, and the columns that identify its rows: the row id, or the primary key of a WITHOUT ROWID table."""

    table: str
    key: tuple[str, ...] = ()

    def key_of(self, row: str = "") -> str:
        """The key as SQL; `row`: NEW or OLD, for its values in that row of a trigger."""
        names = [f"{row}.{spell(name)}" if row else spell(name) for name in self.key]
        return names[0] if len(names) == 1 else f"({', '.join(names)})"


def filled_in(value: Any, names: TableNames) -> Any:
    """The value of a mixin with its placeholders replaced, in keys, names and SQL."""
    if isinstance(value, dict):  # a column may be called "name"
        return {_key(key, names): _filled(item, names, is_name=False) for key, item in value.items()}
    return _filled(value, names, is_name=False)


def _filled(value: Any, names: TableNames, *, is_name: bool) -> Any:
    match value:
        case str():
            return value.replace(PLACEHOLDER, names.table) if is_name else _sql(value, names)
        case list():
            return [_filled(item, names, is_name=is_name) for item in value]
        case dict():
            return {_key(key, names): _filled(item, names, is_name=key in _NAMES) for key, item in value.items()}
        case _:
            return value


def _key(key: str, names: TableNames) -> str:
    if PLACEHOLDER not in key or is_special(key):
        return key
    return to_key(from_key(key).replace(PLACEHOLDER, names.table))


def _sql(text: str, names: TableNames) -> str:
    return _IN_SQL.sub(lambda found: _piece(found, names), text) if "{" in text else text


def _piece(found: re.Match[str], names: TableNames) -> str:
    text = found.group()
    match found.lastgroup:
        case "string":
            return text.replace(PLACEHOLDER, string_literal(names.table)[1:-1])
        case "quoted":
            return text.replace(PLACEHOLDER, quote(names.table)[1:-1])
        case "name":
            return spell(text.replace(PLACEHOLDER, names.table))
        case _:
            return names.key_of(text[1:4].upper() if "." in text else "")
