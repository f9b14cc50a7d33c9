"""Collects parts of a schema that cannot be made on PostgreSQL, each with the place in schema.json to define it by
hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ...errors import Code, Problem
from ...schema.names import to_key
from .expressions.translate import Untranslated

NOT_SAFE = "is not known to mean the same on PostgreSQL"


@dataclass(slots=True)
class Refusals:
    """All refusals of a schema, which are reported at once. `notes`: parts that are made, and differ from SQLite."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, message: str, hint: str, code: Code = Code.NOT_TRANSLATED, **facts: Any) -> None:
        self.problems.append(Problem(code, message, hint, facts))

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def column(self, table: str, column: str, what: str, error: Untranslated) -> None:
        self.add(
            f'{what} of "{table}"."{column}" {NOT_SAFE}: {error}',
            self.beside_column(table, column, "the definition there"),
            table=table,
            column=column,
            reasons=list(error.reasons),
        )

    def index(self, table: str, index: str, error: Untranslated) -> None:
        self._of_table(table, "index", index, "indexes", "(what it is over there)", error)

    def check(self, table: str, check: str, error: Untranslated) -> None:
        self._of_table(table, "CHECK", check, "checks", "the expression there", error)

    def _of_table(self, table: str, what: str, name: str, key: str, value: str, error: Untranslated) -> None:
        by_hand = f'"_postgres": {_json({key: {name: value}})}'
        self.add(
            f'the {what} "{name}" of "{table}" {NOT_SAFE}: {error}',
            f"In schema.json, in {_json(to_key(table))}: {by_hand}, or to leave it out: "
            f'"_postgres": {_json({"skip": [name]})}',
            table=table,
            name=name,
            reasons=list(error.reasons),
        )

    def view(self, view: str, error: Untranslated) -> None:
        by_hand = f'"postgres": {_json({"select": "the SELECT there"})}'
        self.add(
            f'the view "{view}" {NOT_SAFE}: {error}',
            f'In schema.json, in the object of {_json(to_key(view))} in "_views": {by_hand}, or to leave it out: '
            f'"postgres": {_json({"skip": [view]})}',
            name=view,
            reasons=list(error.reasons),
        )

    def not_skipped(self, owner: str, kind: str, name: str, *, is_view: bool) -> None:
        key = "postgres" if is_view else "_postgres"
        where = f'the object of {_json(to_key(owner))} in "_views"' if is_view else _json(to_key(owner))
        self.add(
            f'the {kind} "{name}" has no counterpart on PostgreSQL that could be made from it',
            f'If it can be left out there: in schema.json, in {where}: "{key}": {_json({"skip": [name]})}',
            Code.NOT_SKIPPED,
            table=owner,
            name=name,
        )

    def unknown(self, owner: str, name: str) -> None:
        self.add(
            f'what schema.json says of "{owner}" on PostgreSQL names "{name}", which it does not have',
            "Correct the name, or remove it.",
            Code.UNKNOWN_ON_POSTGRES,
            table=owner,
            name=name,
        )

    def beside_column(self, table: str, column: str, definition: str) -> str:
        entry = _json({"type": "…", "postgres": definition})
        return f"In schema.json, in {_json(to_key(table))}: {_json(to_key(column))}: {entry}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
