"""How far a replica is behind: the one that Litestream writes, and the files that read it back, for reading."""

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
    """`live`: the real path of the live file, and whether the daemon replicates it. `seconds`: since the replica was
    last known to be complete. `position`: the last transaction that the daemon has read. `trouble`: why it does not
    answer."""

    live: str
    is_live: bool = False
    seconds: float = 0.0
    position: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ReadReplica:
    """How many transactions a file is behind that `litestream restore -f` keeps up to date, and the seconds since it
    got one; None if it never did."""

    transactions: int
    seconds: float | None


def replica(found: Litestream, layout: Layout) -> Replica | None:
    """Ask the daemon; None without a live file."""
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
    """When the daemon could begin with a file of which it has brought nothing to the replica yet."""
    return max(found.control.started(), layout.link.lstat().st_mtime)


def read_replicas(position: int) -> dict[str, ReadReplica]:
    """The read replicas of the setting, by alias, for the last transaction of the live file."""
    found = {}
    for alias in conf.litestream().get("READ_REPLICAS", ()):
        found[str(alias)] = _read_replica(Path(f"{databases.path_of(alias)}-txid"), position)
    return found


def _read_replica(note: Path, position: int) -> ReadReplica:
    """`note`: the file in which Litestream notes the last transaction that it has brought."""
    try:
        behind = max(0, position - int(note.read_text("ascii"), 16))
        return ReadReplica(behind, max(0.0, time.time() - note.stat().st_mtime) if behind else 0.0)
    except (OSError, ValueError):
        return ReadReplica(position, None)
