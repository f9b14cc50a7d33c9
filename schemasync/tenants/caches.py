"""Separate caches by tenant: Django's own, of content types and sites, and those of a project."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from django.apps import apps

from .context import current
from .settings import tenant_settings


def make_key(key: str, key_prefix: str, version: int) -> str:
    """Return a key that contains the entered tenant. For KEY_FUNCTION of CACHES."""
    return f"{key_prefix}:{version}:{current() or ''}:{key}"


def forget(alias: str) -> None:
    """Forget the content types of a tenant whose file this process has closed: Django caches them by database name."""
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.models import ContentType

        ContentType.objects._cache.pop(alias, None)  # type: ignore[attr-defined]


class SitesByTenant(MutableMapping[Any, Any]):
    """Django's cache of sites, but separate for each tenant: Django's does not distinguish databases."""

    def __init__(self) -> None:
        self._sites: dict[tuple[str | None, Any], Any] = {}

    def __getitem__(self, key: Any) -> Any:
        return self._sites[current(), key]

    def __setitem__(self, key: Any, site: Any) -> None:
        self._sites[current(), key] = site

    def __delitem__(self, key: Any) -> None:
        del self._sites[current(), key]

    def __iter__(self) -> Iterator[Any]:
        return (key for tenant, key in list(self._sites) if tenant == current())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def install() -> None:
    """Cache sites by tenant, if their tables are in the files of the tenants."""
    if "sites" in tenant_settings().apps and apps.is_installed("django.contrib.sites"):
        from django.contrib.sites import models

        models.SITE_CACHE = SitesByTenant()
        models.SiteManager.clear_cache = _clear_sites  # type: ignore[assignment, method-assign]


def _clear_sites(manager: Any) -> None:
    from django.contrib.sites import models

    models.SITE_CACHE.clear()
