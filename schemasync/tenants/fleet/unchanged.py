"""Remembers which files of tenants were current, by what the file system says of them: no need to open those again.

A file is what it was while its inode, size and times are the same, those of its log too, and the link and the
generations beside it. This holds until the next start of the machine: after a power loss a file may have other content
with the times of before. Times that are not older than a tick of the file system's clock prove nothing, as for the
index of git: the next write could get the same ones.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ...files.disk import Disk, DiskStep
from ...files.layout import BUILDING, Layout

NAME = ".current.json"  # in the folder of all tenants: no key begins with a dot
BOOT = Path("/proc/sys/kernel/random/boot_id")
TICK = 2.0  # seconds: FAT keeps times in steps of two


@dataclass(slots=True)
class Unchanged:
    """The files that were current with one schema. `wanted`: the digest of all that decides whether one is."""

    path: Path
    wanted: str
    boot: str
    known: dict[str, str] = field(default_factory=dict)
    _is_new: bool = False

    def knows(self, key: str, state: str) -> bool:
        """True if the file of a tenant was current in this state."""
        return bool(state) and self.known.get(key) == state

    def note(self, key: str, state: str) -> None:
        """Remember a file that is current. `state`: that of before it was read."""
        if state:
            self.known[key] = state
            self._is_new = True

    def save(self, disk: Disk) -> None:
        """Write it down. If that fails, the next run opens the files again."""
        if not (self._is_new and self.boot and self.path.parent.is_dir()):
            return
        text = json.dumps({"wanted": self.wanted, "boot": self.boot, "known": self.known})
        with suppress(OSError):
            disk.write_private(DiskStep.TENANT_CURRENT, self.path, None, [text])


def unchanged(folder: Path, wanted: str) -> Unchanged:
    """What is remembered of the tenants in a folder; nothing of another schema, or from before the machine started."""
    path, boot = folder / NAME, _boot()
    found: Mapping[str, object] = {}
    with suppress(OSError, ValueError):
        found = json.loads(path.read_bytes())
    known = (
        found.get("known")
        if isinstance(found, dict) and (found.get("wanted"), found.get("boot")) == (wanted, boot)
        else {}
    )
    return Unchanged(path, wanted, boot, dict(known) if isinstance(known, dict) and boot else {})


def state_of(path: Path) -> str:
    """What the file system says of the database at `path`; empty if it says too little."""
    try:
        target = os.readlink(path)  # noqa: PTH115
        # in strings, not in objects: a thousand files take half as long
        live = os.path.join(os.path.dirname(path), target)  # noqa: PTH118, PTH120
        file, log = os.stat(live), _log(live)  # noqa: PTH116
        there = os.listdir(Layout(path).folder)  # noqa: PTH208
        names = sorted(name for name in there if name.endswith((".sqlite3", BUILDING)))
    except OSError:
        return ""
    if max(file.st_mtime_ns, file.st_ctime_ns, *log[-1:]) > (time.time() - TICK) * 1e9:
        return ""
    whole = (target, names, file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns, log)
    return sha256(repr(whole).encode()).hexdigest()[:32]


def _log(live: str) -> tuple[int, ...]:
    """Nothing for a log that is not there, or is empty, as after each checkpoint. Without the time of its last change:
    as root, SQLite gives a log to the owner of the file at each opening."""
    try:
        found = os.stat(f"{live}-wal")  # noqa: PTH116
    except FileNotFoundError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found.st_size else ()


def _boot() -> str:
    """The name of this run of the machine; empty where nobody says it."""
    with suppress(OSError):
        return BOOT.read_text().strip()
    return ""
