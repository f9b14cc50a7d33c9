"""Checks which names in a folder the current user may change, before anything is changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def may_change_names(folder: Path) -> bool:
    """True if this user may add, rename and remove names in `folder`; False without such a folder."""
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def may_replace(path: Path) -> bool:
    """False if the sticky bit of its folder prevents this user from replacing the object at `path`."""
    folder = path.parent.stat()
    if not folder.st_mode & stat.S_ISVTX or not os.path.lexists(path):
        return True
    return os.geteuid() in (0, folder.st_uid, path.lstat().st_uid)
