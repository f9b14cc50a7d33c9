"""Reads the file that says which columns are personal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from ..errors import Code, Refused, SchemaInvalid
from ..schema.diagnostics import Diagnostics
from ..schema.load import read_tree
from ..schema.names import fold
from ..schema.text import nearest
from .masker import MaskKind


class Whole(StrEnum):
    """How the rules treat a whole table."""

    EMPTY = "empty"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a file. `columns`: table -> column -> kind. `whole`: table -> rule for all of it. Names are spelled
    as in the file; the methods find a table by its folded name."""

    columns: Mapping[str, Mapping[str, MaskKind]] = field(default_factory=dict)
    whole: Mapping[str, Whole] = field(default_factory=dict)

    def of(self, table: str) -> Mapping[str, MaskKind]:
        """Return the kinds of a table's columns, by folded name."""
        named = next((found for name, found in self.columns.items() if fold(name) == fold(table)), {})
        return {fold(column): kind for column, kind in named.items()}

    def whole_of(self, table: str) -> Whole | None:
        """Return the rule for the whole table; None without one."""
        return next((found for name, found in self.whole.items() if fold(name) == fold(table)), None)

    def leaves_out(self, table: str) -> bool:
        """True if the rows of the table are left out."""
        return self.whole_of(table) is Whole.EMPTY

    def names(self, table: str) -> bool:
        """Return True if the rules mention the table."""
        return self.whole_of(table) is not None or any(fold(name) == fold(table) for name in self.columns)


EXAMPLE = '{"users": {"email": "text", "born": "date"}, "sessions": "empty"}'


def read_rules(data: bytes, source: str) -> Rules:
    """The rules of a file. Raises Refused with all of its errors."""
    faults = Diagnostics(source)
    try:
        tree = read_tree(data, faults)
        columns: dict[str, Mapping[str, MaskKind]] = {}
        whole: dict[str, Whole] = {}
        seen: dict[str, str] = {}
        for table, rule in tree.items():
            if fold(table) in seen:
                faults.note(Code.BAD_MASK, f'"{table}" and "{seen[fold(table)]}" are one table to SQLite', at=(table,))
            seen[fold(table)] = table
            if isinstance(rule, dict):
                columns[table] = _kinds(table, rule, faults)
            elif rule in tuple(Whole):
                whole[table] = Whole(rule)
            else:
                hint = f'Write "empty" to leave its rows out, "keep" to keep them, or its columns: {EXAMPLE}'
                faults.note(Code.BAD_MASK, f'"{table}" has a rule that is none', hint, at=(table,))
        faults.stop()
    except SchemaInvalid as error:
        raise _of_rules(error) from error
    return Rules(columns, whole)


def _kinds(table: str, rule: Mapping[str, Any], faults: Diagnostics) -> Mapping[str, MaskKind]:
    found = {}
    seen: set[str] = set()
    for column, kind in rule.items():
        if fold(column) in seen:
            faults.note(Code.BAD_MASK, f'"{table}.{column}" is given twice', at=(table, column))
        seen.add(fold(column))
        if isinstance(kind, str) and kind in tuple(MaskKind):
            found[column] = MaskKind(kind)
            continue
        near = nearest(kind, [str(one) for one in MaskKind]) if isinstance(kind, str) else None
        question = f'Did you mean "{near}"? ' if near else ""
        kinds = ", ".join(f'"{one}"' for one in MaskKind)
        faults.note(
            Code.BAD_MASK,
            f'"{table}.{column}" has a kind that is none',
            f"{question}Kinds are {kinds}.",
            at=(table, column),
        )
    return found


def _of_rules(error: SchemaInvalid) -> Refused:
    """Return errors in the JSON itself with a code and a hint for this file."""
    return Refused(
        one if one.code is Code.BAD_MASK else replace(one, code=Code.BAD_MASK, hint=f"An example: {EXAMPLE}")
        for one in error.problems
    )
