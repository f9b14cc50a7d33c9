"""History rows as the pages show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F, QuerySet, TextField
from django.db.models.expressions import Func
from django.utils.translation import gettext as _

from ..history.action import HistoryAction
from ..history.row import HistoryRow
from ..models import SchemaVersion

if TYPE_CHECKING:
    from ..diff.changes import ChangeJson

HEAVY = ("schema", "hints", "plan")  # megabytes per row in a large database, which no list needs
WIDTH = 160  # characters for the changes


def light(rows: QuerySet[SchemaVersion]) -> QuerySet[SchemaVersion]:
    """Return the rows without their heavy columns. Of the plan they have the changes, as `changes`, and the name of the
    backup that the generation is a copy of, as `backup`."""
    return rows.defer(*HEAVY).annotate(changes=_in_plan("changes"), backup=_in_plan("backup.name"))


def _in_plan(key: str) -> Func:
    template = f"CASE WHEN json_valid(%(expressions)s) THEN json_extract(%(expressions)s, '$.{key}') END"
    return Func(F("plan"), template=template, output_field=TextField())


def changes_of(row: SchemaVersion) -> Sequence[ChangeJson]:
    """Return the changes of a row that was read by `light`."""
    return list(json.loads(getattr(row, "changes", None) or "[]"))


def story(row: SchemaVersion) -> str:
    """Return the event of the row as a phrase."""
    from ..texts import gist

    match row.action:
        case HistoryAction.ROLLBACK:
            return _("back from %(generation)s") % {"generation": row.previous}
        case HistoryAction.KEEP_WRITES:
            return _("back from %(generation)s, with its rows") % {"generation": row.previous}
        case HistoryAction.RESTORE if backup := getattr(row, "backup", None):
            return _("the backup %(name)s was restored") % {"name": backup}
        case HistoryAction.RESTORE:
            return _("a backup of %(generation)s was restored into this file") % {"generation": row.previous}
        case HistoryAction.ALTER:
            return _("altered in place: %(changes)s") % {"changes": gist(changes_of(row), WIDTH)}
        case HistoryAction.ADOPT:
            return _("adopted unchanged")
        case _:
            return gist(changes_of(row), WIDTH) or _("no change of the schema")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The course of a run: the seconds of each phase, and the largest size in bytes of the log of the live file, 0
    without a log. `reader`: the process that read longest, without a pause for `reader_seconds`; '' if there is
    none."""

    phases: tuple[tuple[str, float], ...]
    log_bytes: int
    reader: str
    reader_seconds: float


def run_facts(row: HistoryRow) -> RunFacts | None:
    """Return the recorded facts of the run; None if the row has none, or somebody changed it by hand."""
    try:
        found = row.run or {}
        log = found["log"] or {"bytes_most": 0, "readers": []}
        phases = tuple((str(one["phase"]), float(one["seconds"])) for one in found["phases"])
        longest = [(f"{one['pid']} {one['command']}", float(one["seconds"])) for one in log["readers"][:1]]
        return RunFacts(phases, int(log["bytes_most"]), *(longest[0] if longest else ("", 0.0)))
    except (KeyError, TypeError, ValueError):
        return None
