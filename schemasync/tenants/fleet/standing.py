"""Where the file of a tenant stands beside schema.json, by one small read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS

from ... import conf, databases
from ...engines.sqlite.connection import Opener
from ...files.layout import Layout
from ...history.row import HistoryRow
from ...orm.models_fingerprint import beside
from ...orm.transforms import stamp
from ...sync import history, up_to_date
from ..models import State, Tenant
from ..paths import path_of
from ..settings import tenant_settings

SERVED = (State.ACTIVE, State.SUSPENDED)
"""The states in which a tenant has a file where it can be used."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`newest`: the newest row of its history; None if there is none that can be read."""

    key: str
    newest: HistoryRow | None
    is_current: bool

    @property
    def version(self) -> str:
        """The version of the file, empty if it is unknown."""
        return "" if self.newest is None else self.newest.version

    @property
    def state(self) -> tuple[str, str]:
        """What two tenants have in common for which a plan does the same."""
        return ("", "") if self.newest is None else (self.newest.version, self.newest.fingerprint)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a current file was made from: the bytes of schema.json, and all else that decides."""

    data: bytes
    beside: bytes
    opener: Opener

    def standing(self, key: str) -> Standing:
        """Where a tenant stands."""
        layout = Layout(path_of(key))
        row = up_to_date.current(layout, self.opener, self.data, self.beside)
        return Standing(key, row or history.live(layout, self.opener), row is not None)


def wanted() -> Wanted:
    """What is wanted of each file. Raises OSError without a schema.json."""
    entry = tenant_settings().entry
    data = conf.schema_path(entry).read_bytes() + stamp(entry)
    return Wanted(data, beside(), databases.opener(entry))


def served_keys(*, failed_only: bool = False) -> list[str]:
    """The keys of all tenants with a file in use, or of those whose last sync has failed."""
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).filter(state__in=SERVED)
    if failed_only:
        rows = rows.exclude(failure="")
    return list(rows.order_by("key").values_list("key", flat=True))


def standings(keys: list[str]) -> Iterator[Standing]:
    """Where these tenants stand."""
    found = wanted()
    return map(found.standing, keys)
