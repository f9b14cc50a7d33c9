"""History rows as the pages show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db.models import F, QuerySet, TextField
from django.db.models.expressions import Func
from django.utils.translation import gettext as _

from ..history.action import HistoryAction
from ..models import SchemaVersion

if TYPE_CHECKING:
    from ..diff.changes import ChangeJson

HEAVY = ("schema", "hints", "plan")  # megabytes per row in a large database, which no list needs
WIDTH = 160  # characters for the changes


def light(rows: QuerySet[SchemaVersion]) -> QuerySet[SchemaVersion]:
    """The rows without their heavy columns; of the plan only the changes, as `changes`."""
    template = "CASE WHEN json_valid(%(expressions)s) THEN json_extract(%(expressions)s, '$.changes') END"
    changes: Func = Func(F("plan"), template=template, output_field=TextField())
    return rows.defer(*HEAVY).annotate(changes=changes)


def changes_of(row: SchemaVersion) -> Sequence[ChangeJson]:
    """The changes, of a row that was read by `light`."""
    return list(json.loads(getattr(row, "changes", None) or "[]"))


def story(row: SchemaVersion) -> str:
    """What happened, as a phrase."""
    from ..texts import gist

    match row.action:
        case HistoryAction.ROLLBACK:
            return _("back from %(generation)s") % {"generation": row.previous}
        case HistoryAction.RESTORE:
            return _("a backup of %(generation)s was restored into this file") % {"generation": row.previous}
        case HistoryAction.ALTER:
            return _("altered in place: %(changes)s") % {"changes": gist(changes_of(row), WIDTH)}
        case HistoryAction.ADOPT:
            return _("adopted unchanged")
        case _:
            return gist(changes_of(row), WIDTH) or _("no change of the schema")
