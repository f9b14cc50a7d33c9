"""The receiving side of a move: receive a copy of the file and its log, and rename their folder when they are complete.

A folder that already has that name contains no live file, as the row of the tenant names another host: it is moved to
another folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ... import databases
from ...engines.sqlite.connection import side_files, wal_of
from ...engines.sqlite.examine import Examined, examine
from ...engines.sqlite.log_parts import LogParts
from ...engines.sqlite.log_tail import laid_over
from ...errors import Code, Failed, Refused
from ...files.disk import Disk, DiskStep, sync_file, sync_folder
from ...files.layout import Generation, Layout
from ...files.lock import run_lock
from ...files.scratch import append_chunks, named, private_file, work_folder, write_chunks
from ...history.row import HistoryRow
from ...keep.compression import digest_of_file
from ..folders import FILE
from ..lives import rows_of
from ..models import WHILE_MOVING
from ..paths import folder_of
from ..settings import tenant_settings

BEFORE = ".before"
"""The folder for such earlier folders of tenants: the tenant came back, or an earlier move was not finished."""


@dataclass(slots=True)
class Incoming:
    """A tenant that comes from the host `source`. `work`: the work folder until the tenant is complete; `folder`: the
    present folder of the tenant, which is `made` in the work folder until it is placed; `parts`: the state of the log,
    of which each part is applied to the copy separately."""

    key: str
    source: str
    name: str
    work: Path
    disk: Disk
    folder: Path
    parts: LogParts = field(default_factory=LogParts)

    @property
    def is_placed(self) -> bool:
        """True after the folder of the tenant got its name."""
        return self.folder.parent != self.work

    @property
    def layout(self) -> Layout:
        return Layout(self.folder / FILE)

    @property
    def generation(self) -> Generation:
        found = self.layout.generation(self.name)
        if found is None:
            raise Refused.of(Code.UNKNOWN_GENERATION, f"{self.name} is no name of a generation", "")
        return found

    @property
    def log(self) -> Path:
        """The file with the part of the log that is not applied to the copy yet."""
        return self.work / "log"

    def receive(self, data: Iterator[bytes], digest: str) -> Examined:
        """Write the copy, and examine it. Raises Failed if its digest differs, or if it is damaged."""
        path = self.generation.path
        with self.disk.step(DiskStep.HOST_RECEIVE):
            write_chunks(path, data)
            sync_file(path)
        if digest_of_file(path).sha256 != digest:
            raise _differs("the copy")
        found = examine(databases.opener(tenant_settings().entry), path)
        if found.damage:
            raise Failed.of(
                Code.CORRUPT, f"the copy is damaged: {found.damage[0]}", "manage.py schemasync check --quick-check"
            )
        self.disk.remove(DiskStep.HOST_LOG, side_files(path))
        return found

    def extend(self, offset: int, data: Iterator[bytes], digest: str) -> None:
        """Write a part of the log. A part at offset 0 begins another log. Raises Failed if its digest differs, or if it
        does not follow the part before."""
        found = sha256()
        with self.disk.step(DiskStep.HOST_LOG):
            if offset == 0:
                self.parts = LogParts()
                write_chunks(self.log, ())
            elif offset != self.parts.come:
                raise _differs("the log")
            append_chunks(self.log, (self.parts.add(chunk) for chunk in _digested(data, found)))
        if found.hexdigest() != digest:
            raise _differs("the log")

    def lay(self, frames: int) -> HistoryRow | None:
        """Apply the received log to the copy, durably. Return the newest row of its history. `frames`: how many the log
        has. Raises Failed unless all have come, and SQLite accepts all new ones."""
        path = self.generation.path
        with self.disk.step(DiskStep.HOST_LAY):
            if self.parts.frames != frames or not self.parts.is_whole:
                raise _differs("the log")
            if self.parts.in_part:
                named(self.log, wal_of(path))
                write_chunks(self.log, ())
            newest = laid_over(databases.opener(tenant_settings().entry), path, self.parts.in_part)
            sync_file(path)
        self.parts.end_part()
        return newest

    def finish(self, frames: int, version: str) -> None:
        """Apply the rest of the log, check the newest history row of the copy, and give the folder its name, durably.
        Raises Failed if the copy differs, and Refused if the tenant no longer moves."""
        newest, path = self.lay(frames), self.generation.path
        if newest is None or (newest.generation, newest.version) != (self.name, version):
            raise _differs("the history of the copy")
        if not self.is_placed:
            sync_folder(path.parent)
            self.disk.symlink(DiskStep.HOST_LINK, self.layout.link, self.layout.target(self.generation))
            sync_folder(self.folder)
            self._place()

    def _place(self) -> None:
        refuse_unless_moving(self.key, self.source)
        folder = folder_of(self.key)
        if folder.exists():
            aside = folder.parent / BEFORE / self.key
            self.disk.make_folder(DiskStep.HOST_FOLDER, aside.parent, None)
            self.disk.remove_folder(DiskStep.HOST_FORGET, aside)
            self.disk.rename(DiskStep.HOST_ASIDE, folder, aside)
        self.disk.rename(DiskStep.HOST_PLACE, self.folder, folder)
        self.folder = folder


def _digested(data: Iterator[bytes], found: hashlib._Hash) -> Iterator[bytes]:
    for chunk in data:
        found.update(chunk)
        yield chunk


@contextmanager
def incoming(key: str, source: str, generation: str, disk: Disk) -> Iterator[Incoming]:
    """Receive a tenant within the block. If it is not complete at the end, its files are removed. Raises Busy while
    another process receives it, and Refused unless its row says that it moves from the host `source`."""
    parent = folder_of(key).parent
    lock = parent / ".receiving" / key / "lock"
    for folder in (parent, lock.parent.parent, lock.parent):
        disk.make_folder(DiskStep.HOST_FOLDER, folder, None)
    with run_lock(lock, WAIT), work_folder(parent, f".{key}.") as work:
        refuse_unless_moving(key, source)
        found = Incoming(key, source, generation, work, disk, work / "made")
        disk.make_folder(DiskStep.HOST_FOLDER, found.folder, None)
        disk.make_folder(DiskStep.HOST_FOLDER, found.generation.path.parent, None)
        private_file(work, "log")
        yield found


WAIT = 10.0  # seconds to wait for another process that receives the same tenant, and ends soon after its sender


def refuse_unless_moving(key: str, source: str) -> None:
    """Raise Refused unless the row of a tenant says that it is on the host `source`, not this one, and moves."""
    here = tenant_settings().host
    found = rows_of(key).values_list("host", "state").first()
    if source == here or found not in [(source, state) for state in WHILE_MOVING.values()]:
        says = "nothing" if found is None else f"that it is {found[1]} on {found[0]}"
        raise Refused.of(
            Code.MOVE_UNFINISHED,
            f'the tenant "{key}" does not move from {source} to {here}: its row says {says}',
            "Both hosts need the same default database. Then run the same command again where the tenant is.",
        )


def _differs(what: str) -> Failed:
    return Failed.of(
        Code.VERIFY_DIFFERS, f"{what} is not what was sent", "Nothing was changed where the tenant is. Run it again."
    )
