"""Rows of the history as the pages show them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet, TextField, Value
from django.db.models.expressions import Func
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from ..history.deed import Deed
from ..management.present import gist
from ..models import SchemaVersion

HEAVY = ("schema", "hints", "plan")  # of a large database megabytes a row, which no list needs
WIDTH = 160  # characters that tell what changed


def light(rows: QuerySet[SchemaVersion]) -> QuerySet[SchemaVersion]:
    """Without what is heavy; of the plan only what changed, as `changes`."""
    changes: Func = Func(F("plan"), Value("$.changes"), function="json_extract", output_field=TextField())
    return rows.defer(*HEAVY).annotate(changes=changes)


def changes_of(row: SchemaVersion) -> Sequence[Mapping[str, Any]]:
    """What changed, of a row that was read by `light`."""
    return list(json.loads(getattr(row, "changes", None) or "[]"))


def story(row: SchemaVersion) -> str:
    """What happened, in a phrase."""
    match row.action:
        case Deed.RESTORE:
            return _("back from %(generation)s") % {"generation": row.previous}
        case Deed.ADOPT:
            return _("taken over as it was")
        case _:
            return gist(changes_of(row), WIDTH) or _("no change of shape")


def when(applied_at: str) -> str:
    """The moment in the reader's zone and language."""
    moment = moment_of(applied_at)
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT") if moment else applied_at


def moment_of(applied_at: str) -> datetime | None:
    """The moment that the history writes down; None for something else."""
    try:
        return parse_datetime(applied_at)
    except ValueError:
        return None
