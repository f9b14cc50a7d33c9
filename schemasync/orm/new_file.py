"""Points an alias of DATABASES to the new file of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections


@contextmanager
def on_file(alias: str, path: Path) -> Iterator[None]:
    """Point the alias to another file within the block, because models and routers know only the alias."""
    connection = connections[alias]
    connection.close()
    name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
