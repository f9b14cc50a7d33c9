"""Writes the tables of the installed models into schema.json."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypedDict

from .. import conf, databases
from ..diff.changes import ChangeJson
from ..diff.changes import as_json as change_json
from ..diff.questions import Question
from ..errors import Problem, ProblemJson
from ..files.layout import Layout, PathKind
from ..orm.comparison import Comparison, agreement
from ..orm.data_migrations import is_of_others
from ..orm.export import Exported
from ..orm.export_decisions import NOTHING_DECIDED, Decisions
from ..orm.project import Project
from ..schema.text import count
from ..sync import row_counts
from .database import Database, write_text

ExportResult = Literal["exported", "current", "differs"]


class ExportJson(TypedDict):
    """The output of `manage.py schemasync export --json`."""

    result: ExportResult
    """`differs` only with `--check`."""
    file: str
    changes: list[ChangeJson]
    model_changed: list[str]
    """Tables whose only change is the name of the model."""
    released: list[str]
    """Tables that their installed model no longer owns."""
    moved_out: list[str]
    """Tables of apps that keep their migrations."""
    not_expressed: list[str]
    """Tables with an installed model that lack `_model`."""
    claimed: list[str]
    """Tables that `--claim` marked."""
    notes: list[str]
    errors: list[ProblemJson]


def meaning_of_no(question: Question, held: int | None) -> str:
    """Return the consequence of the answer no. `held`: the number of rows of the table, or of values of the column;
    None if unknown."""
    if not question.is_last:
        return "If not, the next question is about another name."
    what, unit = ("column", "value") if question.column else ("table", "row")
    if held is None:
        return f"If not, the {what} is dropped."
    return f"If not, the {what} is dropped, with {count(held, unit)}."


def data_left(names: Iterable[str], *, has_seed: bool) -> list[str]:
    """Return lines about data migrations that never run on a new database. Those of the project's own apps are omitted
    with `has_seed`."""
    found = [name for name in names if is_of_others(name) or not has_seed]
    if not found:
        return []
    others = sorted({name.partition(".")[0] for name in found if is_of_others(name)})
    lines = [
        f"a database created from schema.json does not run these migrations, which fill tables: {', '.join(found)}"
    ]
    if others:
        one_of = f"one of {', '.join(others)}"
        lines.append(
            f'  if you need their rows, let the app keep its migrations: SCHEMASYNC["MIGRATED_APPS"], {one_of}'
        )
    if not all(map(is_of_others, found)):
        lines.append('  if you need the rows of your own, name a function that makes them: SCHEMASYNC["SEED"]')
    return lines


def export(
    database: Database, accepted: Collection[str] = (), decisions: Decisions = NOTHING_DECIDED
) -> tuple[Exported, bool]:
    """Write the tables of the installed models into schema.json. Return the export, and whether the file differed.
    Raises a SchemasyncError.

    `accepted`: data migrations that the author accepts.
    """
    _refuse_lost_schema(database)
    project, dialogue = Project(database.alias, database.schema_path), database.dialogue
    for line in data_left(project.left_behind(), has_seed=conf.seed() is not None):
        dialogue.warn(line)
    ask = partial(was_renamed, database, dialogue.ask) if dialogue.ask is not None else None
    found, differs = project.exported(ask, accepted, decisions)
    for note in found.notes:
        dialogue.warn(note)
    if differs:
        write_text(project.path, found.text)
    return found, differs


def compared(database: Database, accepted: Collection[str] = (), decisions: Decisions = NOTHING_DECIDED) -> Comparison:
    """Compare the installed models with schema.json; write nothing. Raises a SchemasyncError if that is not
    possible."""
    _refuse_lost_schema(database)
    project = Project(database.alias, database.schema_path)
    return agreement(partial(project.compared, accepted, decisions))


def _refuse_lost_schema(database: Database) -> None:
    """Refuse to write a schema.json from the models alone for a database that had one: it would lack everything that no
    model has."""
    name = databases.name_of(database.alias)
    if database.schema_path.exists() or databases.is_no_path(name) or not Path(name).parent.is_dir():
        return
    if Layout(database.link).path_kind() is PathKind.GENERATION:
        database.document()  # raises: with the command that writes it from the database


def was_renamed(database: Database, ask: Callable[[str], bool], question: Question) -> bool:
    """Ask whether something was renamed; the question names the rows or values that a no would drop. Raises UsageError
    if there is no answer."""
    held = row_counts.held(database.target(), question.table, question.column)
    return ask(f"{question.text} {meaning_of_no(question, held)}")


def result_of(done: Comparison, *, check: bool) -> ExportResult:
    """Return the result in one word."""
    return "current" if not done.differs else "differs" if check else "exported"


def _undecided_json(problems: Sequence[Problem], path: Path) -> ExportJson:
    """The JSON object of a check that cannot be decided without the author."""
    return {
        "result": "differs",
        "file": str(path),
        "changes": [],
        "model_changed": [],
        "released": [],
        "moved_out": [],
        "not_expressed": [],
        "claimed": [],
        "notes": [],
        "errors": [one.as_json() for one in problems],
    }


def as_json(done: Comparison, path: Path, *, check: bool) -> ExportJson:
    """The JSON object. `check`: the file was compared, and not written."""
    found = done.found
    if found is None:
        return _undecided_json(done.problems, path)
    return {
        "result": result_of(done, check=check),
        "file": str(path),
        "changes": [change_json(change) for change in found.changes],
        "model_changed": list(found.relabelled),
        "released": list(found.released),
        "moved_out": list(found.moved_out),
        "not_expressed": list(found.untold),
        "claimed": list(found.claimed),
        "notes": list(found.notes),
        "errors": [],
    }
