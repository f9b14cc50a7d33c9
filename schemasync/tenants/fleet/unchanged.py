"""Remember which files of tenants were current, by their metadata, so that they need not be opened again.

A file is unchanged while inode, size and times of the file and of its log are the same, and so are the link and the
names of the generations. This is valid until the next start of the machine: after a power loss a file may have other
content with the same times. Times within the last tick of the file system's clock prove nothing, as for the index of
git: the next write could get the same ones.
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

NAME = ".current.json"  # in the folder of all tenants, where no key begins with a dot
BOOT = Path("/proc/sys/kernel/random/boot_id")
TICK = 2.0  # seconds: FAT keeps times in steps of two


@dataclass(slots=True)
class Unchanged:
    """The files that were current with one schema. `wanted`: the digest of all inputs that decide whether a file is."""

    path: Path
    wanted: str
    boot: str
    known: dict[str, str] = field(default_factory=dict)
    _is_new: bool = False

    def knows(self, key: str, state: str) -> bool:
        """True if the file of a tenant was current in this state."""
        return bool(state) and self.known.get(key) == state

    def note(self, key: str, state: str) -> None:
        """Remember a file that is current. `state`: its state_of() before the file was read."""
        if state:
            self.known[key] = state
            self._is_new = True

    def save(self, disk: Disk) -> None:
        """Write the states to the disk, if there are new ones. If that fails, the next run opens the files again."""
        if not (self._is_new and self.boot and self.path.parent.is_dir()):
            return
        text = json.dumps({"wanted": self.wanted, "boot": self.boot, "known": self.known})
        with suppress(OSError):
            disk.write_private(DiskStep.TENANT_CURRENT, self.path, None, [text])


def unchanged(folder: Path, wanted: str) -> Unchanged:
    """Return the remembered states of the tenants in a folder; none of another schema, or from before the last start of
    the machine."""
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
    """Return a digest of the metadata of the database at `path`; empty if they cannot be read, or prove nothing."""
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
    """Return inode, size and mtime of a log; empty for a log that does not exist or is empty, as after each checkpoint.
    The ctime is left out: as root, SQLite changes the owner of the log to that of the file at each opening."""
    try:
        found = os.stat(f"{live}-wal")  # noqa: PTH116
    except FileNotFoundError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found.st_size else ()


def _boot() -> str:
    """Return the id of the machine's last start; empty on a system without one."""
    with suppress(OSError):
        return BOOT.read_text().strip()
    return ""
