"""Find the paths of a tenant by its key. The row of the tenant may name another folder than the default."""

from __future__ import annotations

from pathlib import Path

from ..errors import Code, Refused
from ..files.layout import Layout, PathKind
from ..sync.run.error_translation import translated_errors
from . import lookup
from .folders import archived_folder_at, folder_at, path_at


def folder_of(key: str) -> Path:
    """Return the folder of a tenant; the default one without a row."""
    return folder_at(key, lookup.folder(key))


def path_of(key: str) -> Path:
    """Return the path that the application opens for a tenant."""
    return path_at(key, lookup.folder(key))


def archived_folder_of(key: str) -> Path:
    """Return the folder of a tenant while it is archived."""
    return archived_folder_at(key, lookup.folder(key))


def refuse_without_file(key: str) -> None:
    """Raise Refused for a tenant without a file: its disk may not be mounted, and an empty new file would hide that. If
    only the link is missing, do nothing, as a sync creates it again."""
    layout = Layout(path_of(key))
    with translated_errors(layout.link):
        is_there = layout.path_kind() is not PathKind.NOTHING or bool(layout.finished())
    if not is_there:
        raise Refused.of(
            Code.NO_DATABASE, f"there is no database at {layout.link}", "Mount its disk, or restore a backup there."
        )
