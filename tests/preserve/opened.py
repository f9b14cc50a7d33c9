"""Connections to these databases, with the extension of vec0 if it is installed and Python can load it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from django.test import override_settings

from schemasync.connect import Registered
from schemasync.engines.sqlite.connection import Opener

EXTENSIONS = ["sqlite_vec.load"]


@cache
def opener() -> Opener:
    """Return the opener that the setting EXTENSIONS creates for the connections of the product."""
    if find_spec("sqlite_vec") is None or not hasattr(sqlite3.Connection, "enable_load_extension"):
        return Opener()
    with override_settings(SCHEMASYNC={"EXTENSIONS": EXTENSIONS}):
        registered = Registered("default")
        with closing(sqlite3.connect(":memory:")) as connection:
            registered(connection)  # the setting is read once
    return Opener(registered)


def opened(path: Path | str) -> sqlite3.Connection:
    """Return a connection as the application opens it."""
    connection = sqlite3.connect(path, isolation_level=None)
    opener().register(connection)
    return connection
