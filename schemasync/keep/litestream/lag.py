"""Measure how far Litestream's replica is behind, and the read replicas: files that `litestream restore -f` updates."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ... import conf, databases
from ...files.layout import Layout
from .control import LitestreamError
from .follow import Litestream, watched


@dataclass(frozen=True, slots=True)
class Replica:
    """The state of Litestream's replica. `live`: the real path of the live file; `is_live`: the daemon replicates it.
    `seconds`: since the replica was last known to be complete. `position`: the last transaction that the daemon has
    read. `trouble`: why the daemon does not answer, or ''."""

    live: str
    is_live: bool = False
    seconds: float = 0.0
    position: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ReadReplica:
    """The state of a file that `litestream restore -f` keeps up to date: how many transactions it is behind, and the
    seconds since it got one: 0 if it is not behind, None if it never got one."""

    transactions: int
    seconds: float | None


def replica(found: Litestream, layout: Layout) -> Replica | None:
    """Return the state of the replica, as the daemon reports it; None without a live file."""
    live = watched(layout)
    if live is None:
        return None
    try:
        known = {one.path: one for one in found.control.databases()}
        if live not in known:
            return Replica(live)
        synced = known[live].synced
        since = synced.timestamp() if synced is not None else _begun(found, layout)
        return Replica(live, True, max(0.0, time.time() - since), found.control.position(live))
    except LitestreamError as error:
        return Replica(live, trouble=str(error))


def _begun(found: Litestream, layout: Layout) -> float:
    """Return when the daemon could begin with a file that it has not uploaded yet, in seconds since 1970."""
    return max(found.control.started(), layout.link.lstat().st_mtime)


def read_replicas(position: int) -> dict[str, ReadReplica]:
    """Return the read replicas of the setting by alias. `position`: the last transaction of the live file."""
    found = {}
    for alias in conf.litestream().get("READ_REPLICAS", ()):
        found[str(alias)] = _read_replica(Path(f"{databases.path_of(alias)}-txid"), position)
    return found


def _read_replica(note: Path, position: int) -> ReadReplica:
    """Return the state of a read replica. `note`: the file in which Litestream records its last transaction."""
    try:
        behind = max(0, position - int(note.read_text("ascii"), 16))
        return ReadReplica(behind, max(0.0, time.time() - note.stat().st_mtime) if behind else 0.0)
    except (OSError, ValueError):
        return ReadReplica(position, None)
