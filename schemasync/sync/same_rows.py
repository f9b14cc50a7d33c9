"""Decides for which tables of an archive a key names the same row in the live file."""

from __future__ import annotations

from ..history.lineage import Lineage
from ..history.rows import schema_of
from ..history.way_back import unstable_key, way_back
from ..schema.names import fold


def unproved_keys(lineage: Lineage, archive: str, live: str) -> frozenset[str]:
    """The folded names of the archive's tables whose keys may name other rows in the live file, by what the history
    knows: an id that was given out again, or given out in both files."""
    tables = [table.name for table in schema_of(lineage.state(archive)).tables]
    way = way_back(lineage, archive, live)
    return frozenset(fold(name) for name in tables if way is None or unstable_key(way, name))
