"""Removes the files of a failed run, as long as its swap is not committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...engines.sqlite.connection import side_files
from ...files.disk import DiskStep
from ..run.target import Target
from .write_lock import Commit


@contextmanager
def litter_removed(target: Target, commit: Commit) -> Iterator[None]:
    """Remove the files that the block made if it fails; if this process dies instead, recovery does it.

    Nothing is removed once the swap is committed, as the built file is the database then, or if another run may be at
    work.
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
