"""Makes the hints of columns for an export: earlier names, fills, and columns that may be dropped."""

from __future__ import annotations

from collections.abc import Mapping

from ..schema.model import Column, Table
from ..schema.names import fold, from_key, is_special
from ..schema.write import Json
from .table_renames import Owned

ABOUT_POSTGRES = ("postgres", "on_move")
"""Keys of a column for a move to PostgreSQL."""


def entries_of(owned: Owned) -> dict[str, Json]:
    """Map folded column names to their entries in the file, for columns with keys besides the definition."""
    return {fold(from_key(key)): dict(value) for key, value in owned.body.items() if is_column(key, value)}


def is_column(key: str, value: object) -> bool:
    return not is_special(key) and isinstance(value, dict)


def earlier_names(entries: Mapping[str, Json]) -> set[str]:
    """Return the folded earlier names in the hints of the file."""
    return {fold(name) for entry in entries.values() for name in entry.get("was", ())}


def forget_fills(entries: dict[str, Json]) -> None:
    """Remove fills: under another name of the table an old fill would count as a new one, and act again."""
    for entry in entries.values():
        entry.pop("fill", None)


def renamed_entry(old: Column, new: Column, entries: Mapping[str, Json]) -> Json:
    """Return the entry of a renamed column for its new name: everything except the definition, and the fill, which
    would act again."""
    entry = entries.get(fold(old.name), {})
    beside = {key: entry[key] for key in ("comment", *ABOUT_POSTGRES) if key in entry}
    return {"was": with_earlier(old.name, entry, new.name), **beside}


def with_earlier(newest: str, hints: Json, now: str) -> list[str]:
    """Return the earlier names, newest first, without the current one."""
    earlier = hints.get("was") or hints.get("_was") or ()
    return [newest, *(name for name in earlier if fold(name) != fold(now))]


def note_dropped(wanted: Table, lost: list[str], entries: Mapping[str, Json], hints: Json) -> None:
    """Write `_dropped` for columns that may be dropped; not for those that were renamed or exist again."""
    already = [name for name in hints.pop("_dropped", ()) if wanted.column(name) is None]
    earlier = earlier_names(entries)
    names = [*already, *(name for name in lost if name not in already and fold(name) not in earlier)]
    if names:
        hints["_dropped"] = names
