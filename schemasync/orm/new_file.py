"""Points an alias of DATABASES to the new file of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections

from ..databases import NEW_FILE
from . import cached_rows


@contextmanager
def on_file(alias: str, path: Path) -> Iterator[None]:
    """Point the alias to another file within the block, because models and routers know only the alias. This affects
    only this thread, although Django shares the settings of an alias between threads. Django's caches of rows are
    cleared before and after, as rows may have other ids in that file."""
    connection = connections[alias]
    connection.close()
    shared = connection.settings_dict
    connection.settings_dict = {**shared, "NAME": str(path), NEW_FILE: True}
    cached_rows.forget()
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = shared
        cached_rows.forget()
