"""Bind querysets of the tenants' models to the tenant in which they were created: elsewhere they raise OtherTenant.

Django calls its router when a queryset is evaluated, and a queryset does not know where it was created. So the database
is set when it is created. A queryset that was created outside of any tenant, such as that of a form field, gets its
tenant when it is copied or evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.db.models import QuerySet

from .context import current, current_alias
from .routing import refuse_instance, refuse_key_of_tenant
from .settings import tenant_settings


def install() -> None:
    """Bind querysets to tenants, by patching QuerySet."""
    if not hasattr(QuerySet.__init__, "__wrapped__"):
        QuerySet.__init__ = _knowing(QuerySet.__init__)  # type: ignore[method-assign]
        QuerySet._add_hints = _own_hints(QuerySet._add_hints)  # type: ignore[attr-defined]
        QuerySet.bulk_create = _own_rows(QuerySet.bulk_create)  # type: ignore[method-assign]
        QuerySet.bulk_update = _own_rows(QuerySet.bulk_update)  # type: ignore[method-assign]


def _knowing(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def knowing(self: Any, model: Any = None, query: Any = None, using: str | None = None, hints: Any = None) -> None:
        if model is not None and current() is not None:
            found = tenant_settings()
            if model._meta.app_label in found.apps and using in (None, found.entry):
                using = current_alias()
                _refuse_hint(hints or {})
        init(self, model, query, using, hints)

    return knowing


def _own_hints(add_hints: Callable[..., None]) -> Callable[..., None]:
    """Return _add_hints() with a check of the hint `instance`, the row that a queryset of related rows belongs to. For
    a queryset with a database, Django calls no router with it."""

    @wraps(add_hints)
    def own_hints(self: Any, **hints: Any) -> None:
        _refuse_hint(hints)
        add_hints(self, **hints)

    return own_hints


def _refuse_hint(hints: Mapping[str, Any]) -> None:
    if (instance := hints.get("instance")) is not None:
        refuse_instance(instance)


def _own_rows(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method with a check of its first argument: a list of rows for which Django calls no router."""

    @wraps(method)
    def own_rows(self: Any, objs: Any, *args: Any, **named: Any) -> Any:
        objs = list(objs)
        for one in objs:
            refuse_instance(one)
            refuse_key_of_tenant(one)
        return method(self, objs, *args, **named)

    return own_rows
