"""Writes the tables that models own into schema.json, and keeps every other byte unchanged."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace

from ..diff.changes import Change
from ..diff.compare import compare
from ..diff.questions import Ask
from ..errors import Refused
from ..schema import document
from ..schema.document import Document
from ..schema.edit import edit
from ..schema.jsonc import scan
from ..schema.model import Table
from ..schema.names import fold
from .export_columns import Fill
from .export_decisions import NOTHING_DECIDED, Answers, Decisions
from .export_tables import NO_MIGRATIONS, DataMigrations, TablesExport
from .models import Modelled

EMPTY = "// The schema of the database. Tables with _model are written by: manage.py schemasync export\n{\n}\n"


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export: the new content of the file, and its changes.

    `untold`: tables of models without `_model`, which stay unchanged. `claimed`: tables that get it. `relabelled`:
    tables whose only change is the model. `released`: tables that their installed model no longer owns (because it is
    now unmanaged, for example): they stay, without `_model`. `moved_out`: tables of apps that keep their migrations,
    which are removed from the file.
    """

    text: str
    changes: tuple[Change, ...]
    relabelled: tuple[str, ...]
    untold: tuple[str, ...]
    notes: tuple[str, ...]
    released: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    moved_out: tuple[str, ...] = ()

    def differs(self, text: str | None) -> bool:
        """True if the file does not match the models."""
        return self.text != (text if text is not None else EMPTY)

    def ownership(self) -> list[str]:
        """Return one line for each table that gets another owner."""
        return [
            *(f"{table}: another model owns it" for table in self.relabelled),
            *(f"{table}: owned by its model from now on" for table in self.claimed),
            *(f"{table}: left to the migrations of its app" for table in self.moved_out),
            *(f"{table}: no longer owned by a model" for table in self.released),
        ]


def export(
    text: str | None,
    models: Modelled,
    fill: Fill,
    ask: Ask | None = None,
    source: str = "schema.json",
    migrations: DataMigrations = NO_MIGRATIONS,
    decisions: Decisions = NOTHING_DECIDED,
) -> Exported:
    """Return the text of schema.json with the tables of the models; `text` is None if there is no file yet.

    Refuses data migrations that the file does not name yet. If a column or table is missing and a similar one is new,
    `ask` decides whether it was renamed, except for names in `decisions.drop`. Refuses a table without `_model` that
    differs from its model, unless `decisions.claim` is set. Raises Refused with both hints if nobody can be asked, and
    SchemaInvalid if the file is invalid.
    """
    before = EMPTY if text is None else text
    read = document.read(before.encode(), source)
    alone = replace(read, schema=document.schema_as_written(read))  # a model owns none of the parts that a mixin makes
    tree = json.loads(scan(before).json)
    answers = Answers(alone, tree, ask, decisions)
    job = TablesExport(before, alone, tree, models, fill, answers)
    job.run()
    job.note_migrations(migrations)
    if answers.problems:
        raise Refused(answers.problems)
    after = edit(before, job.put, job.remove)
    again = document.read(after.encode(), source)
    stay = [_without_new_names(t, read, again) for t in read.schema.tables if t.name not in job.moved_out]
    changes = compare(replace(read.schema, tables=tuple(stay)), again.schema, again.hints).changes
    relabelled, untold, released, claimed = map(tuple, (job.relabelled, job.untold, job.released, job.claimed))
    notes = (*models.notes, *map(_stays, job.of_removed_apps))
    return Exported(after, changes, relabelled, untold, notes, released, claimed, tuple(job.moved_out))


def _stays(table: str) -> str:
    drop = f"manage.py schemasync export --drop {shlex.quote(table)}"
    return f"{table} stays, though its app is not installed; to drop it with its rows: {drop}"


def _without_new_names(table: Table, before: Document, after: Document) -> Table:
    """Return the table without columns that the file has in addition to their old names, as after pasting the hint of a
    rename, so that the export counts as a rename."""
    new = after.schema.table(table.name)
    there = {fold(column.name) for column in table.columns}
    gone = there - {fold(column.name) for column in new.columns} if new is not None else set()
    beside = {
        fold(column)
        for (name, column), earlier in before.hints.columns_were.items()
        if name == table.name and gone & set(map(fold, earlier))
    }
    return replace(table, columns=tuple(column for column in table.columns if fold(column.name) not in beside))
