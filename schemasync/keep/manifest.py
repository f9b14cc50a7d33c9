"""The manifest of a backup: its content and its stored file, so that damage is found before anything is restored."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict, cast

from ..schema.text import short

FORMAT = 1
SUFFIX = ".json"
_TIME = "%Y%m%dT%H%M%S.%fZ"  # in names, so that they sort by time


class ContentJson(TypedDict):
    """The database file of a backup, before compression."""

    bytes: int
    sha256: str
    rows: dict[str, int]
    """The number of rows of each table; empty if the backup is encrypted."""


class StoredJson(TypedDict):
    """The file that the storage holds."""

    name: str
    bytes: int
    sha256: str
    compression: str
    encryption: str | None
    """`age`, or null."""


class ManifestJson(TypedDict):
    """The manifest of a backup."""

    format: int
    name: str
    database: str
    made_at: str
    """In UTC: the content is the state of the database at a moment shortly after it."""
    version: str
    fingerprint: str
    generation: str | None
    tool_version: str
    sqlite_version: str
    content: ContentJson
    stored: StoredJson
    schema: Any
    """The schema of this version, as in the history; null without a history, and if the backup is encrypted."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest. `data`: the JSON object, which read() has checked."""

    data: ManifestJson

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def made_at(self) -> datetime:
        return datetime.fromisoformat(self.data["made_at"])

    @property
    def stored_name(self) -> str:
        return self.data["stored"]["name"]

    @property
    def is_encrypted(self) -> bool:
        return self.data["stored"]["encryption"] is not None

    def text(self) -> str:
        return json.dumps(self.data, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def name_of(made_at: datetime, version: str) -> str:
    """Return a unique name for a backup, even if two are made at the same moment:
    `20261129T175200.123456Z-c566d18d257f-9f86d081`. Names sort by time."""
    moment = made_at.astimezone(UTC).strftime(_TIME)
    return f"{moment}-{short(version) if version else 'none'}-{secrets.token_hex(4)}"


def time_in(name: str) -> datetime | None:
    """Return the time in the name of a backup or of one of its files; None for any other name."""
    try:
        return datetime.strptime(name.partition("-")[0], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def read(data: bytes) -> Manifest:
    """Return the manifest in a file. Raises ValueError if it is none, or has a newer format."""
    found = json.loads(data)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"it is no manifest of format {FORMAT}")
    _check(found, ManifestJson.__annotations__)
    _check(found["content"], ContentJson.__annotations__)
    _check(found["stored"], StoredJson.__annotations__)
    manifest = Manifest(cast(ManifestJson, found))
    if manifest.made_at.tzinfo is None:
        raise ValueError("made_at has no time zone")
    return manifest


def _check(found: object, keys: Mapping[str, object]) -> None:
    if not isinstance(found, dict) or (missing := sorted(keys - found.keys())):
        raise ValueError(f"it lacks {', '.join(missing) if isinstance(found, dict) else 'an object'}")
