"""Where the files of tenants are: a folder for each, which holds its database and everything beside it.

`folder` is that of the row of the tenant: empty for the default place. A relative one begins at FOLDER.
"""

from __future__ import annotations

from pathlib import Path

from .settings import tenant_settings

FILE = "db.sqlite3"


def folder_at(key: str, folder: str) -> Path:
    """The folder of a tenant."""
    return tenant_settings().folder / (folder or key)


def path_at(key: str, folder: str) -> Path:
    """The path that the application opens for a tenant."""
    return folder_at(key, folder) / FILE


def archived_folder_at(key: str, folder: str) -> Path:
    """The folder of an archived tenant, on the disk of the other one. No key begins with a dot."""
    return folder_at(key, folder).parent / ".archived" / key
