"""The filters of the list of tenants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..schema.text import short
from .models import Tenant


class ByLabel(admin.SimpleListFilter):
    """One choice for each label that a tenant has: `region=eu`."""

    title = _("label")
    parameter_name = "label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All labels, of which there are few kinds."""
        found = model_admin.get_queryset(request).order_by().values_list("labels", flat=True).distinct()
        names = sorted({f"{name}={value}" for labels in found for name, value in labels.items()})
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> QuerySet[Tenant]:
        """The tenants that have the label."""
        if (label := self.value()) is None:
            return queryset
        name, _equals, value = label.partition("=")
        found: QuerySet[Tenant] = queryset.alias(asked=KeyTransform(name, "labels")).filter(asked=value)
        return found


class ByValue(admin.AllValuesFieldListFilter):
    """One choice for each value, also for none; hidden while all tenants have the same one."""

    def has_output(self) -> bool:
        """True if there is something to choose."""
        return len(self.lookup_choices) > 1

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Django leaves the link for an empty value without a text."""
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or self.empty_value_display}


class ByVersion(ByValue):
    """The versions with as many digits as everywhere else."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Django shows all of them."""
        known = {version: short(version) for version in self.lookup_choices if version}
        for choice in super().choices(changelist):
            yield {**choice, "display": known.get(choice["display"], choice["display"])}
