"""How many rows two generations differ by, table by table, seen through the mapping that led from one to the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import Refused
from ...plan.model import Action, Step
from ...schema.names import quote
from .connection import Connection
from .mapping import key_of, mapping
from .verify import changed_rows


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of a table that only the older (`removed`) or the newer side (`added`) has, or that differ (`changed`).

    `comparable` is False where keys changed between the two, or one side does not have the table.
    """

    table: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    comparable: bool = True
    note: str = ""

    def reversed(self) -> Tally:
        """The same seen from the other side."""
        return Tally(self.table, self.removed, self.changed, self.added, self.comparable, self.note)

    @property
    def is_empty(self) -> bool:
        return self.comparable and not (self.added or self.changed or self.removed)


def tally(connection: Connection, steps: Iterable[Step]) -> tuple[Tally, ...]:
    """Compare `main`, the newer side, with `old`, the older one, which is attached."""
    return tuple(_one(connection, step) for step in steps)


def _one(connection: Connection, step: Step) -> Tally:
    """What cannot be counted (row ids out of reach, a table that somebody dropped) is no reason to bar the way back."""
    try:
        return _counted(connection, step)
    except Refused as refusal:
        return Tally(step.name, comparable=False, note=refusal.problems[0].message)
    except sqlite3.Error as error:
        return Tally(step.name, comparable=False, note=str(error))


def _counted(connection: Connection, step: Step) -> Tally:
    if step.action is Action.CREATE:
        rows = _count(connection, f"main.{quote(step.name)}")
        return Tally(step.name, added=rows, note="not in the older one")
    if step.action is Action.DROP:
        rows = _count(connection, f"old.{quote(step.name)}")
        return Tally(step.name, removed=rows, note="not in the newer one")
    if step.old is None or step.new is None:
        return Tally(step.name, comparable=False, note="made by hand, and taken into schema.json later")
    if step.new.virtual is not None or step.old.virtual is not None:
        return Tally(step.name, comparable=False, note="a virtual table")
    mapped = mapping(step)
    key = key_of(mapped)
    if key is None:
        return Tally(step.name, comparable=False, note="its key changed")
    return Tally(step.name, *changed_rows(connection, mapped, key))


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
