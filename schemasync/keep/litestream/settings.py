"""Read the setting LITESTREAM for one database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS

from ... import conf, databases
from ...errors import Refused
from ...files.layout import Layout
from .control import Control
from .follow import Litestream

SOCKET = "/var/run/litestream.sock"  # Litestream's own default
WAIT = 5.0  # seconds: longer than an upload of some megabytes takes; no writer waits for it
LAG = 60.0  # seconds: sixty times the interval at which Litestream uploads


def litestream(alias: str) -> Litestream | None:
    """Return the daemon of a database; None if the setting names no replica for it. Raises UsageError for an invalid
    setting."""
    given = conf.litestream()
    if (replica := _of(alias, given.get("REPLICA"))) is None:
        return None
    config = given.get("CONFIG")
    return Litestream(
        Control(Path(given.get("SOCKET", SOCKET))),
        replica,
        round(conf.seconds(given.get("WAIT", WAIT))),
        Path(config) if config else None,
        dict(given.get("OPTIONS", {})),
        tuple(_others(alias, given.get("REPLICA"))),
        conf.seconds(given.get("LAG", LAG)),
    )


def _others(alias: str, given: object) -> Iterator[tuple[Layout, str]]:
    for other, url in given.items() if isinstance(given, Mapping) else ():
        if other != alias:
            with suppress(Refused):  # its folder is not there yet
                yield Layout(databases.path_of(other)), str(url)


def _of(alias: str, given: object) -> str | None:
    """Return the value for one database: a dict has it by alias, and anything else is for the default database."""
    found = given.get(alias) if isinstance(given, Mapping) else given if alias == DEFAULT_DB_ALIAS else None
    return None if found is None else str(found)
