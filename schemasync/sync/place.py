"""Makes a whole copy of a generation live under the same name, where no database is. Test databases are copied so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ..engines.sqlite import history_table
from ..errors import Code, Refused
from ..files.disk import DiskStep
from ..files.layout import PathKind
from ..files.scratch import BACKUP, work_folder
from .phases import cutover
from .phases.copy_history import write_history
from .phases.litter import litter_removed
from .phases.write_lock import Commit
from .recovery import recover
from .run import interrupt
from .run.error_translation import translated_errors
from .run.target import Target


def place(target: Target, write: Callable[[Path], None]) -> None:
    """Let `write` write a copy of a generation, with its history, into a file; then make that live. Raises Refused if
    something is at the path already, or if the copy has no history."""
    with translated_errors(target.layout.link), interrupt.stoppable() as signals, target.locked() as target:
        recover(target)
        if target.layout.path_kind() is not PathKind.NOTHING:
            raise Refused.of(Code.OUTPUT_EXISTS, f"{target.layout.link} exists already", "Remove it first.")
        with work_folder(target.layout.folder, BACKUP) as folder:
            copy, commit = folder / "copy.sqlite3", Commit()
            write(copy)
            with closing(target.opener.read(copy)) as connection:
                rows = history_table.read(connection)
            generation = target.layout.generation(rows[-1].generation) if rows else None
            if generation is None:
                raise Refused.of(Code.NO_HISTORY, "the copy has no history, so it is none of a generation")
            with litter_removed(target, commit):
                write_history(target, copy, rows)
                target.disk.rename(DiskStep.BUILD_RENAME, copy, generation.path)
                cutover.cut_over_locked(target, signals, None, generation, commit)
