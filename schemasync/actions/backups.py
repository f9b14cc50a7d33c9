"""Lists the backups of a database, and its archives, which are backups of the moment when they were superseded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, TypedDict

from ..errors import ProblemJson
from ..keep import retention
from ..keep.manifest import Manifest
from ..keep.settings import keep_settings
from ..keep.store import Found, Store
from ..sync import prune
from ..sync.prune import Archive
from .database import Database


class ListedJson(TypedDict):
    """A backup in a storage."""

    name: str
    made_at: str
    """In UTC."""
    version: str
    generation: str | None
    bytes: int
    """The size in the storage."""
    content_bytes: int
    """The size of the database that it contains."""
    kept_as: list[retention.Period]
    """The periods for which `backup --prune` keeps it; empty if it would be removed."""


class ArchiveJson(TypedDict):
    """An archive next to the live file: the database as it was when the next generation went live."""

    generation: str
    superseded_at: str | None
    """In UTC. Null if another file took its place without a swap; such an archive is found only by name."""
    version: str
    bytes: int


class DamagedJson(TypedDict):
    """A manifest that cannot be read."""

    name: str
    reason: str


class BackupsJson(TypedDict):
    """The output of `manage.py schemasync backups --json`."""

    result: Literal["listed"]
    storage: str
    backups: list[ListedJson]
    """The newest first."""
    archives: list[ArchiveJson]
    """The newest first."""
    damaged: list[DamagedJson]
    incomplete: list[str]
    """Files without a manifest: of an upload that is in progress or was interrupted."""
    errors: list[ProblemJson]


@dataclass(frozen=True)  # no slots: a cached_property needs a __dict__
class Listed:
    """All backups of a database."""

    store: Store
    found: Found
    archives: tuple[Archive, ...]
    rule: Mapping[retention.Period, int]

    def kept_as(self, one: Manifest) -> tuple[retention.Period, ...]:
        """The periods for which `backup --prune` keeps a backup."""
        return self._kept.get(one.made_at, ())

    @cached_property
    def _kept(self) -> dict[datetime, tuple[retention.Period, ...]]:
        return retention.kept((one.made_at for one in self.found.backups), datetime.now(UTC), self.rule)


def backups(database: Database, to: str = "") -> Listed:
    """List the backups in a storage, and the archives. Raises a SchemasyncError."""
    settings = keep_settings(database.alias)
    place = settings.store(database.link, to)
    return Listed(place, place.find(), prune.archives(database.target()), settings.rule)


def as_json(listed: Listed) -> BackupsJson:
    """The JSON object."""
    return {
        "result": "listed",
        "storage": listed.store.where,
        "backups": [
            {
                "name": one.name,
                "made_at": one.data["made_at"],
                "version": one.data["version"],
                "generation": one.data["generation"],
                "bytes": one.data["stored"]["bytes"],
                "content_bytes": one.data["content"]["bytes"],
                "kept_as": list(listed.kept_as(one)),
            }
            for one in reversed(listed.found.backups)
        ],
        "archives": [
            {
                "generation": one.generation.name,
                "superseded_at": one.at.isoformat() if one.at is not None else None,
                "version": one.version,
                "bytes": one.bytes,
            }
            for one in listed.archives
        ],
        "damaged": [{"name": name, "reason": reason} for name, reason in listed.found.unreadable],
        "incomplete": list(listed.found.incomplete),
        "errors": [],
    }
