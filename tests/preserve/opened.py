"""Connections as an application opens them, with what the databases of these tests need."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def register(connection: sqlite3.Connection) -> None:
    """What each connection to these databases has: the extension of `vec0`, where it is installed."""


def opened(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    register(connection)
    return connection
