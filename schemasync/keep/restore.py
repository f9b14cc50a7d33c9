"""Restores a backup into a plain file, which gets its name once everything in it has been checked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ..engines.sqlite.connection import Opener
from ..engines.sqlite.examine import examine
from ..errors import Code, Failed, Refused
from ..files.disk import Disk, DiskStep
from ..files.scratch import private_file, work_folder, write_chunks
from ..sync.run.error_translation import translated_errors
from ..sync.run.progress import Progress
from . import compression
from .manifest import Manifest
from .store import Found, Store

SCRATCH = ".restore-"  # begin of the name of the folder for the work, beside the file


def chosen(store: Store, name: str = "", at: datetime | None = None) -> Manifest:
    """The backup with this name, or with a name that begins so; else the newest one, or the newest until `at`. Raises
    Refused."""
    found = store.find()
    fitting = [one for one in found.backups if one.name.startswith(name) and (at is None or one.made_at <= at)]
    if not fitting or (name and len(fitting) > 1 and fitting[-1].name != name):
        raise _no_backup(store, found, name, at, fitting)
    return next((one for one in fitting if one.name == name), fitting[-1])


def _no_backup(store: Store, found: Found, name: str, at: datetime | None, fitting: list[Manifest]) -> Refused:
    hint = "To list the backups: manage.py schemasync backups"
    if len(fitting) > 1:
        message = f"{len(fitting)} backups have a name that begins with {name}"
    elif name:
        message = f"{store.where} has no backup {name}"
    else:
        until = f" from before {at.isoformat()}" if at is not None else ""
        message = f"{store.where} has no backup{until}"
    if found.unreadable:
        message += "".join(f"; {file} cannot be read: {reason}" for file, reason in found.unreadable)
    return Refused.of(Code.NO_BACKUP, message, hint, storage=store.where)


def restore(opener: Opener, store: Store, one: Manifest, output: Path, progress: Progress, disk: Disk) -> None:
    """Write the database of a backup to `output`, where nothing is. Raises Refused, or Failed if the backup is damaged:
    then nothing is written."""
    if output.exists() or output.is_symlink():
        raise Refused.of(Code.OUTPUT_EXISTS, f"{output} exists already", "Name another file, or remove it first.")
    compression.library()
    with translated_errors(output), work_folder(output.parent, SCRATCH) as folder:
        packed = private_file(folder, "packed")
        with disk.step(DiskStep.RESTORE_FETCH), progress.phase("fetching", "bytes") as advance:
            _fetch(store, one, packed, advance)
        with disk.whole_file(DiskStep.RESTORE_WRITE, output, packed.stat()) as place:
            _unpack(opener, one, packed, place, progress)


def _fetch(store: Store, one: Manifest, packed: Path, advance: compression.Advance) -> None:
    digest, total = compression.Digest(), one.data["stored"]["bytes"]

    def counted() -> Iterator[bytes]:
        for chunk in store.chunks(one.stored_name):
            yield digest.add(chunk)
            advance(digest.size, total)

    write_chunks(packed, counted())
    if not digest.is_same(total, one.data["stored"]["sha256"]):
        size = f"its file has {digest.size:,} of {total:,} bytes"
        raise _damaged(one, size if digest.size != total else "its file is another one")


def _unpack(opener: Opener, one: Manifest, packed: Path, place: Path, progress: Progress) -> None:
    content, digest = one.data["content"], compression.Digest()
    with progress.phase("decompression", "bytes") as advance:
        try:
            write_chunks(place, compression.decompressed(packed, digest, content["bytes"], advance))
        except ValueError as error:
            raise _damaged(one, str(error)) from error
    if not digest.is_same(content["bytes"], content["sha256"]):
        raise _damaged(one, "its content is another one")
    with progress.phase("verification", "files") as advance:
        found = examine(opener, place)
        advance(1, 1)
    if found.damage:
        raise _damaged(one, found.damage[0])
    if found.fingerprint != one.data["fingerprint"] or dict(found.rows) != content["rows"]:
        raise _damaged(one, "its schema or its numbers of rows are not those of its manifest")


def _damaged(one: Manifest, why: str) -> Failed:
    return Failed.of(
        Code.BACKUP_DAMAGED,
        f"the backup {one.name} is damaged: {why}",
        "Nothing was written. To list the others: manage.py schemasync backups",
        backup=one.name,
    )
