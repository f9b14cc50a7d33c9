"""Let Litestream replicate the live file, and no archive.

This works after any earlier state or crash: it compares the files that the daemon replicates with the live one, and
changes only the difference. It unregisters other generations first, so that no two ever have the same URL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...files.disk import Disk, DiskStep
from ...files.layout import Layout, PathKind
from ...files.lock import held_alone
from . import configuration
from .control import PATIENCE, Control, LitestreamError

REGISTER = "manage.py schemasync litestream register"


@dataclass(frozen=True, slots=True)
class Litestream:
    """The daemon of one database. `replica`: the URL of the live file's replica. `wait`: seconds to upload the last
    changes of a generation. `config`: the daemon's configuration file, if schemasync writes it; `options`: its further
    keys; `others`: its other databases, each with its URL. `lag`: seconds that the replica may be behind."""

    control: Control
    replica: str
    wait: int = 5
    config: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[tuple[Layout, str], ...] = ()
    lag: float = 60

    def follow(self, layout: Layout, disk: Disk) -> Iterator[str]:
        """Let the daemon replicate the live file; yield warnings. See `sync.run.replication`."""
        try:
            with held_alone(layout.replication_lock, 2 * self.wait + PATIENCE) as is_mine:
                if not is_mine:
                    raise LitestreamError(f"another process has held {layout.replication_lock} for too long")
                if (live := watched(layout)) is not None:
                    yield from self._configure(live, disk)
                    with disk.step(DiskStep.REPLICATION_FOLLOW):
                        yield from self._followed(layout, live, disk)
        except (LitestreamError, OSError) as error:
            yield _not_yet(error)

    def _followed(self, layout: Layout, live: str, disk: Disk) -> Iterator[str]:
        try:
            yield from self._register(layout, live, disk)
        except LitestreamError as error:
            yield _not_yet(error)

    def registered(self, layout: Layout) -> frozenset[str]:
        """Return the paths of this database that the daemon replicates. Raises LitestreamError if that is unknown."""
        return frozenset(one.path for one in self.control.databases() if is_of(layout, one.path))

    def text(self, live: str) -> str:
        """Return the text of the daemon's configuration file, with `live` as the path of this database."""
        others = [(path, url) for layout, url in self.others if (path := watched(layout)) is not None]
        return configuration.text(self.control.socket, sorted([(live, self.replica), *others]), self.options)

    def _configure(self, live: str, disk: Disk) -> Iterator[str]:
        """Write the configuration file if it differs, before the registration: a daemon that restarts reads it. Yield a
        warning if that fails."""
        if self.config is None:
            return
        text = self.text(live)
        try:
            if not self.config.exists() or self.config.read_text("utf-8") != text:
                disk.write_text(DiskStep.REPLICATION_CONFIG, self.config, text)
        except OSError as error:
            yield f"{self.config} still names another file for Litestream: {error.strerror}. To write it: {REGISTER}"

    def _register(self, layout: Layout, live: str, disk: Disk) -> Iterator[str]:
        found = self.registered(layout)
        for path in sorted(found - {live}):
            try:
                self.control.unregister(path, self.wait)
            except LitestreamError as error:
                yield f"the last changes of {Path(path).name} are perhaps not at its replica: {error}"
        if left := self.registered(layout) - {live}:
            raise LitestreamError(f"it does not let go of {', '.join(sorted(left))}")
        if live not in found:
            self.control.register(live, self.replica)
        if layout.link.is_symlink() and str(layout.link) in found:  # an adoption has replaced the file by a link
            disk.remove_folder(DiskStep.REPLICATION_FOLLOW, layout.replication_state(layout.link))


def _not_yet(error: Exception) -> str:
    return f"Litestream does not replicate the live file yet: {error}. To try again: {REGISTER}"


def watched(layout: Layout) -> str | None:
    """Return the real path of the live file, for a tool that watches a file by its name; None without a live file."""
    if layout.path_kind() not in (PathKind.GENERATION, PathKind.PLAIN):
        return None
    return os.path.realpath(layout.link)


def is_of(layout: Layout, path: str) -> bool:
    """True for a path of this database: the link, or a file in the folder of its generations."""
    folder = os.path.realpath(layout.folder)
    parent = os.path.realpath(Path(path).parent)
    return parent == folder or (parent == os.path.realpath(layout.link.parent) and Path(path).name == layout.link.name)
