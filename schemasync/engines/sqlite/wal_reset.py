"""The versions of SQLite that can lose a commit if a checkpoint and a reset of the write-ahead log coincide."""

from __future__ import annotations

FIXED = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
"""The first release with the fix in each branch that got one: https://www.sqlite.org/wal.html#walresetbug"""


def can_lose_commits(version: tuple[int, int, int]) -> bool:
    """Return True for a release with this fault. A distribution may have added the fix to an older release."""
    if version >= FIXED[-1]:
        return False
    return not any(version[:2] == fixed[:2] and version >= fixed for fixed in FIXED)
