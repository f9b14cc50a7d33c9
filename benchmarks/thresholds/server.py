"""Run a PostgreSQL for the measurement: in its own folder, with a socket and no port, and with fsync on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import postgres

from ..process import ProcessFailed

SETTINGS = "-c listen_addresses='' -c max_connections=120"  # all else is PostgreSQL's default, fsync=on among it


@contextmanager
def server() -> Iterator[Path]:
    """Run a server. Yield the folder of its socket. Raises ProcessFailed if PostgreSQL is not installed."""
    if postgres.binaries() is None:
        raise ProcessFailed("there is no PostgreSQL to compare with: apt-get install postgresql")
    with postgres.own_server(SETTINGS) as folder:
        yield folder
