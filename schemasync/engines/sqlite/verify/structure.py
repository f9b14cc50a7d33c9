"""Compares the schema of the new file with that of schema.json."""

from __future__ import annotations

from collections.abc import Iterable

from ....errors import Code, Failed, Problem
from ....plan.model import Plan
from ....schema.subset import differing_exactly, ours
from ..connection import Connection
from ..fence import MARK_TABLE
from ..inspect import inspect
from ..objects import Object, is_temporary


def only_marked(connection: Connection) -> None:
    """Check that a new file has none of our temporary tables except the mark, which is removed when the file goes live.
    Raises Failed."""
    rows = connection.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")
    left = sorted(name for (name,) in rows if is_temporary(name) and name != MARK_TABLE)
    if left:
        raise Failed(
            Problem(Code.VERIFY_DIFFERS, f'"{name}" is left in the new file', "Please report it.", {"object": name})
            for name in left
        )


def structure(connection: Connection, plan: Plan, foreign: Iterable[Object]) -> None:
    """Check that our objects equal their definitions in schema.json, and that foreign objects have the same text. The
    columns of a created or rewritten table have the order of schema.json, those of a kept one the order that they had.

    Raises Failed if not.
    """
    found = inspect(connection)
    wrong = differing_exactly(plan.built, ours(found.schema, plan.new))
    texts = {o.key: o.sql for o in found.objects}
    wrong |= {o.name for o in foreign if texts.get(o.key) != o.sql}
    if wrong:
        raise Failed(
            Problem(
                Code.VERIFY_DIFFERS, f'"{name}" is not built as it should be', "Please report it.", {"object": name}
            )
            for name in sorted(wrong)
        )
