"""The receiving side of a move: a copy of the file and its log, which get their name when they are whole.

Whatever has that name is no live file, as the row of the tenant names another host: it is put aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ... import databases
from ...engines.sqlite.connection import side_files, wal_of
from ...engines.sqlite.examine import Examined, examine
from ...engines.sqlite.log_tail import laid_over
from ...errors import Code, Failed, Refused
from ...files.disk import Disk, DiskStep, sync_file, sync_folder
from ...files.layout import Generation, Layout
from ...files.lock import run_lock
from ...files.scratch import named, private_file, work_folder, write_at, write_chunks
from ...keep.compression import digest_of_file
from ..folders import FILE
from ..lives import rows_of
from ..models import State
from ..paths import folder_of
from ..settings import tenant_settings

BEFORE = ".before"
"""The folder with what had the names of tenants that came back, or whose move had broken off."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A tenant that comes from the host `source`. `work`: the folder for it until it is whole."""

    key: str
    source: str
    generation: Generation
    work: Path
    disk: Disk

    @property
    def made(self) -> Path:
        """The folder that the tenant gets."""
        return self.work / "made"

    @property
    def layout(self) -> Layout:
        return Layout(self.made / FILE)

    @property
    def log(self) -> Path:
        """The log, until it is laid over the copy."""
        return self.work / "log"

    def receive(self, data: Iterator[bytes], digest: str) -> Examined:
        """Write the copy, and examine it. Raises Failed if it is not what was sent."""
        with self.disk.step(DiskStep.HOST_RECEIVE):
            write_chunks(self.generation.path, data)
            sync_file(self.generation.path)
        if digest_of_file(self.generation.path).sha256 != digest:
            raise _differs("the copy")
        found = examine(databases.opener(tenant_settings().entry), self.generation.path)
        if found.damage:
            raise Failed.of(
                Code.CORRUPT, f"the copy is damaged: {found.damage[0]}", "manage.py schemasync check --quick-check"
            )
        self.disk.remove(DiskStep.HOST_LOG, side_files(self.generation.path))
        return found

    def extend(self, offset: int, data: Iterator[bytes]) -> None:
        """Write a part of the log."""
        with self.disk.step(DiskStep.HOST_LOG):
            write_at(self.log, offset, data)

    def finish(self, frames: int, digest: str, version: str) -> None:
        """Lay the log over the copy, compare what it says of itself, and give it its name, durably. Raises Failed."""
        if digest_of_file(self.log).sha256 != digest:
            raise _differs("the log")
        with self.disk.step(DiskStep.HOST_LAY):
            if frames:
                named(self.log, wal_of(self.generation.path))
            newest = laid_over(databases.opener(tenant_settings().entry), self.generation.path, frames)
            sync_file(self.generation.path)
            sync_folder(self.generation.path.parent)
        if newest is None or (newest.generation, newest.version) != (self.generation.name, version):
            raise _differs("the history of the copy")
        self.disk.symlink(DiskStep.HOST_LINK, self.layout.link, self.layout.target(self.generation))
        sync_folder(self.made)
        self._place()

    def _place(self) -> None:
        refuse_unless_moving(self.key, self.source)
        folder = folder_of(self.key)
        if folder.exists():
            aside = folder.parent / BEFORE / self.key
            self.disk.make_folder(DiskStep.HOST_FOLDER, aside.parent, None)
            self.disk.remove_folder(DiskStep.HOST_FORGET, aside)
            self.disk.rename(DiskStep.HOST_ASIDE, folder, aside)
        self.disk.rename(DiskStep.HOST_PLACE, self.made, folder)


@contextmanager
def incoming(key: str, source: str, generation: str, disk: Disk) -> Iterator[Incoming]:
    """Receive a tenant within the block; what is not whole at its end is removed. Raises Busy while another process
    receives it, and Refused unless its row says that it moves from there."""
    parent = folder_of(key).parent
    lock = parent / ".receiving" / key / "lock"
    for folder in (parent, lock.parent.parent, lock.parent):
        disk.make_folder(DiskStep.HOST_FOLDER, folder, None)
    with run_lock(lock, WAIT), work_folder(parent, f".{key}.") as work:
        refuse_unless_moving(key, source)
        layout = Layout(work / "made" / FILE)
        disk.make_folder(DiskStep.HOST_FOLDER, work / "made", None)
        disk.make_folder(DiskStep.HOST_FOLDER, layout.folder, None)
        found = layout.generation(generation)
        if found is None:
            raise Refused.of(Code.UNKNOWN_GENERATION, f"{generation} is no name of a generation", "")
        private_file(work, "log")
        yield Incoming(key, source, found, work, disk)


WAIT = 10.0  # seconds for another process that receives the same tenant, and ends when its sender has


def refuse_unless_moving(key: str, source: str) -> None:
    """Raise Refused unless the row of a tenant says that it is on another host, and moves."""
    here = tenant_settings().host
    found = rows_of(key).values_list("host", "state").first()
    if source == here or found != (source, State.MOVING):
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
