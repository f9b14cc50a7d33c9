"""Find out whether the file of a tenant has the schema of this process.

The file is read once for each time that the row is read, which is at most once a second: the row alone is not enough,
because code that changes the file of one tenant does not update it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from asgiref.sync import sync_to_async
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS

from .. import databases
from ..actions.database import Database
from ..files.layout import Layout
from ..sync import history
from .context import outside
from .lookup import MOST, Row, forget
from .models import Tenant
from .paths import path_of
from .settings import tenant_settings

_looked: dict[str, tuple[Row, bool]] = {}


@cache
def version() -> str:
    """Return the version of schema.json at the first call in this process. Raises SchemaInvalid."""
    with outside():
        return Database(tenant_settings().entry).document().version


def is_behind(key: str, found: Row) -> bool:
    """True if the file of a tenant had another version when its row was read."""
    known = _known(key, found)
    return _look(key, found) if known is None else known


async def ais_behind(key: str, found: Row) -> bool:
    """Like is_behind(), but for an event loop."""
    known = _known(key, found)
    return await sync_to_async(_look)(key, found) if known is None else known


def _known(key: str, found: Row) -> bool | None:
    looked = _looked.get(key)
    return looked[1] if looked is not None and looked[0] is found else None


def note_version(key: str) -> None:
    """Write the present version of a tenant's file into its row."""
    newest = history.live(Layout(path_of(key)), databases.opener(tenant_settings().entry))
    if newest is not None:
        Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key).exclude(version=newest.version).update(
            version=newest.version
        )
        forget(key)


def _look(key: str, found: Row) -> bool:
    """Read the version from the file of a tenant, and correct its row. Return whether the file is behind."""
    newest = history.live(Layout(path_of(key)), databases.opener(tenant_settings().entry))
    there = found.version if newest is None else newest.version
    if there != found.version:
        Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key).update(version=there)
    if len(_looked) >= MOST:
        _looked.clear()
    _looked[key] = (found, there != version())
    return _looked[key][1]


def _forget(**changed: Any) -> None:
    version.cache_clear()
    _looked.clear()


setting_changed.connect(_forget)
