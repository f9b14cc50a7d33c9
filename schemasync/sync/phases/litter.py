"""Removes what a failed run leaves behind, as long as its swap is not committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...engines.sqlite.connection import side_files
from ...files.disk import DiskStep
from ..run.target import Target
from .write_lock import Commit


@contextmanager
def litter_removed(target: Target, commit: Commit) -> Iterator[None]:
    """Remove unfinished files if the block fails; if this process dies instead, recovery does it.

    Once the swap is committed, the built file is the database, whatever fails then.
    """
    known = {generation.path for generation in target.layout.generations()}
    try:
        yield
    except BaseException:
        if commit.is_done or (target.lock is not None and not target.lock.is_sole()):
            raise
        for generation in target.layout.generations():
            if generation.path not in known and generation != target.layout.live():
                target.disk.remove(DiskStep.RECOVER_REMOVE, (generation.path, *side_files(generation.path)))
        raise
