"""Generates questions whether tables and columns were renamed or dropped, and writes the answers into a schema.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Code, Problem
from ..schema import document
from ..schema.edit import edit, with_first, with_member
from ..schema.jsonc import scan
from ..schema.names import from_key, to_key
from ..schema.shape_check import tables_of
from ..schema.text import literal


@dataclass(frozen=True, slots=True)
class Question:
    """A question whether something was renamed. The answer no drops it (the table, or its column if that is not empty),
    unless a question about another name follows: then `is_last` is False."""

    text: str
    table: str
    column: str = ""
    is_last: bool = True


Ask = Callable[[Question], bool]


@dataclass(frozen=True, slots=True)
class Choice:
    """A part that the schema lacks, and its possible new names. `table` is empty for a table."""

    table: str
    lost: str
    candidates: tuple[str, ...]

    def question(self, name: str, *, is_last: bool) -> Question:
        if self.table:
            return Question(f"Was {self.table}.{self.lost} renamed to {name}?", self.table, self.lost, is_last)
        return Question(f"Was the table {self.lost} renamed to {name}?", self.lost, is_last=is_last)


def choices(problems: Sequence[Problem]) -> tuple[Choice, ...]:
    """Return the choices that would settle all these problems; empty if a problem is of another kind."""
    if any(problem.code is not Code.RENAME_OR_DROP or "candidates" not in problem.facts for problem in problems):
        return ()
    return tuple(choice for problem in problems for choice in _choices(problem))


def _choices(problem: Problem) -> Iterator[Choice]:
    for lost in problem.facts["lost"]:
        yield Choice(problem.facts["table"] or "", lost, tuple(problem.facts["candidates"].get(lost, ())))


def answered(text: str, open_: Sequence[Choice], ask: Ask) -> str:
    """Return the text of schema.json with the hint for each answer."""
    taken: set[tuple[str, str]] = set()
    for choice in open_:
        names = [name for name in choice.candidates if (choice.table, name) not in taken]
        for name in names:
            if ask(choice.question(name, is_last=name == names[-1])):
                taken.add((choice.table, name))
                text = _renamed(text, choice, name)
                break
        else:
            text = _dropped(text, choice)
    return text


def _renamed(text: str, choice: Choice, name: str) -> str:
    tree = json.loads(scan(text).json)
    if not choice.table:
        key = _key(tree, name)
        if earlier := tree[key].get("_was"):
            return with_member(text, (key,), "_was", literal([choice.lost, *earlier]))
        return edit(text, {key: with_first(text, key, f'"_was": {literal([choice.lost])}')})
    key = _key(tree, choice.table)
    column = to_key(name)
    entry = tree[key][column] if column in tree[key] else _of_mixin(text, choice.table, name)
    if isinstance(entry, str):
        return with_member(text, (key,), column, literal({"type": entry, "was": [choice.lost]}))
    return with_member(text, (key, column), "was", literal([choice.lost, *entry.get("was", ())]))


def _of_mixin(text: str, table: str, name: str) -> Any:
    """Return the definition of a column that a mixin defines. The table may repeat it, to give its earlier name."""
    found = document.read(text.encode()).schema.table(table)
    column = found.column(name) if found is not None else None
    assert column is not None  # a choice names columns of the schema
    return json.loads(column.written)


def _dropped(text: str, choice: Choice) -> str:
    tree = json.loads(scan(text).json)
    if not choice.table:
        return edit(text, {"_dropped": literal([*tree.get("_dropped", ()), choice.lost])})
    key = _key(tree, choice.table)
    return with_member(text, (key,), "_dropped", literal([*tree[key].get("_dropped", ()), choice.lost]))


def _key(tree: dict[str, object], table: str) -> str:
    return next(key for key, _ in tables_of(tree) if from_key(key) == table)
