"""A PostgreSQL for the measurement: its own folder, a socket and no port, and each commit on the disk (fsync)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import postgres

from ..process import ProcessFailed

SETTINGS = "-c listen_addresses='' -c max_connections=120"  # all else is PostgreSQL's default, fsync=on among it


@contextmanager
def server() -> Iterator[Path]:
    """Start a server; yields the folder of its socket. Raises ProcessFailed without PostgreSQL."""
    if postgres.binaries() is None:
        raise ProcessFailed("there is no PostgreSQL to compare with: apt-get install postgresql")
    with postgres.own_server(SETTINGS) as folder:
        yield folder
