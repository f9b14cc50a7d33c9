"""Syncs the copy of a backup to schema.json before it goes live, as a database of its own in a folder that nobody else
opens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..engines.sqlite import history_table
from ..errors import Code, Failed, NeedsPerson
from ..files.disk import DiskStep
from ..files.layout import Layout
from ..history.in_place import brought_up
from ..history.row import HistoryRow
from ..schema.document import Document
from .phases.copy_history import write_history
from .phases.decide import SyncOptions
from .place import place
from .run.recorder import Recorder
from .run.report import Report
from .run.requirements import Requirements
from .run.target import Target

NAME = "synced.sqlite3"  # of the link in the folder for the work


@dataclass(frozen=True, slots=True)
class Wanted:
    """The sync of a backup: its schema.json, its options, and the function that runs it on a target."""

    document: Document
    options: SyncOptions
    run: Callable[[Target], Report]


@dataclass(frozen=True, slots=True)
class Synced:
    """The file that a sync has made of a backup, and the newest history row of the generation that it becomes."""

    copy: Path
    row: HistoryRow
    report: Report


def synced(target: Target, wanted: Wanted, copy: Path, rows: Sequence[HistoryRow]) -> Synced:
    """Run the sync on the file `copy`, in its own folder. `rows`: its history, which ends with the row of the restore.
    The caller removes the folder. Raises a SchemasyncError."""
    own = _as_database(target, copy)

    def write(path: Path) -> None:
        write_history(own, copy, rows)
        own.disk.rename(DiskStep.BUILD_RENAME, copy, path)

    with _nothing_is_live():
        place(own, write)
        report = wanted.run(own)
    live = own.layout.live()
    assert live is not None
    with closing(target.opener.read(live.path)) as connection:
        newest = history_table.newest(connection)
    assert newest is not None
    return Synced(live.path, brought_up(rows[-1], newest), report)


def _as_database(target: Target, copy: Path) -> Target:
    """Return a target in the folder of the copy, without requirements, health check and replication: the restore checks
    the result itself."""
    return replace(
        target,
        layout=Layout(copy.with_name(NAME)),
        lock=None,
        requirements=Requirements(),
        health=None,
        replication=None,
        recorder=Recorder(),
    )


@contextmanager
def _nothing_is_live() -> Iterator[None]:
    """Turn errors of the block about its live file, which is only in the folder: a NeedsPerson becomes a Failed, and
    that of a signal says that the live file is unchanged."""
    try:
        yield
    except NeedsPerson as error:
        raise Failed(error.problems) from error
    except Failed as error:
        if error.code is not Code.INTERRUPTED:
            raise
        name = error.problems[0].facts["signal"]
        message = f"stopped by {name} in the sync of the backup; the live file is unchanged"
        raise Failed.of(Code.INTERRUPTED, message, "The same command starts again.", signal=name) from error
