"""Formats times of the history in the time zone of the site, for the commands and the admin."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime


def local_time(applied_at: str) -> str:
    """Return `2026-05-04 13:12 CEST` for the history's `2026-05-04T11:12:13.456Z`; return text that is no time
    unchanged."""
    moment = moment_of(applied_at)
    if moment is None:
        return applied_at
    shown = moment.astimezone(timezone.get_current_timezone() if settings.USE_TZ else timezone.get_default_timezone())
    return f"{shown:%Y-%m-%d %H:%M} {shown.tzname()}"


def moment_of(applied_at: str) -> datetime | None:
    """Return the stored time of the history, in UTC if it has no zone; None if the text is no time."""
    try:
        found = parse_datetime(applied_at)
    except ValueError:
        return None
    return found if found is None or timezone.is_aware(found) else found.replace(tzinfo=UTC)
