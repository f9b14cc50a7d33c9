"""What the new schema no longer has and no hint explains: refused, with both hints ready to paste."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import Code, Problem
from ..schema.names import to_key


@dataclass(slots=True)
class Lost:
    """Lost names beside gained ones, as they are found: tables, and columns by table."""

    found: list[tuple[str | None, Sequence[str], Sequence[str]]] = field(default_factory=list)

    def tables(self, lost: Sequence[str], gained: Sequence[str]) -> None:
        if lost:
            self.found.append((None, lost, gained))

    def columns(self, table: str, lost: Sequence[str], gained: Sequence[str]) -> None:
        if lost:
            self.found.append((table, lost, gained))


def refusals(lost: Lost) -> tuple[Problem, ...]:
    """One problem for each table (or for the tables together) that lost something."""
    return tuple(_problem(*entry) for entry in lost.found)


def _problem(table: str | None, lost: Sequence[str], gained: Sequence[str]) -> Problem:
    what = "table" if table is None else "column"
    names = ", ".join(f'"{name}"' for name in lost)
    where = "the schema" if table is None else f'table "{table}"'
    one = len(lost) == 1
    message = f"{where} no longer has the {what}{'' if one else 's'} {names}, which the database has"
    facts = {"table": table, "lost": list(lost), "gained": list(gained)}
    drop = f"To drop {'it' if one else 'them'} with the data: {_dropped_hint(table, lost)}"
    if not gained:
        return Problem(Code.LOST_TABLE if table is None else Code.LOST_COLUMN, message, drop, facts)
    message += f"; new in it: {', '.join(gained)}. Renamed, or dropped?"
    renames = [_rename_hint(table, old, new) for old, new in _proposals(lost, gained)]
    hint = "\n".join([*(f"If renamed: {text}" for text in renames), drop])
    return Problem(Code.RENAME_OR_DROP, message, hint, facts)


def _proposals(lost: Sequence[str], gained: Sequence[str]) -> list[tuple[str, str]]:
    """Lost names beside gained ones in their order; with one lost name, every gained one."""
    if len(lost) == 1:
        return [(lost[0], new) for new in gained]
    return list(zip(lost, gained, strict=False))


def _rename_hint(table: str | None, old: str, new: str) -> str:
    was = _json([old])
    if table is None:
        return f'in {_json(to_key(new))}: "_was": {was}'
    return f'in {_json(to_key(table))}: {_json(to_key(new))}: {{"type": …, "was": {was}}}'


def _dropped_hint(table: str | None, lost: Sequence[str]) -> str:
    names = lost if table is None else [f"{table}.{name}" for name in lost]
    options = " ".join(f"--allow-drop {shlex.quote(name)}" for name in names)
    place = "at the top of schema.json" if table is None else f"in {_json(to_key(table))}"
    return f'"_dropped": {_json(list(lost))} {place}, or once: {options}'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
