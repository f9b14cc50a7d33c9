"""The origins of the parts of a schema that a mixin made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .jsonc import Path


@dataclass(frozen=True, slots=True)
class Origin:
    """The mixin that made a part, and the path in the file that causes it."""

    mixin: str
    path: Path


def origin_of(path: Path, origins: Mapping[Path, Origin]) -> Origin | None:
    """Return the origin of the part at that path, or of the smallest part around it; None if the file itself has it."""
    while path:
        if path in origins:
            return origins[path]
        path = path[:-1]
    return None
