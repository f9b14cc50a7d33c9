"""Where the file of a tenant is, by its key: the row of the tenant says so."""

from __future__ import annotations

from pathlib import Path

from . import lookup
from .folders import archived_folder_at, folder_at, path_at


def folder_of(key: str) -> Path:
    """The folder of a tenant; the default one without a row."""
    return folder_at(key, lookup.folder(key))


def path_of(key: str) -> Path:
    """The path that the application opens for a tenant."""
    return path_at(key, lookup.folder(key))


def archived_folder_of(key: str) -> Path:
    """The folder of an archived tenant."""
    return archived_folder_at(key, lookup.folder(key))
