"""Store backups in one of Django's storages.

A backup is two files: the compressed database, and its manifest, which is written last. A file without a manifest is no
backup, so an upload that breaks off leaves nothing that looks like one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, InvalidStorageError, Storage, storages

from ..errors import Code, Failed, Problem, SchemasyncError, UsageError
from ..files.disk import sync_file, sync_folder
from ..files.layout import Layout
from . import manifest
from .addresses import folder_storage, is_address, storage_at
from .compression import Digest, chunks, digest_of
from .manifest import Manifest

ALIAS = "schemasync-backups"  # the key in STORAGES
ENDING = ".sqlite3.zst"


@dataclass(frozen=True, slots=True)
class Found:
    """The content of a store: its backups, the oldest first; manifests that cannot be read, each with the reason; and
    files without a manifest."""

    backups: tuple[Manifest, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Store:
    """The backups of one database: the files of `storage` in the folder `prefix`."""

    storage: Storage
    prefix: str
    where: str = field(default="")

    def path(self, name: str) -> str:
        """Return the path of a file in the storage."""
        return f"{self.prefix}/{name}"

    def find(self) -> Found:
        """Read every manifest. Raises Failed if the storage fails."""
        with self.failing("list its files"):
            names = set(self._names())
            backups, unreadable = [], []
            for name in sorted(name for name in names if name.endswith(manifest.SUFFIX)):
                try:
                    backups.append(manifest.read(self._content(name)))
                except ValueError as error:
                    unreadable.append((name, str(error)))
        with_manifest = {_stem(one.stored_name) for one in backups} | {_stem(name) for name, _ in unreadable}
        incomplete = sorted(name for name in names if ENDING in name and _stem(name) not in with_manifest)
        return Found(tuple(sorted(backups, key=lambda one: one.made_at)), tuple(unreadable), tuple(incomplete))

    def newest(self) -> datetime | None:
        """Return when the newest backup was made, by the names of the manifests alone; None without one. Raises Failed
        if the storage fails."""
        with self.failing("list its files"):
            names = [name for name in self._names() if name.endswith(manifest.SUFFIX)]
        return max((at for at in map(manifest.time_in, names) if at is not None), default=None)

    def _names(self) -> list[str]:
        try:
            return list(self.storage.listdir(self.prefix)[1])
        except FileNotFoundError:
            return []  # nothing was stored there yet

    def _content(self, name: str) -> bytes:
        with self.storage.open(self.path(name), "rb") as file:
            return bytes(file.read())

    def check(self) -> None:
        """Raise Failed if the storage cannot be listed, so that a backup fails before anything is copied."""
        with self.failing("list its files"):
            self._names()

    def put(self, name: str, path: Path) -> None:
        """Store a file under this name. Raises Failed if the storage fails, changes the name, or already has a file of
        that name, which stays."""
        with self.failing(f"take {name}"), path.open("rb") as file:
            self._save(name, File(file, name))

    def put_manifest(self, one: Manifest) -> None:
        """Store the manifest, which makes the backup valid. Raises Failed if the storage fails or changes it."""
        name = one.name + manifest.SUFFIX
        with self.failing(f"take {name}"):
            self._save(name, ContentFile(one.text().encode(), name))
            with self._half_removed(name):
                if self._content(name) != one.text().encode():
                    raise OSError("it gives back another content than it was given")

    def _save(self, name: str, content: File[bytes]) -> None:
        if self.storage.exists(self.path(name)):  # some storages would write over it
            raise OSError("it has a file of this name already")
        folders = tuple(self._folders_to_sync(name))
        with self._half_removed(name):
            saved = self.storage.save(self.path(name), content)
        self._check_name(name, saved)
        with self._half_removed(name):
            self._make_durable(saved, folders)

    @contextmanager
    def _half_removed(self, name: str) -> Iterator[None]:
        """Remove the incomplete file from the storage if the block fails, because it takes space on a disk that may be
        full."""
        try:
            yield
        except BaseException:  # a signal, too
            with suppress(Exception):
                self.storage.delete(self.path(name))
            raise

    def _check_name(self, name: str, saved: str) -> None:
        if saved != self.path(name):
            self.storage.delete(saved)
            raise OSError(f"it has changed the name to {saved}")

    def _folders_to_sync(self, name: str) -> Iterator[Path]:
        """Yield the folders that get a new name when a file is saved: those that the storage has to create, and the
        lowest one that exists. None if the storage is not in the file system."""
        if isinstance(self.storage, FileSystemStorage):
            for folder in Path(self.storage.path(self.path(name))).parents:
                yield folder
                if folder.is_dir():
                    return

    def _make_durable(self, name: str, folders: Sequence[Path]) -> None:
        """Sync a file and folders to the disk, if the storage is in the file system: Django's storage does not."""
        if isinstance(self.storage, FileSystemStorage):
            sync_file(Path(self.storage.path(name)))
            for folder in folders:
                sync_folder(folder)

    def digest(self, name: str) -> Digest:
        """Return the digest of a stored file, read back from the storage."""
        return digest_of(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the content of a stored file piece by piece. Raises Failed if the storage fails."""
        with self.failing(f"give back {name}"), self.storage.open(self.path(name), "rb") as file:
            yield from chunks(file)

    def remove(self, names: Iterator[str] | tuple[str, ...]) -> None:
        """Remove files, in this order."""
        for name in names:
            with self.failing(f"remove {name}"):
                self.storage.delete(self.path(name))

    @contextmanager
    def failing(self, what: str) -> Iterator[None]:
        """Raise Failed for any exception of a storage, as each storage has its own. `what`: the action that failed."""
        try:
            yield
        except SchemasyncError:
            raise
        except Exception as error:
            problem = Problem(
                Code.STORAGE_FAILED,
                f"the storage {self.where} could not {what}: {type(error).__name__}: {error}",
                "The database is unchanged, and earlier backups still count. Check the storage, then run again.",
                {"storage": self.where},
            )
            raise Failed([problem]) from error


def _stem(name: str) -> str:
    """Return the name of the backup that a file belongs to."""
    return name.partition(ENDING)[0].removesuffix(manifest.SUFFIX)


def store(link: Path, alias: str, to: str = "") -> Store:
    """Return the store of the database that applications open at `link`. `to`: a key of STORAGES, a folder or a URL; ''
    for STORAGES["schemasync-backups"], or without that the folder `<link>.backups`. Raises UsageError for an unknown
    one."""
    if not to and ALIAS not in storages.backends:
        return _of_folder(Layout(link).backups, alias)
    if is_address(to):
        return Store(storage_at(to), alias, to)
    if os.sep in to:
        return _of_folder(Path(to).absolute(), alias)
    try:
        return Store(storages[to or ALIAS], alias, f'STORAGES["{to or ALIAS}"]')
    except InvalidStorageError as error:
        names = ", ".join(sorted(storages.backends))
        hint = f"STORAGES has {names}. A folder is named with a slash: --to ./{to}"
        raise UsageError.of(Code.BAD_OPTION, f"--to {to}: {error}", hint) from error


def _of_folder(folder: Path, alias: str) -> Store:
    return Store(folder_storage(folder), alias, str(folder))
