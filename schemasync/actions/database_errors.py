"""Translates errors of Django's queries into errors with hints."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import DatabaseError

from ..engines.sqlite.sqlite_errors import translate
from ..sync.run.error_translation import translated_errors


@contextmanager
def translated_query_errors(
    path: Callable[[], Path], only: Callable[[sqlite3.Error], bool] = lambda error: True
) -> Iterator[None]:
    """Turn errors of SQLite that Django has wrapped in its own into a SchemasyncError. `path`: returns the path of the
    database, called only after such an error, as other engines have no path. `only`: True for errors to translate."""
    try:
        yield
    except DatabaseError as error:
        if isinstance(cause := error.__cause__, sqlite3.Error) and only(cause):
            raise translate(cause, path()) from error
        raise


@contextmanager
def translated_disk_and_query_errors(path: Path) -> Iterator[None]:
    """Turn errors of the disk, of SQLite and of Django's queries into a SchemasyncError about the file at `path`."""
    with translated_errors(path), translated_query_errors(lambda: path):
        yield
