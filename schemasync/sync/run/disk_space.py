"""Checks whether the disk can hold a file."""

from __future__ import annotations

import shutil
from pathlib import Path

from ...errors import Code, Refused

RESERVE = 8 * 1024 * 1024  # bytes beyond the estimate: history, links, a little growth


def check_free(folder: Path, needed: int, what: str) -> None:
    """Raise Refused if the folder has fewer free bytes than `what`, the subject of a sentence, may need."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Refused.of(
            Code.DISK_FULL,
            f"{what} may need {needed:,} bytes; {free:,} are free in {folder}",
            "Free space, for example: manage.py schemasync prune --keep 1",
            needed=needed,
            free=free,
        )
