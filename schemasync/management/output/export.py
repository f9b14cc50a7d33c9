"""The changes of an export, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypedDict

from ...diff.changes import ChangeJson, describe
from ...diff.changes import as_json as change_json
from ...diff.questions import Question
from ...errors import Problem, ProblemJson
from ...orm.data_migrations import is_of_others
from ...orm.export import Exported
from ...schema.text import count
from .shared import Lines
from .terminal import Page

ExportResult = Literal["exported", "current", "differs"]


class ExportJson(TypedDict):
    """What `manage.py schemasync export --json` prints."""

    result: ExportResult
    """`differs` only with `--check`."""
    file: str
    changes: list[ChangeJson]
    model_changed: list[str]
    """Tables of which only the name of the model changes."""
    released: list[str]
    """Tables that their installed model no longer owns."""
    moved_out: list[str]
    """Tables of apps that keep their migrations."""
    not_expressed: list[str]
    """Tables of models that have no `_model`."""
    claimed: list[str]
    """Tables that `--claim` marked."""
    notes: list[str]
    errors: list[ProblemJson]


def lines(found: Exported, result: ExportResult, path: Path, page: Page) -> Lines:
    """The changes of an export."""
    headings = {"current": f"{path} matches the models", "differs": f"{path} does not match the models:"}
    lines = [headings.get(result, f"wrote {path}:")]
    lines += [f"  {describe(change)}" for change in found.changes]
    lines += [f"  {line}" for line in found.ownership()]
    if result != "current" and len(lines) == 1:
        lines.append("  hints only")
    if found.untold and page.detail:
        lines.append(f"  unchanged, because they have no _model: {', '.join(found.untold)}")
    return lines


def meaning_of_no(question: Question, held: int | None) -> str:
    """What the answer no means. `held`: how many rows the table has, or values the column; None if not known."""
    if not question.is_last:
        return "If not, the next question is about another name."
    what, unit = ("column", "value") if question.column else ("table", "row")
    if held is None:
        return f"If not, the {what} is dropped."
    return f"If not, the {what} is dropped, with {count(held, unit)}."


def data_left(names: Iterable[str], *, has_seed: bool) -> Lines:
    """Data migrations that never run on a new database, of installed packages and of the project's own apps."""
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


def undecided_json(problems: Sequence[Problem], path: Path) -> ExportJson:
    """The JSON object of a check whose result depends on a decision of the author."""
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


def as_json(found: Exported, result: ExportResult, path: Path) -> ExportJson:
    """The JSON object."""
    return {
        "result": result,
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
