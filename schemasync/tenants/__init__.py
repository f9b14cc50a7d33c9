"""A database file for each tenant: `tenant("acme")` enters one, and queries on models of the tenants go to its file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .context import NoTenant, OtherHost, OtherTenant, UnknownTenant, current, current_alias, outside

if TYPE_CHECKING:
    from .across import for_each_tenant
    from .creation import create_tenant
    from .entering import tenant
    from .lives import activate_tenant, archive_tenant, delete_tenant, suspend_tenant

__all__ = [
    "NoTenant",
    "OtherHost",
    "OtherTenant",
    "UnknownTenant",
    "activate_tenant",
    "archive_tenant",
    "create_tenant",
    "current",
    "current_alias",
    "delete_tenant",
    "for_each_tenant",
    "outside",
    "suspend_tenant",
    "tenant",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # these use a model, which can be imported once all apps are loaded
    module = {"tenant": "entering", "for_each_tenant": "across", "create_tenant": "creation"}.get(name, "lives")
    return getattr(import_module(f"{__name__}.{module}"), name)
