"""History rows as the pages show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import F, QuerySet, TextField
from django.db.models.expressions import Func
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
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
        case HistoryAction.ADOPT:
            return _("adopted unchanged")
        case _:
            return gist(changes_of(row), WIDTH) or _("no change of the schema")


def when(applied_at: str) -> str:
    """The time in the reader's time zone, which is named, and language."""
    moment = moment_of(applied_at)
    if moment is None:
        return applied_at
    shown = timezone.localtime(moment) if settings.USE_TZ else timezone.make_naive(moment)
    zone = f" {shown.tzname()}" if settings.USE_TZ else ""
    return date_format(shown, "SHORT_DATETIME_FORMAT") + zone


def moment_of(applied_at: str) -> datetime | None:
    """The time that the history stores; None if it is not a time."""
    try:
        found = parse_datetime(applied_at)
    except ValueError:
        return None
    return found if found is None or timezone.is_aware(found) else found.replace(tzinfo=UTC)
