"""Finds renamed tables of models: certain renames, and others that need an answer."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ..diff.questions import Question
from ..schema.document import Document
from ..schema.model import Table
from ..schema.names import fold, from_key
from ..schema.shape_check import tables_of
from ..schema.text import literal
from ..schema.write import Json
from .models import Label

Decide = Callable[[str, Question, str, str], bool]
"""Decides whether a table was renamed: asks a question, or records a message and a hint if nobody can be asked."""


@dataclass(frozen=True, slots=True)
class Owned:
    """A table that a model owned when the file was last written: its key, and its value."""

    key: str
    body: Json

    @property
    def label(self) -> Label:
        return str(self.body["_model"])


@dataclass(slots=True)
class TableRenames:
    """The renamed tables.

    `moved` maps folded old names to new names. `called` maps folded old names to the old and new names of the models,
    as in names of columns. `followed`: folded old names of through tables that were renamed with a model's table.
    """

    read: Document
    tree: Json
    labels: Mapping[str, Label]
    decide: Decide
    moved: dict[str, str] = field(default_factory=dict)
    called: dict[str, tuple[str, str]] = field(default_factory=dict)
    followed: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)

    def find(self, lost: Mapping[str, Owned], gained: list[Table]) -> dict[str, str]:
        """Map folded new names to folded old ones. The same model with another table name is certain, and so are
        through tables of a renamed table. A model with similar columns may be renamed: that is a question, as in
        makemigrations."""
        found: dict[str, str] = {}
        while match := self._next_rename(
            {name: one for name, one in lost.items() if name not in found.values()},
            [table for table in gained if fold(table.name) not in found],
        ):
            old, table = match
            found[fold(table.name)] = old
            self.moved[old] = table.name
            self.called[old] = (_model_name(lost[old].label), _model_name(self.labels[fold(table.name)]))
        return found

    def _next_rename(self, lost: Mapping[str, Owned], gained: list[Table]) -> tuple[str, Table] | None:
        """Return the most certain rename, as (folded old name, new table), because it may make others certain; None if
        none is left."""
        certain, asked = (self._has_label, self._follows), (self._same_model, self._similar_model, self._changed_model)
        for is_it in (*certain, *asked):
            for table in gained:
                old = next((name for name, one in lost.items() if is_it(one, table)), None)
                if old is not None:
                    self.followed |= {old} if is_it == self._follows else set()
                    return old, table
        return None

    def _has_label(self, one: Owned, table: Table) -> bool:
        return one.label == self.labels[fold(table.name)]

    def _follows(self, one: Owned, table: Table) -> bool:
        """True for the through table of a many-to-many field whose model was renamed, now or by hand in the file."""
        labels = (one.label, self.labels[fold(table.name)])
        name, new = fold(from_key(one.key)), fold(table.name)
        return any(
            rest.startswith("_") and all(fold(label).endswith(rest) for label in labels)
            for before, after in self._moves()
            if name.startswith(before) and new == after + (rest := name.removeprefix(before))
        )

    def _moves(self) -> Iterator[tuple[str, str]]:
        """Yield folded old and new names of tables, from the file and from this search."""
        for key, body in tables_of(self.tree):
            yield from ((fold(was), fold(from_key(key))) for was in body.get("_was", ()))
        yield from ((old, fold(new)) for old, new in self.moved.items())

    def _same_model(self, one: Owned, table: Table) -> bool:
        old = self.read.schema.table(from_key(one.key))
        return old is not None and _shape(old) == _shape(table) and self._is_renamed_model(one, old, table)

    def _similar_model(self, one: Owned, table: Table) -> bool:
        old = self.read.schema.table(from_key(one.key))
        if old is None or _types(old) != _types(table):
            return False
        moved = {**self.moved, fold(old.name): table.name}
        parents = sorted(fold(moved.get(fold(key.table), key.table)) for key in old.foreign_keys)
        if parents != sorted(fold(key.table) for key in table.foreign_keys):
            return False
        return self._is_renamed_model(one, old, table)

    def _changed_model(self, one: Owned, table: Table) -> bool:
        """True if both tables share at least half of their columns, and the answer is that the model was renamed and
        changed."""
        old = self.read.schema.table(from_key(one.key))
        if old is None or old.virtual is not None:
            return False
        before, after = _own_columns(old), _own_columns(table)
        return 2 * len(before & after) >= len(before | after) > 0 and self._is_renamed_model(one, old, table)

    def _is_renamed_model(self, one: Owned, old: Table, table: Table) -> bool:
        label = self.labels[fold(table.name)]
        question = Question(f"Was the model {one.label} renamed to {label}?", old.name)
        if question.text in self.asked or not _akin(one.label, label):
            return False
        self.asked.add(question.text)
        return self.decide(
            old.name,
            question,
            f'the model {one.label} (table "{old.name}") is missing, and {label} (table "{table.name}") is similar. '
            "Renamed, or dropped?",
            f'If renamed: in {literal(one.key)} of schema.json, "_model": {literal(label)}\n'
            f"To drop it with the data: manage.py schemasync export --drop {shlex.quote(old.name)}",
        )


def is_alike(old: Table, new: Table) -> bool:
    """True if the columns of both have the same types, whatever their names."""
    return old.virtual is None and _types(old) == _types(new)


def _own_columns(table: Table) -> set[str]:
    """Return the folded names of the columns without the primary key, which most models have in common."""
    key = {fold(column.column or "") for column in table.primary_key.columns} if table.primary_key else set()
    return {fold(column.name) for column in table.columns} - key


def _akin(one: Label, other: Label) -> bool:
    """True for models of one app, which may be renamed, and for models of the same name, which may have moved."""
    return any(a == b for a, b in zip(one.split("."), other.split("."), strict=False))


def _model_name(label: Label) -> str:
    return label.rpartition(".")[2].lower()


def _shape(table: Table) -> list[tuple[str, str]]:
    return sorted((fold(column.name), column.type.canonical) for column in table.columns)


def _types(table: Table) -> list[str]:
    return sorted(column.type.canonical for column in table.columns)
