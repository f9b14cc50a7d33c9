"""The database that a run works on, and the run's other inputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ... import __version__
from ...engines.sqlite.connection import Opener
from ...errors import Code, Failed
from ...files.disk import Disk, DiskStep
from ...files.layout import Layout
from ...files.lock import RunLock, run_lock
from ...history.rows import Stamp
from .broadcast import Announced, running
from .health_check import HealthCheck
from .progress import Progress, Silent
from .recorder import Recorder
from .replication import Replication
from .requirements import Requirements


@dataclass(frozen=True, slots=True)
class Target:
    """`wait`: seconds to wait for the run lock and for writers. `keep`: archives that the automatic prune keeps.
    `adopting_command`: the command that adopts a plain file by itself, '' without one. `lock`: the run lock, while this
    run holds it. `requirements`: the conditions for a run. `health`: the application's check of a new file.
    `replication`: the tool that watches the live file. `recorder`: the record of the run."""

    layout: Layout
    opener: Opener = field(default_factory=Opener)
    disk: Disk = field(default_factory=Disk)
    progress: Progress = field(default_factory=Silent)
    wait: float = 30.0
    keep: int = 3
    actor: str = ""
    adopting_command: str = ""
    lock: RunLock | None = None
    requirements: Requirements = Requirements()  # noqa: RUF009  it is frozen
    health: HealthCheck | None = field(default=None, compare=False)
    replication: Replication | None = field(default=None, compare=False)
    recorder: Recorder = field(default_factory=Recorder, compare=False)

    @property
    def how_to_adopt(self) -> str:
        """How to adopt a plain file, in words that follow "To go on with it:" or a similar phrase."""
        return f"the next {self.adopting_command} adopts it" if self.adopting_command else "manage.py schemasync adopt"

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.actor, __version__)

    @contextmanager
    def observed(self) -> Iterator[Target]:
        """Yield a copy of the target that passes its disk steps and its progress to the recorder, within the block."""
        recorder = self.recorder
        with recorder.watching(self.layout):
            yield replace(self, disk=recorder.disk(self.disk), progress=recorder.progress(self.progress))

    @contextmanager
    def locked(self) -> Iterator[Target]:
        """Hold the run lock of this database, and create its folder if necessary. Raises Busy. Yields a copy of the
        target with the lock, whose progress other processes can read."""
        link = self.layout.link
        like = link.stat() if link.exists() else None
        self.disk.make_folder(DiskStep.RUN_FOLDER, self.layout.folder, like)
        with run_lock(self.layout.lock, self.wait, self._say_that_it_waits) as lock:
            progress = Announced(self.progress, lock.notice.write, self.actor)
            yield replace(self, progress=progress, lock=lock)

    def _say_that_it_waits(self) -> None:
        run = running(self.layout)
        who = f" by {run.actor}" if run is not None and run.actor else ""
        self.progress.note(f"another run{who} is at work on this database; waiting for at most {self.wait:g} s")

    def replicate(self) -> None:
        """Let the replication tool watch the live file. Called when the link has moved: no writer waits for it."""
        if self.replication is not None:
            for line in self.replication.follow(self.layout, self.disk):
                self.progress.note(line)

    def check_sole(self) -> None:
        """Raise Failed if another run may be at work by now. Called before each step that cannot be undone."""
        if self.lock is not None and not self.lock.is_sole():
            raise Failed.of(
                Code.CHANGED_DURING_RUN,
                f"{self.layout.folder} was moved or replaced during this run, so another run may be at work",
                "Put it back, then run again.",
            )


def target(path: Path, **parts: object) -> Target:
    """Return the target of a path, with defaults for all other fields."""
    return Target(Layout(path), **parts)  # type: ignore[arg-type]
