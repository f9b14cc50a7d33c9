"""Which versions of SQLite can lose a commit to the race of a checkpoint with a reset of the write-ahead log."""

from __future__ import annotations

FIXED = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
"""The first release with the fix in each branch that got one: https://www.sqlite.org/wal.html#walresetbug"""


def can_lose_commits(version: tuple[int, int, int]) -> bool:
    """True for a release with the race. A distribution may have put the fix into an older one."""
    if version >= FIXED[-1]:
        return False
    return not any(version[:2] == fixed[:2] and version >= fixed for fixed in FIXED)
