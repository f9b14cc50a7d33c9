"""Translates errors of the disk and of SQLite into errors with a hint what to do next."""

from __future__ import annotations

import errno
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...engines.sqlite.sqlite_errors import is_damage, translate
from ...errors import Code, Failed, Refused, SchemasyncError


@contextmanager
def translated_errors(path: Path, source: Path | None = None) -> Iterator[None]:
    """Turn errors of the block into a SchemasyncError about the database at `path`.

    `source`: the file that the block reads and writes to `path`; a damaged file is then that one.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, source if source is not None and is_damage(error) else path) from error
    except OSError as error:
        raise of_disk(error, path) from error


def of_disk(error: OSError, path: Path) -> SchemasyncError:
    """Return the error for one of the operating system, with the file that it names."""
    where = error.filename or path
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Failed.of(
                Code.DISK_FULL,
                f"the disk of {path.parent} is full",
                "Free space, for example: manage.py schemasync prune --keep 1",
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return Failed.of(
                Code.PERMISSION,
                f"{where}: {error.strerror}",
                f"The user that runs this must be able to write to {path.parent} and its content.",
            )
        case errno.ENOENT | errno.ENOTDIR if not path.parent.is_dir():
            return Refused.of(
                Code.NO_FOLDER, f"there is no folder {path.parent}", f"mkdir -p {shlex.quote(str(path.parent))}"
            )
        case errno.EISDIR:
            return Refused.of(Code.OUTPUT_EXISTS, f"{path} is a folder", "Name a file in it.")
        case _:
            return Failed.of(Code.DISK_ERROR, f"{where}: {error.strerror or error}", "Check the disk and its mount.")
