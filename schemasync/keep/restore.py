"""Write the database of a backup or an archive into a file, which gets its name after its content has been checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, assert_never

from ..engines.sqlite import fence
from ..engines.sqlite.connection import Opener
from ..engines.sqlite.copies import plain_copy
from ..engines.sqlite.examine import examine
from ..engines.sqlite.sqlite_errors import is_damage
from ..errors import Code, Failed, Refused, SchemasyncError
from ..files.disk import Disk, DiskStep
from ..files.scratch import (
    BACKUP,
    copied_with_sides,
    private_file,
    private_writer,
    work_folder,
    work_prefix,
    write_chunks,
)
from ..sync.run import interrupt
from ..sync.run.disk_space import RESERVE, Room, check_free, figures_when_full
from ..sync.run.error_translation import translated_errors
from ..sync.run.progress import Progress
from ..sync.run.target import Target
from . import compression, encryption
from .litestream import moments
from .manifest import Manifest
from .sources import Archived, Copied, Replicated, Source, Stored


def restore(opener: Opener, source: Source, output: Path, progress: Progress, disk: Disk) -> None:
    """Write the database of a backup to the new file `output`, which only this user may read. Raises Refused, or Failed
    if the backup is damaged: then nothing is written."""
    if output.exists() or output.is_symlink():
        raise Refused.of(Code.OUTPUT_EXISTS, f"{output} exists already", "Name another file, or remove it first.")
    with (
        translated_errors(output),
        work_folder(output.parent, work_prefix(output, "restore-")) as folder,
        interrupt.stoppable(),
    ):
        like = private_file(folder, "private").stat()
        packed = _fetched(source, folder, progress, disk)
        with disk.whole_file(DiskStep.RESTORE_WRITE, output, like) as place:
            _write(opener, source, packed, place, progress)


@contextmanager
def restored_copy(target: Target, source: Source) -> Iterator[Path]:
    """Yield a checked copy of a backup, on the disk of the database and with the permissions of its file. The copy is
    removed at the end, unless it was moved. Raises Refused, or Failed if the backup is damaged."""
    link, opener, progress, disk = target.layout.link, target.opener, target.progress, target.disk
    parent = _work_parent(target)
    room = Room(parent, source.bytes_needed + RESERVE, f"the restore of {source.name}")
    with figures_when_full(parent, room, source=link), working(target) as folder:
        check_free(room)
        copy, like = folder / "copy.sqlite3", link.stat() if link.exists() else None
        with interrupt.stoppable():
            packed = _fetched(source, folder, progress, disk)
            with disk.whole_file(DiskStep.RESTORE_WRITE, copy, like) as place:
                _write(opener, source, packed, place, progress)
        yield copy


@contextmanager
def working(target: Target) -> Iterator[Path]:
    """Yield a folder for the work on a backup, on the disk of the database."""
    link, parent = target.layout.link, _work_parent(target)
    prefix = BACKUP if parent == target.layout.folder else work_prefix(link, BACKUP)
    with translated_errors(parent, source=link), work_folder(parent, prefix) as folder:
        yield folder


def _work_parent(target: Target) -> Path:
    """Return the folder of the generations, or the folder of the link if there is none yet."""
    layout = target.layout
    return layout.folder if layout.folder.is_dir() else layout.link.parent


def _fetched(source: Source, folder: Path, progress: Progress, disk: Disk) -> Path:
    """Return the file to write the database from: the downloaded one, an archive itself, or, for a copy that somebody
    made, another copy with its log, because SQLite changes a file with a log when it opens it."""
    match source:
        case Archived():
            return source.archive.generation.path
        case Copied():
            with disk.step(DiskStep.RESTORE_FETCH), progress.phase("fetching", "files") as advance:
                copy = copied_with_sides(source.path, folder)
                advance(1, 1)
            return copy
        case Replicated():
            with disk.step(DiskStep.RESTORE_FETCH), progress.phase("fetching", "files") as advance:
                moments.fetch(source.url, source.moment.txid, folder / "fetched.sqlite3")
                advance(1, 1)
            return folder / "fetched.sqlite3"
        case Stored():
            compression.library()
            if source.manifest.is_encrypted:
                encryption.identities(source.name, source.identity)  # before anything is fetched
            with (
                disk.step(DiskStep.RESTORE_FETCH),
                progress.phase("fetching", "bytes") as advance,
                private_writer(folder, "packed") as packed,
            ):
                _fetch(source, packed, advance)
            return folder / "packed"
        case _:
            assert_never(source)


def _write(opener: Opener, source: Source, packed: Path, place: Path, progress: Progress) -> None:
    match source:
        case Replicated():
            with _damage_named(source.name):
                plain_copy(opener, packed, place)  # it may have a change log or a fence
                _check(opener, source.name, place, progress, None)
        case Archived() | Copied():
            with _damage_named(source.name):
                _refuse_unfinished(opener, source.name, packed)
                plain_copy(opener, packed, place)
                _check(opener, source.name, place, progress, None)
        case Stored():
            _unpack(source.manifest, packed, place, progress)
            _check(opener, source.name, place, progress, source.manifest)
        case _:
            assert_never(source)


@contextmanager
def _damage_named(name: str) -> Iterator[None]:
    """Report a file that SQLite cannot read as a damaged backup, not as a damaged database."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise _damaged(name, str(error)) from error
        raise
    except SchemasyncError as error:
        if error.code in (Code.CORRUPT, Code.NOT_A_DATABASE):
            raise _damaged(name, "SQLite cannot read it") from error
        raise


