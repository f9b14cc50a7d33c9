"""Makes a fingerprint of the models: while it is equal, `post_migrate` is not sent."""

from __future__ import annotations

import importlib.util
import json
import pkgutil

from django.apps import apps

from .. import conf
from . import migration_modules


def _migrations(label: str) -> list[str]:
    """Return the names of an app's migrations, without importing them."""
    where = migration_modules.module_of(label)
    try:
        spec = importlib.util.find_spec(where) if where else None
    except ModuleNotFoundError:  # MIGRATION_MODULES may name a package that does not exist
        spec = None
    places = spec.submodule_search_locations if spec is not None else None
    return sorted(module.name for module in pkgutil.iter_modules(places or ()))


def models_stamp() -> bytes:
    """Return the bytes that the fast path compares in addition to schema.json: the names of apps and migrations, and
    the labels, names and permissions of models; empty without the setting ENABLED."""
    if not conf.is_enabled():
        return b""
    found: list[object] = [config.name for config in apps.get_app_configs()]
    for model in apps.get_models():
        meta = model._meta
        found.append([meta.label, str(meta.verbose_name_raw), list(meta.default_permissions), list(meta.permissions)])
    found += [_migrations(config.label) for config in apps.get_app_configs()]
    return json.dumps(found, default=str).encode()
