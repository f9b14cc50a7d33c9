"""Restore a database from the replica of Litestream, at any moment, into a plain file without traces of a run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ...engines.sqlite.connection import Opener
from ...engines.sqlite.copies import plain_copy
from ...engines.sqlite.examine import Examined, examine
from ...errors import Code, Failed, Refused
from ...files.disk import Disk, DiskStep
from ...files.scratch import private_file, work_folder
from ...sync.run.error_translation import translated_errors
from ...sync.run.progress import Progress
from .moments import NOTHING_WRITTEN, fetch, moment

SCRATCH = ".restore-"  # the beginning of the name of the work folder, which is in the folder of the file


def restore(opener: Opener, url: str, at: datetime | None, output: Path, progress: Progress, disk: Disk) -> Examined:
    """Write a state of the database to the new file `output`: the last state until `at`, or the newest. Raises Refused,
    or Failed if Litestream fails or the file is damaged: then nothing is written.

    The state may be from the middle of a run, or from a swap, which closes the file: the copy has neither a change log
    nor a fence.
    """
    if output.exists() or output.is_symlink():
        raise Refused.of(Code.OUTPUT_EXISTS, f"{output} exists already", "Name another file, or remove it first.")
    with translated_errors(output), work_folder(output.parent, SCRATCH) as folder:
        fetched, private = folder / "fetched.sqlite3", private_file(folder, "private").stat()
        with disk.step(DiskStep.RESTORE_FETCH), progress.phase("fetching", "files") as advance:
            fetch(url, _transaction(url, at), fetched)
            advance(1, 1)
        with disk.whole_file(DiskStep.RESTORE_WRITE, output, private) as place:
            plain_copy(opener, fetched, place)
            found = examine(opener, place)
            if found.damage:
                raise Failed.of(
                    Code.BACKUP_DAMAGED,
                    f"what Litestream has restored from {url} is damaged: {found.damage[0]}",
                    "Nothing was written. Try an earlier moment: --at TIME",
                )
    return found


def _transaction(url: str, at: datetime | None) -> str:
    if at is None:
        return ""
    found = moment(url, at)
    if found is None:
        message = f"{url} has no state from before {at.isoformat()}"
        raise Failed.of(Code.LITESTREAM_FAILED, message, NOTHING_WRITTEN, url=url)
    return found.txid
