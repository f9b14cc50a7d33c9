"""Route the models of the tenants to the file of the entered tenant."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, models

from ..errors import Code
from .context import OtherTenant, current, current_alias, refuse_other
from .settings import tenant_settings


class TenantRouter:
    """A router for DATABASE_ROUTERS. A query on a model of the tenants raises NoTenant outside of any tenant, and
    OtherTenant for an instance of another tenant."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        return _database(model, hints.get("instance"))

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        if (instance := hints.get("instance")) is not None:
            refuse_key_of_tenant(instance)
        return _database(model, hints.get("instance"))

    def allow_relation(self, first: models.Model, second: models.Model, **hints: Any) -> bool | None:
        if not (_is_of_tenants(type(first)) or _is_of_tenants(type(second))):
            return None
        for one in (first, second):
            refuse_instance(one)
        return first._state.db == second._state.db

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        found = tenant_settings()
        if db == found.entry or found.key(db) is not None:
            return app_label in found.apps
        if app_label in found.apps - found.both:
            return False
        if app_label == "schemasync_tenants":
            return db == DEFAULT_DB_ALIAS
        return None


def _is_of_tenants(model: type[models.Model]) -> bool:
    return model._meta.app_label in tenant_settings().apps


def _database(model: type[models.Model], instance: models.Model | None) -> str | None:
    if not _is_of_tenants(model):
        # for None, Django would use the database of the instance
        is_from_tenant = instance is not None and tenant_settings().key(instance._state.db) is not None
        return DEFAULT_DB_ALIAS if is_from_tenant else None
    if instance is not None:
        refuse_instance(instance)
        if current() is None and instance._state.db == tenant_settings().entry:
            return instance._state.db  # rows of the template, while it is created
    return database_of(model)


def database_of(model: type[models.Model]) -> str | None:
    """Return the database of a model of the tenants: the entered tenant's, or outside of any the default one for a
    model of BOTH. Raises NoTenant for any other model outside of all tenants."""
    if current() is None and model._meta.app_label in tenant_settings().both:
        return DEFAULT_DB_ALIAS
    return current_alias()


def keys_of_tenants(model: type[models.Model]) -> tuple[models.ForeignKey[Any, Any], ...]:
    """Return the foreign keys of a model of the default database that refer to a model of BOTH, which has other rows in
    each tenant."""
    found = tenant_settings()
    return () if model._meta.app_label in found.apps else _keys_to(model, found.both)


@cache
def _keys_to(model: type[models.Model], labels: frozenset[str]) -> tuple[models.ForeignKey[Any, Any], ...]:
    keys = (field for field in model._meta.local_fields if isinstance(field, models.ForeignKey))
    return tuple(key for key in keys if key.related_model._meta.app_label in labels)


def refuse_key_of_tenant(instance: models.Model) -> None:
    """Raise OtherTenant if a row of the default database that refers to a row of the entered tenant is to be saved."""
    if current() is None:
        return
    for key in keys_of_tenants(type(instance)):
        if getattr(instance, key.attname) is not None:
            label = instance._meta.app_label
            raise OtherTenant.of(
                Code.OTHER_TENANT,
                f"a row of {instance._meta.label} in the default database would refer by {key.name} to a row of "
                f'{key.related_model._meta.label} in the file of the tenant "{current()}"',
                f'Put "{label}" into SCHEMASYNC["TENANTS"]["BOTH"], and export the schema of the tenants; or, if the '
                "row is meant for the default database: with schemasync.tenants.outside(): …",
            )


def refuse_instance(instance: models.Model) -> None:
    """Raise OtherTenant for a row that was read from another tenant, or outside of any."""
    alias = instance._state.db
    if alias is not None and _is_of_tenants(type(instance)):
        refuse_other(tenant_settings().key(alias), f"a row of {instance._meta.label} from the database {alias!r}")
