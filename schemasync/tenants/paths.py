"""Where the files of tenants are: a folder for each, which holds its database and everything beside it."""

from __future__ import annotations

from pathlib import Path

from .settings import tenant_settings

FILE = "db.sqlite3"


def folder_of(key: str) -> Path:
    """The folder of a tenant."""
    return tenant_settings().folder / key


def path_of(key: str) -> Path:
    """The path that the application opens for a tenant."""
    return folder_of(key) / FILE


def archived_folder_of(key: str) -> Path:
    """The folder of an archived tenant. No key begins with a dot."""
    return tenant_settings().folder / ".archived" / key