def _refuse_unfinished(opener: Opener, name: str, path: Path) -> None:
    with closing(opener.read(path)) as connection:
        if fence.is_marked(connection):
            raise _damaged(name, "it is a file that a run has not finished")


def _fetch(source: Stored, packed: IO[bytes], advance: compression.Advance) -> None:
    """Download the stored file of a backup, and decrypt it. Raises Failed if it is damaged."""
    one, digest = source.manifest, compression.Digest()
    total = one.data["stored"]["bytes"]

    def counted() -> Iterator[bytes]:
        for chunk in source.store.chunks(one.stored_name):
            yield digest.add(chunk)
            advance(digest.size, total)

    try:
        if one.is_encrypted:
            encryption.decrypted(counted(), packed, one.name, source.identity)
        else:
            packed.writelines(counted())
    except ValueError as error:
        raise _damaged(one.name, str(error)) from error
    if not digest.is_same(total, one.data["stored"]["sha256"]):
        size = f"its file has {digest.size:,} of {total:,} bytes"
        raise _damaged(one.name, size if digest.size != total else "its file is another one")


def _unpack(one: Manifest, packed: Path, place: Path, progress: Progress) -> None:
    content, digest = one.data["content"], compression.Digest()
    with progress.phase("decompression", "bytes") as advance:
        try:
            write_chunks(place, compression.decompressed(packed, digest, content["bytes"], advance))
        except ValueError as error:
            raise _damaged(one.name, str(error)) from error
    if not digest.is_same(content["bytes"], content["sha256"]):
        raise _damaged(one.name, "its content is another one")


def _check(opener: Opener, name: str, place: Path, progress: Progress, one: Manifest | None) -> None:
    """Check the whole file. Raises Failed if it is damaged. `one`: the manifest; None if the source has none."""
    with progress.phase("verification", "files") as advance:
        found = examine(opener, place, with_indexes=one is None)  # without a manifest nothing else detects damage
        advance(1, 1)
    if found.damage:
        raise _damaged(name, found.damage[0])
    if one is not None and (
        found.fingerprint != one.data["fingerprint"]
        or not (one.is_encrypted or dict(found.rows) == one.data["content"]["rows"])
    ):
        raise _damaged(name, "its schema or its numbers of rows are not those of its manifest")


def _damaged(name: str, why: str) -> Failed:
    return Failed.of(
        Code.BACKUP_DAMAGED,
        f"the backup {name} is damaged: {why}",
        "Nothing was written. To list the others: manage.py schemasync backups",
        backup=name,
    )
