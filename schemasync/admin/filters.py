"""Filters of the history list."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import SchemaVersion

DAYS = {"1": _("Past 24 hours"), "7": _("Past 7 days"), "30": _("Past 30 days"), "365": _("Past year")}
NAMES = 50  # the filter offers as many; the search finds the others


class When(admin.SimpleListFilter):
    """The time at which a generation went live. The history stores it as text that sorts in order of time."""

    title = _("time")
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return DAYS.items()

    def queryset(self, request: HttpRequest, queryset: QuerySet[SchemaVersion]) -> QuerySet[SchemaVersion]:
        if self.value() not in DAYS:
            return queryset
        since = datetime.now(UTC) - timedelta(days=int(str(self.value())))
        return queryset.filter(applied_at__gte=since.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


class ByWhom(admin.SimpleListFilter):
    """The actor of a history row."""

    title = _("person")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        names = model_admin.get_queryset(request).order_by("actor").values_list("actor", flat=True).distinct()
        return [(name, name) for name in names[:NAMES] if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SchemaVersion]) -> QuerySet[SchemaVersion]:
        return queryset.filter(actor=self.value()) if self.value() else queryset
