"""System checks of the settings that the isolation of tenants depends on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.db import connections, models, router
from django.utils.module_loading import import_string

from .. import process
from ..backends.sqlite3.base import DatabaseWrapper
from ..databases import ENGINE, is_no_path
from .middleware import TenantMiddleware
from .routing import TenantRouter, keys_of_tenants
from .sessions.bound import BoundToTenant
from .settings import tenant_settings

_KEY_FUNCTION = "schemasync.tenants.caches.make_key"
_AFTER = ("SessionMiddleware", "AuthenticationMiddleware", "CommonMiddleware", "UpdateCacheMiddleware")


@checks.register
def check_tenants(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E007: settings that tenants need are missing. E008: a foreign key leads from a tenant's file to another database.
    E009: sessions are valid in every tenant. E010: the middleware is missing, or not early enough. W017: a cache has
    the same keys in all tenants. W018: rows of the default database refer to rows that each tenant has."""
    return [*_settings(), *_foreign_keys(), *_keys_of_tenants(), *_sessions(), *_middleware(), *_caches()]


def _settings() -> Iterator[checks.CheckMessage]:
    found = tenant_settings()
    hint = f'"{found.entry}": {{"ENGINE": "{ENGINE}", "NAME": BASE_DIR / "tenants" / "template.sqlite3"}}'
    if found.entry not in connections.settings:
        yield checks.Error(f'DATABASES has no entry "{found.entry}" for the tenants.', hint=hint, id="schemasync.E007")
    elif not isinstance(connections[found.entry], DatabaseWrapper) or _is_in_memory(found.entry):
        yield checks.Error(
            f'DATABASES["{found.entry}"] is no file with the backend of schemasync.', hint=hint, id="schemasync.E007"
        )
    if not any(isinstance(one, TenantRouter) for one in router.routers):
        yield checks.Error(
            "DATABASE_ROUTERS does not send models to the files of the tenants.",
            hint='DATABASE_ROUTERS = ["schemasync.tenants.routing.TenantRouter"]',
            id="schemasync.E007",
        )
    labels = {config.label for config in apps.get_app_configs()}
    for label in sorted(found.apps - labels):
        yield checks.Error(
            f'SCHEMASYNC["TENANTS"] names the app "{label}", which is not installed.',
            hint="Use the labels of apps in INSTALLED_APPS.",
            id="schemasync.E007",
        )


def _is_in_memory(alias: str) -> bool:
    """True for a template without a file outside of tests."""
    return is_no_path(str(connections[alias].settings_dict["NAME"] or "")) and not process.is_in_tests()


def _foreign_keys() -> Iterator[checks.CheckMessage]:
    found = tenant_settings()
    alone = found.apps - found.both
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_fields:
            there = field.related_model
            if (
                not isinstance(field, models.ForeignKey)
                or not isinstance(there, type)
                or not getattr(field, "db_constraint", True)
            ):
                continue
            here, other = model._meta.app_label, there._meta.app_label
            if (here in found.apps and other not in found.apps) or (other in alone and here not in alone):
                yield checks.Error(
                    f"{model._meta.label}.{field.name} refers to {there._meta.label} in another database.",
                    hint='Put both apps into SCHEMASYNC["TENANTS"]["APPS"] or neither; an app that is needed in both '
                    'databases into "BOTH".',
                    id="schemasync.E008",
                )


def _keys_of_tenants() -> Iterator[checks.CheckMessage]:
    """Yield a warning for each foreign key of the default database that inside a tenant would name a tenant's row."""
    for model in apps.get_models(include_auto_created=True):
        for field in keys_of_tenants(model):
            label = model._meta.app_label
            yield checks.Warning(
                f"{model._meta.label}.{field.name} refers to {field.related_model._meta.label}, of which each tenant "
                "has rows of its own: a row in the default database would name the wrong one, so inside of a tenant "
                "it cannot be saved.",
                hint=f'Put "{label}" into SCHEMASYNC["TENANTS"]["BOTH"], unless its rows are only for the site without '
                "a tenant.",
                id="schemasync.W018",
            )


def _sessions() -> Iterator[checks.CheckMessage]:
    if apps.is_installed("django.contrib.sessions"):
        store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
        if not issubclass(store, BoundToTenant):
            name = settings.SESSION_ENGINE.rpartition(".")[2]
            yield checks.Error(
                f"Sessions of {settings.SESSION_ENGINE} do not know their tenant, and ids of users repeat between "
                "tenants.",
                hint=f'SESSION_ENGINE = "schemasync.tenants.sessions.{name}"',
                id="schemasync.E009",
            )


def _middleware() -> Iterator[checks.CheckMessage]:
    if tenant_settings().request is None:
        return
    name = f"{TenantMiddleware.__module__}.{TenantMiddleware.__qualname__}"
    before: list[str] = []
    for one in settings.MIDDLEWARE:
        if one == name:
            break
        before.append(one)
    else:
        yield checks.Error(
            'SCHEMASYNC["TENANTS"] says how a request names its tenant, and no middleware enters it.',
            hint=f'MIDDLEWARE = ["{name}", …]',
            id="schemasync.E010",
        )
        return
    if early := [one for one in before if one.endswith(_AFTER)]:
        yield checks.Error(
            f"{', '.join(early)} run before {name}, outside of the tenant.",
            hint=f'Put "{name}" first.',
            id="schemasync.E010",
        )


def _caches() -> Iterator[checks.CheckMessage]:
    for alias, cache in settings.CACHES.items():
        if cache.get("KEY_FUNCTION") is None and not str(cache.get("BACKEND", "")).endswith(".DummyCache"):
            yield checks.Warning(
                f'CACHES["{alias}"] has the same keys in all tenants: one reads what another has stored.',
                hint=f'"KEY_FUNCTION": "{_KEY_FUNCTION}", or a function of your own.',
                id="schemasync.W017",
            )
