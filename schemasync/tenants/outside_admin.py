"""Permissions of pages in Django's admin that concern the databases of all tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from .context import current

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object


class OutsideOfTenants(_Admin):
    """A mixin for a ModelAdmin whose pages are not for users of a tenant: a superuser of one could change all."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return current() is None and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return current() is None and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return current() is None and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return current() is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return current() is None and super().has_delete_permission(request, obj)
