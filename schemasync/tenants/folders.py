"""The paths of tenants: each has a folder, which holds its database and all related files.

`folder` is the field of the tenant's row: empty for the default folder. A relative path begins at FOLDER.
"""

from __future__ import annotations

from pathlib import Path

from .settings import tenant_settings

FILE = "db.sqlite3"


def folder_at(key: str, folder: str) -> Path:
    """Return the folder of a tenant."""
    return tenant_settings().folder / (folder or key)


def path_at(key: str, folder: str) -> Path:
    """Return the path that the application opens for a tenant."""
    return folder_at(key, folder) / FILE


def archived_folder_at(key: str, folder: str) -> Path:
    """Return the folder of a tenant while it is archived, on the disk of its usual one. No key begins with a dot."""
    return folder_at(key, folder).parent / ".archived" / key
