"""Read the setting SCHEMASYNC["TENANTS"]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.signals import setting_changed

from .. import conf
from ..errors import Code, UsageError

if TYPE_CHECKING:
    from django.http import HttpRequest

FromRequest = Callable[["HttpRequest"], str | None]
"""A function that returns the key of a request's tenant; None for a request without a tenant."""

OPEN = 200  # files: SQLite holds two or three descriptors for each, and a process may have 1,024


class Behind(StrEnum):
    """The treatment of requests for a tenant that does not have the schema of this process yet."""

    SERVE = "serve"
    READ_ONLY = "read-only"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Host:
    """A host of tenants. `url`: the URL of its site for requests that reach other hosts; empty without one. `weight`:
    its share of the new tenants, 0 for none. `labels`: tenants with labels need a host that has them. `receive`: the
    command that runs the receiving side of a move there; empty if no tenant can move there."""

    name: str
    url: str = ""
    weight: float = 1.0
    labels: Mapping[str, str] = field(default_factory=dict)
    receive: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """The setting as values. `entry`: the entry of DATABASES that all tenants share. `apps`: labels of the apps whose
    tables are in each tenant's file; `both`: those of them whose tables are in the default database, too. `open_files`:
    how many files of tenants a process keeps open. `host`: the name of this host, empty if it is the only one; `hosts`:
    all by name. `other_host`: the response to a request for a tenant of another host: 421, 307 or X-Accel-Redirect.
    `behind`: the treatment of requests for a tenant that is behind."""

    entry: str
    folder: Path
    apps: frozenset[str]
    both: frozenset[str]
    request: Mapping[str, str] | FromRequest | str | None
    open_files: int
    host: str
    hosts: Mapping[str, Host]
    other_host: int | str
    behind: Behind

    def is_here(self, host: str) -> bool:
        """True if the tenants of a host are on this one. In a project with one host all are."""
        return not self.host or host == self.host

    def alias(self, key: str) -> str:
        """Return the name of a tenant's database, as in `instance._state.db`."""
        return f"{self.entry}{conf.OF_TENANT}{key}"

    def key(self, alias: str | None) -> str | None:
        """Return the key of the tenant whose database has this name; None for any other database."""
        start, separator, key = (alias or "").partition(conf.OF_TENANT)
        return key if separator and start == self.entry else None


@cache
def tenant_settings() -> TenantSettings:
    """Return the setting. Raises UsageError if it is missing or invalid."""
    given: Mapping[str, Any] = conf.setting("TENANTS")
    if not given:
        raise UsageError.of(
            Code.UNKNOWN_SETTING,
            'schemasync.tenants is installed, and SCHEMASYNC has no "TENANTS"',
            'Add for example: "TENANTS": {"FOLDER": BASE_DIR / "tenants", "APPS": ["shop"]}',
        )
    both = frozenset(given.get("BOTH", ()))
    return TenantSettings(
        given.get("DATABASE", "tenant"),
        Path(given["FOLDER"]).absolute(),
        frozenset(given["APPS"]) | both,
        both,
        given.get("REQUEST"),
        given.get("OPEN_FILES", OPEN),
        given.get("HOST", ""),
        {name: _host(name, one) for name, one in given.get("HOSTS", {}).items()},
        given.get("OTHER_HOST", 421),
        Behind(given.get("BEHIND", Behind.SERVE)),
    )


def _host(name: str, given: Mapping[str, Any]) -> Host:
    return Host(
        name,
        given.get("URL", "").rstrip("/"),
        float(given.get("WEIGHT", 1)),
        dict(given.get("LABELS", {})),
        tuple(given.get("RECEIVE", ())),
    )


def _forget(**changed: Any) -> None:
    tenant_settings.cache_clear()


setting_changed.connect(_forget)
