"""Make a backup: a copy that is verified, compressed, stored and read back, before its manifest makes it valid."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..engines.sqlite.copies import compacted, plain_copy
from ..engines.sqlite.examine import Examined, examine
from ..errors import Code, Failed, Refused
from ..files.disk import DiskStep
from ..files.scratch import private_writer
from ..sync.run import interrupt, live_database
from ..sync.run.target import Target
from . import compression, encryption, manifest
from .compression import Digest
from .manifest import FORMAT, Manifest
from .restore import working
from .store import ENDING, Store


def backup(
    target: Target, store: Store, alias: str, recipients: Sequence[str] = (), *, is_compact: bool = False
) -> Manifest:
    """Make a backup of the live database while writers go on, and return its manifest. `recipients`: encrypt it for
    them; nobody else can restore it. `is_compact`: without free pages.

    The copy is one snapshot, without the objects of a run. The backup is valid after everything has been read back: the
    copy by SQLite, the stored file by its digest. Raises Refused without a database, and Failed if the copy or the
    storage is faulty: then there is no valid backup.
    """
    compression.library()
    known = encryption.recipients(recipients) if recipients else []
    store.check()
    with working(target) as folder:
        with interrupt.stoppable():
            one = _stored(target, store, folder, alias, known, is_compact=is_compact)
        with target.disk.step(DiskStep.BACKUP_MANIFEST):
            store.put_manifest(one)
    return one


def _stored(
    target: Target, store: Store, folder: Path, alias: str, known: Sequence[Any], *, is_compact: bool
) -> Manifest:
    """Store the file of a backup, which is not valid yet, and return its manifest. `known`: its recipients."""
    made_at, copy, packed = datetime.now(UTC), folder / "copy.sqlite3", folder / "copy.zst"
    found = _copied(target, copy, is_compact=is_compact)
    version = found.newest.version if found.newest is not None else ""
    name = manifest.name_of(made_at, version)
    with target.disk.step(DiskStep.BACKUP_COMPRESS), target.progress.phase("compression", "bytes") as advance:
        content = compression.compress(copy, packed, advance)
        packed = _encrypted(packed, known) if known else packed
        stored = compression.digest_of_file(packed)
    one = _manifest(name, made_at, alias, found, content, stored, is_encrypted=bool(known))
    with target.disk.step(DiskStep.BACKUP_STORE), target.progress.phase("storing", "bytes") as advance:
        store.put(one.stored_name, packed)
        _check_stored(store, one, stored)
        advance(stored.size, stored.size)
    return one


def _encrypted(packed: Path, recipients: Sequence[Any]) -> Path:
    with packed.open("rb") as plain, private_writer(packed.parent, packed.name + encryption.ENDING) as file:
        encryption.encrypt(plain, file, recipients)
    return packed.with_name(packed.name + encryption.ENDING)


def _copied(target: Target, copy: Path, *, is_compact: bool) -> Examined:
    """Copy the live database, and examine the copy."""
    with target.disk.step(DiskStep.BACKUP_COPY), target.progress.phase("copy", "files") as advance:
        with live_database.read(target.layout, target.opener) as current:
            if current is None:
                link, hint = target.layout.link, "To create one from schema.json: manage.py schemasync"
                raise Refused.of(Code.NO_DATABASE, f"there is no database at {link}", hint)
            plain_copy(target.opener, current.path, copy)
        advance(1, 1)
    if is_compact:
        _compact(target, copy)
    with target.progress.phase("verification", "files") as advance:
        found = examine(target.opener, copy)
        advance(1, 1)
    if found.damage:
        raise Failed.of(
            Code.BACKUP_DAMAGED,
            f"the copy of {target.layout.link} is damaged, and the database may be, too: {found.damage[0]}",
            "To check the live database: manage.py schemasync check --quick-check\n"
            "To list earlier backups: manage.py schemasync backups",
            messages=list(found.damage),
        )
    return found


def _compact(target: Target, copy: Path) -> None:
    """Replace the copy by a compact copy. Raises Failed if that has other row ids."""
    compact = copy.with_name("compact.sqlite3")
    if others := compacted(target.opener, copy, compact):
        raise Failed.of(
            Code.ROW_IDS_CHANGED,
            f"VACUUM gives other row ids to {', '.join(others)}, and full-text or r-tree tables may refer to them",
            "Make the backup without --compact. The database is unchanged.",
            tables=list(others),
        )
    target.disk.rename(DiskStep.BACKUP_COMPACT, compact, copy)


def _manifest(
    name: str, made_at: datetime, alias: str, found: Examined, content: Digest, stored: Digest, *, is_encrypted: bool
) -> Manifest:
    """Return the manifest. That of an encrypted backup contains no names of tables."""
    newest, rows = found.newest, {} if is_encrypted else dict(found.rows)
    return Manifest(
        {
            "format": FORMAT,
            "name": name,
            "database": alias,
            "made_at": made_at.isoformat(),
            "version": newest.version if newest is not None else "",
            "fingerprint": found.fingerprint,
            "generation": newest.generation if newest is not None else None,
            "tool_version": __version__,
            "sqlite_version": sqlite3.sqlite_version,
            "content": {"bytes": content.size, "sha256": content.sha256, "rows": rows},
            "stored": {
                "name": name + ENDING + (encryption.ENDING if is_encrypted else ""),
                "bytes": stored.size,
                "sha256": stored.sha256,
                "compression": compression.NAME,
                "encryption": encryption.NAME if is_encrypted else None,
            },
            "schema": json.loads(newest.schema) if newest is not None and not is_encrypted else None,
        }
    )


def _check_stored(store: Store, one: Manifest, stored: Digest) -> None:
    """Read the file back, because some storages report success for files that they have lost. Raises Failed, and
    removes the file, if its content differs."""
    found = store.digest(one.stored_name)
    if not found.is_same(stored.size, stored.sha256):
        store.remove((one.stored_name,))
        raise Failed.of(
            Code.STORAGE_FAILED,
            f"the storage {store.where} gives back {found.size} bytes of {one.stored_name}, and was given {stored.size}"
            if found.size != stored.size
            else f"the storage {store.where} gives back another content of {one.stored_name} than it was given",
            "The database is unchanged, and earlier backups still count. Check the storage, then run again.",
            storage=store.where,
        )
