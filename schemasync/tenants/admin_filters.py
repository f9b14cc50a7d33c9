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
    """A filter with a choice for each label that a tenant has, such as `region=eu`."""

    title = _("label")
    parameter_name = "label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return all labels. There are few different ones."""
        found = model_admin.get_queryset(request).order_by().values_list("labels", flat=True).distinct()
        names = sorted({f"{name}={value}" for labels in found for name, value in labels.items()})
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> QuerySet[Tenant]:
        """Return the tenants that have the chosen label."""
        if (label := self.value()) is None:
            return queryset
        name, _equals, value = label.partition("=")
        found: QuerySet[Tenant] = queryset.alias(asked=KeyTransform(name, "labels")).filter(asked=value)
        return found


class ByValue(admin.AllValuesFieldListFilter):
    """A filter with a choice for each value, also the empty one. It is hidden if all tenants have the same value."""

    def has_output(self) -> bool:
        """True if there is more than one choice."""
        return len(self.lookup_choices) > 1

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Add a text to the link for an empty value, which Django leaves empty."""
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or self.empty_value_display}


class ByVersion(ByValue):
    """A filter by version that shows as few digits as elsewhere."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Shorten the versions, of which Django shows all digits."""
        known = {version: short(version) for version in self.lookup_choices if version}
        for choice in super().choices(changelist):
            yield {**choice, "display": known.get(choice["display"], choice["display"])}
