"""Read the settings of a database's backups: the storage, the recipients and the retention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .. import conf, databases
from .retention import RULE, Period
from .store import Store, store


@dataclass(frozen=True, slots=True)
class KeepSettings:
    """The settings of a database's backups. `storage`: like `--to`, empty for the default. `prefix`: the folder in it.
    `recipients`: empty if backups are not encrypted. `rule`: the retention, as in retention.RULE."""

    storage: str
    prefix: str
    recipients: tuple[str, ...]
    rule: Mapping[Period, int]
    is_of_tenant: bool = False

    def store(self, link: Path, to: str = "") -> Store:
        """Return the store of the database at `link`, or of `to`. Raises UsageError if it is invalid."""
        found = store(link, self.prefix, to or self.storage)
        return replace(found, where=f"{found.where}, {self.prefix}") if self.is_of_tenant else found


def keep_settings(alias: str) -> KeepSettings:
    """Return the settings of a database. An alias that all tenants share means the tenant that is entered. Raises
    UsageError."""
    name = databases.meant(alias)
    given, key = conf.tenant_backups(name), conf.key_of(name)
    return KeepSettings(
        str(given.get("STORAGE", "")),
        given["PREFIX"].replace(conf.KEY, key).strip("/") if "PREFIX" in given else name,
        tuple(given.get("RECIPIENTS", conf.backup_recipients())),
        given.get("RETENTION", RULE),
        is_of_tenant=bool(key),
    )
