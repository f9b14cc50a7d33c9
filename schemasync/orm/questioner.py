"""Answers the questions of makemigrations from the history and from schema.json."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.apps.registry import Apps
from django.core.exceptions import ValidationError
from django.db.migrations.questioner import InteractiveMigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field, Model
from django.utils import timezone

from ..engines.sqlite.connection import Opener
from ..engines.sqlite.dry_run import constant, is_volatile
from ..errors import Code, Problem, Refused
from ..history.lineage import Lineage
from ..history.row import HistoryRow
from ..history.rows import schema_of
from ..schema.document import Document
from ..schema.names import fold

TableColumn = tuple[str, str | None]
"""A folded table name and a folded column name; the table of a many-to-many field has no column."""


@dataclass(frozen=True, slots=True)
class Past:
    """The names in the history. `tables`: the folded names of the tables when the history began. `names`: maps those
    that still exist to their current folded names, and their columns likewise."""

    tables: frozenset[str]
    names: Mapping[str, tuple[str, Mapping[str, str]]]

    def knows(self, place: TableColumn) -> bool:
        """True if the history has the table, even if it or the column was dropped."""
        return place[0] in self.tables

    def became(self, place: TableColumn) -> TableColumn | None:
        """Return its current name; None if it was dropped."""
        table, columns = self.names.get(place[0], ("", {}))
        if not table or (place[1] is not None and place[1] not in columns):
            return None
        return table, None if place[1] is None else columns[place[1]]


def past(rows: Sequence[HistoryRow]) -> Past:
    """Return the names in the history, up to the live generation."""
    lineage = Lineage(rows)
    live = rows[-1].generation
    *_, first = lineage.line(live)
    names = {
        fold(old): (fold(new), {fold(a): fold(b) for a, b in columns.items()})
        for old, (new, columns) in lineage.origins(live).items()
    }
    return Past(frozenset(fold(table.name) for table in schema_of(first).tables), names)


class Questioner(InteractiveMigrationQuestioner):
    """`past`: tables and columns that the database had when its history began, and their current names.

    A field that was added without a default gets the value that filled its column. For other questions a person on the
    terminal is asked; without a terminal, `stop` refuses, with all questions.
    """

    def __init__(self, past: Past, document: Document, opener: Opener, *, can_ask: bool) -> None:
        super().__init__()
        self.past, self.document, self.opener, self.can_ask = past, document, opener, can_ask
        self.before, self.problems = Apps(), list[Problem]()
        self.owners: dict[int, tuple[str, str]] = {}

    def begin(self, before: Apps, now: ProjectState, own: Collection[str]) -> None:
        """Set the models. `before`: at the state of the migrations. `now`: the current ones. `own`: the labels for
        which migrations are made."""
        self.before, self.specified_apps = before, set(own)
        self.owners = {id(field): key for key, model in now.models.items() for field in model.fields.values()}

    def stop(self) -> None:
        """Raise Refused for questions without an answer."""
        if self.problems:
            raise Refused(self.problems)

    # --- renames --------------------------------------------------------------------------------------------

    def ask_rename(self, model_name: str, old_name: str, new_name: str, field_instance: Any) -> bool:
        label, _ = self.owners[id(field_instance)]  # the question does not name the app
        new = [_place(apps.get_model(label, model_name), new_name)]
        of_app = self.before.get_app_config(label).get_models()
        old = [_place(model, old_name) for model in of_app if _has(model, old_name)]
        if known := [one for one in old if self.past.knows(one)]:
            return any(self.past.became(one) in new for one in known)
        return self.can_ask and bool(super().ask_rename(model_name, old_name, new_name, field_instance))

    def ask_rename_model(self, old_model_state: Any, new_model_state: Any) -> bool:
        old = self.before.get_model(old_model_state.app_label, old_model_state.name)
        new = apps.get_model(new_model_state.app_label, new_model_state.name)
        place = (fold(old._meta.db_table), None)
        if self.past.knows(place):
            return self.past.became(place) == (fold(new._meta.db_table), None)
        return self.can_ask and bool(super().ask_rename_model(old_model_state, new_model_state))

    def _models(self, registry: Any, name: str) -> list[type[Model]]:
        found = (registry.all_models[label].get(name.lower()) for label in self.specified_apps)
        return [model for model in found if model is not None]

    # --- values ---------------------------------------------------------------------------------------------

    def ask_not_null_addition(self, field_name: str, model_name: str) -> Any:
        found = [model for model in self._models(apps, model_name) if _has(model, field_name)]
        if len(found) == 1 and (value := self._filled(found[0], field_name)) is not NOT_PROVIDED:
            return value
        if self.can_ask:
            return super().ask_not_null_addition(field_name, model_name)
        self.problems.append(
            Problem(
                Code.PROMPT_NEEDED,
                f"{model_name}.{field_name} was added without a default, and a migration needs one for existing rows "
                "in other databases",
                "Run it on a terminal, which asks; or give the field a default, or its column in schema.json a `fill` "
                "with one value.",
            )
        )
        return ""

    def _filled(self, model: type[Model], field_name: str) -> Any:
        field: Field[Any, Any] = model._meta.get_field(field_name)  # type: ignore[assignment]
        column = (fold(model._meta.db_table), fold(str(field.column)))
        fills = (sql for (table, name), sql in self.document.hints.fills.items() if (fold(table), fold(name)) == column)
        fill = next(fills, None)
        value = _one_value(fill.text, self.opener) if fill is not None else None
        if value is None:
            return NOT_PROVIDED
        try:
            return field.to_python(value)
        except ValidationError:
            return NOT_PROVIDED

    def ask_not_null_alteration(self, field_name: str, model_name: str) -> Any:
        return NOT_PROVIDED  # this database has it; in another one its owner has to fix rows without a value

    def ask_auto_now_add_addition(self, field_name: str, model_name: str) -> Any:
        return timezone.now

    def ask_unique_callable_default_addition(self, field_name: str, model_name: str) -> Any:
        return None  # Django's value for continuing


def _one_value(sql: str, opener: Opener) -> Any:
    """Return the value that a fill gives every row; None if values differ, which a migration cannot express."""
    return None if is_volatile(opener, None, sql) else constant(opener, sql)


def _has(model: type[Model], field_name: str) -> bool:
    return any(field.name == field_name for field in (*model._meta.local_fields, *model._meta.local_many_to_many))


def _place(model: type[Model], field_name: str) -> TableColumn:
    field: Any = model._meta.get_field(field_name)
    if field.many_to_many:
        return fold(field.remote_field.through._meta.db_table), None
    return fold(model._meta.db_table), fold(field.column)
