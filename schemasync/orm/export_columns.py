"""Finds renamed columns of models, and the values that existing rows get in new columns."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..diff.apply_renames import Renames, with_renames
from ..diff.dropped import MANY, SIMILAR, name_ratio
from ..diff.questions import Question
from ..schema import digest, write
from ..schema.affinity import affinity
from ..schema.model import Column, Table
from ..schema.names import fold, spell, to_key
from ..schema.text import dumps, literal
from ..schema.write import Json
from .column_hints import earlier_names, renamed_entry
from .export_decisions import Answers
from .export_problems import needs_fill
from .fills import NeedsFill
from .merge import only_column
from .models import Modelled
from .table_renames import TableRenames

QUESTIONS = 3  # at most, about the new name of one column that was also changed

Fill = Callable[[str, str], str | NeedsFill | None]
"""Maps (table, column) to the SQL of the value that existing rows get in a new column."""


@dataclass(frozen=True, slots=True)
class ColumnChanges:
    """Finds the changes of the columns of models. `moves`: the renamed tables."""

    models: Modelled
    fill: Fill
    answers: Answers
    moves: TableRenames

    def renamed(
        self, model: Table, before: Table, lost: list[Column], gained: list[Column], entries: dict[str, Json]
    ) -> Iterator[tuple[str, str]]:
        """Yield (folded new name, old name) for each renamed column, and add the new names to `entries`."""
        open_ = [c for c in lost if fold(c.name) not in earlier_names(entries)]
        old_names, new_names = set[str](), set[str]()
        candidates = self._candidates(model, before, open_, gained)
        for number, (old, column, is_certain) in enumerate(candidates):
            if old.name in old_names or column.name in new_names:
                continue
            others = (new.name for one, new, _ in candidates[number + 1 :] if one is old)
            is_last = new_names.issuperset(others)
            if is_certain or self._is_renamed(model, before, old, column, entries, is_last=is_last):
                old_names.add(old.name)
                new_names.add(column.name)
                entries[fold(column.name)] = renamed_entry(old, column, entries)
                yield fold(column.name), old.name

    def _candidates(
        self, model: Table, before: Table, lost: Sequence[Column], gained: Sequence[Column]
    ) -> list[tuple[Column, Column, bool]]:
        """Return (lost, gained, certain) for columns that may be the same: first certain pairs, then pairs with the
        same definition, then columns that may have been renamed and changed at once."""
        alike = [(old, new) for new in gained for old in lost if self._is_alike(model, before, old, new)]
        similar = [
            (old, new)
            for old in lost[:MANY]
            for new in _most_similar(old, [c for c in gained[:MANY] if (old, c) not in alike])
            if _may_be_changed(before, old, model, new)
        ]
        pairs = [(old, new, self._comes_along(model, before, old, new)) for old, new in alike]
        return [*sorted(pairs, key=lambda pair: not pair[2]), *((old, new, False) for old, new in similar)]

    def note_fills(self, wanted: Table, before: Table, gained: list[Column], entries: dict[str, Json]) -> None:
        """Write fills for existing rows of new columns and of columns that become NOT NULL, if Django would give them a
        value."""
        for column in gained:
            if column.default is None and column.generated is None:
                self._note_fill(wanted, column, entries, "{}")
        for column in wanted.columns:
            there = before.column(column.name)
            if there is not None and there.not_null is None and column.not_null is not None:
                self._note_fill(wanted, column, entries, f"coalesce({spell(column.name)}, {{}})")

    def _note_fill(self, table: Table, column: Column, entries: dict[str, Json], form: str) -> None:
        entry = entries.setdefault(fold(column.name), {})
        if "fill" in entry:
            return
        default = column.default
        value = write.plain(default) if default is not None else self.fill(table.name, column.name)
        if isinstance(value, NeedsFill):
            label = self.models.labels[fold(table.name)]
            self.answers.refuse(needs_fill(label, table, column, value, form), table.name)
        elif value is not None:
            entry["fill"] = form.format(value)

    def _is_alike(self, model: Table, before: Table, old: Column, new: Column) -> bool:
        renames = Renames(self.moves.moved, {fold(before.name): {fold(old.name): new.name}})
        return _said_of(with_renames(before, renames), new.name) == _said_of(model, new.name)

    def _comes_along(self, model: Table, table: Table, old: Column, new: Column) -> bool:
        """True if a column refers to a renamed model, and its name is made from the model's new name."""
        for key in table.foreign_keys:
            was, now = self.moves.called.get(fold(key.table), ("", ""))
            if key.columns != (old.name,):
                continue
            if fold(table.name) in self.moves.followed or (was and old.name.replace(was, now) == new.name):
                return True
            if self._is_through(model) and _refers(model, new, self.moves.moved.get(fold(key.table))):
                return True
        return False

    def _is_through(self, model: Table) -> bool:
        """True for a many-to-many table that Django makes itself: nobody can rename one of its fields."""
        label, labels = self.models.labels[fold(model.name)], self.models.labels.values()
        has_fields = any(table == fold(model.name) for table, _ in self.models.fields)
        return not has_fields and any(label.startswith(f"{other}_") for other in labels)

    def _is_renamed(
        self, model: Table, before: Table, old: Column, new: Column, entries: Mapping[str, Json], *, is_last: bool
    ) -> bool:
        place, label = literal(to_key(model.name)), self.models.labels[fold(model.name)]
        entry = {"type": write.column_text(model, new), **renamed_entry(old, new, entries)}
        return self.answers.decide(
            f"{model.name}.{old.name}",
            Question(f"Was {label}.{old.name} renamed to {new.name}?", before.name, old.name, is_last),
            f'{label} no longer has the column "{old.name}"; new in it: {new.name}. Renamed, or dropped?',
            f"If renamed: in {place}, add below {literal(to_key(old.name))}, which the export then removes: "
            f"{literal(to_key(new.name))}: {literal(entry)}\n"
            f"To drop it with the data: manage.py schemasync export --drop {shlex.quote(f'{model.name}.{old.name}')}",
        )


def _most_similar(old: Column, new: Sequence[Column]) -> list[Column]:
    return sorted(new, key=lambda column: name_ratio(old.name, column.name), reverse=True)[:QUESTIONS]


def _may_be_changed(before: Table, old: Column, model: Table, new: Column) -> bool:
    """True if a column may have been renamed and changed at once: the values have the same affinity, or the names are
    similar."""
    if old.generated is not None or new.generated is not None:
        return False
    is_same_kind = affinity(old, before.strict) is affinity(new, model.strict)
    return is_same_kind or name_ratio(old.name, new.name) >= SIMILAR


def _refers(table: Table, column: Column, parent: str | None) -> bool:
    """True if the column is a foreign key to that table."""
    return parent is not None and any(
        key.columns == (column.name,) and fold(key.table) == fold(parent) for key in table.foreign_keys
    )


def _said_of(table: Table, name: str) -> str:
    """Return the parts of a table that define one column alone, as JSON."""
    column, key = table.column(name), table.primary_key
    assert column is not None
    said = [digest.column_json(column)]
    said += [digest.unique_json(one) for one in table.uniques if only_column(one) == column.name]
    said += [digest.check_json(one) for one in table.checks if write.about(table, one) == column.name]
    said += [digest.foreign_key_json(one) for one in table.foreign_keys if only_column(one) == column.name]
    if key is not None and [one.column for one in key.columns] == [column.name]:
        said.append(digest.key_json(key))
    return dumps(said)
