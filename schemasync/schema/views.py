"""Reads the views of a schema.json, and the triggers of views and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Code
from . import create, lexer, normalize
from .diagnostics import Diagnostics
from .jsonc import Path
from .model import Trigger, View
from .names import fold, from_key


def read_views(views: Mapping[str, Any], faults: Diagnostics) -> list[View]:
    """Read the views under `_views`. Errors in definitions are recorded in `faults`."""
    found = []
    for key, item in views.items():
        name = from_key(key)
        shape: dict[str, Any] = {"select": item} if isinstance(item, str) else item
        path = ("_views", key)
        triggers = [
            read_trigger(from_key(trigger), sql, name, (*path, "triggers", trigger), faults)
            for trigger, sql in shape.get("triggers", {}).items()
        ]
        select = create.statement(shape["select"])
        if any(token.text == ";" for token in lexer.tokens(select.text)):
            faults.note(Code.BAD_DEFINITION, f'view "{name}" is more than one statement', at=path)
        found.append(View(name, select, tuple(shape.get("columns", ())), normalize.by_name(triggers)))
    return found


def read_trigger(name: str, sql: str, owner: str, path: Path, faults: Diagnostics) -> Trigger:
    """Read a trigger under its table or view. It is an error if the trigger is on another one."""
    body = create.statement(sql)
    target = create.trigger_table(body)
    if fold(target) != fold(owner):
        faults.note(
            Code.BAD_DEFINITION,
            f'trigger "{name}" is ON {target or "nothing"} but stands under "{owner}"',
            "Write the SQL after the name: AFTER UPDATE ON " + owner + " BEGIN … END",
            at=path,
        )
    return Trigger(name, body)
