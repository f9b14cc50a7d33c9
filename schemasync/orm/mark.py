"""What `post_migrate` depends on in the models, in a word: while it stays the same, there is nothing to send it for."""

from __future__ import annotations

import json

from django.apps import apps

from .. import conf


def beside() -> bytes:
    """What counts beside schema.json: with the flag on, the labels, names and permissions of all models."""
    if not conf.is_enabled():
        return b""
    found: list[object] = [config.name for config in apps.get_app_configs()]
    for model in apps.get_models():
        meta = model._meta
        found.append([meta.label, str(meta.verbose_name_raw), list(meta.default_permissions), list(meta.permissions)])
    return json.dumps(found, default=str).encode()
