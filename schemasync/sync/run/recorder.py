"""Records how a run goes, from what passes through its progress and its disk: no phase knows of it."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypedDict

from ...files.disk import Disk, DiskStep
from ...files.layout import Layout
from .log_samples import LogJson, LogSamples
from .phase_times import PhaseJson, PhaseTimes
from .progress import Advance, Phase, Progress

LINES = 10  # notes of a run that are kept
LONGEST = 300  # characters of one of them


class CheckJson(TypedDict):
    """Something that a run checked before it wrote."""

    check: str
    wanted: str
    found: str
    met: bool


class RunJson(TypedDict):
    """How a run went, as the history keeps it."""

    begun: str
    """In UTC."""
    seconds: float
    phases: list[PhaseJson]
    """Together they are all of the time."""
    checks: list[CheckJson]
    log: LogJson | None
    """The write-ahead log of the live file; null if there was no live file."""
    memory_bytes: int
    """The most memory that the process had so far."""
    messages: list[str]
    """What the run said while it went on."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that a run checks before it writes. `wanted` and `found` are phrases."""

    check: str
    wanted: str
    found: str
    met: bool

    def as_json(self) -> CheckJson:
        """The JSON object."""
        return {"check": self.check, "wanted": self.wanted, "found": self.found, "met": self.met}


@dataclass(slots=True)
class Recorder:
    """The record of a run so far."""

    begun: float = field(default_factory=time.time)
    times: PhaseTimes = field(default_factory=PhaseTimes)
    samples: LogSamples = field(default_factory=LogSamples)
    checks: list[Check] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @contextmanager
    def watching(self, layout: Layout) -> Iterator[None]:
        """Watch the log of the file that is live at the beginning of the block."""
        live = layout.live()
        with self.samples.watching(live.path) if live is not None else nullcontext():
            yield

    def disk(self, disk: Disk) -> Disk:
        """Return a disk that passes every step on to `disk`, and times it."""

        def observer(when: str, step: DiskStep) -> None:
            self.times.step(when, step)
            disk.observer(when, step)

        return Disk(observer)

    def progress(self, progress: Progress) -> Progress:
        """Return a progress that passes everything on to `progress`, and keeps its notes and counts."""
        return _Recorded(progress, self)

    def as_json(self) -> RunJson:
        """Return the record for the history: a few kilobytes, however long the run was."""
        phases = self.times.all()
        return {
            "begun": datetime.fromtimestamp(self.begun, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seconds": round(sum(one.seconds for one in phases), 3),
            "phases": [one.as_json() for one in phases],
            "checks": [one.as_json() for one in self.checks],
            "log": self.samples.as_json() if self.samples.found else None,
            "memory_bytes": memory(),
            "messages": [text[:LONGEST] for text in self.messages[:LINES]],
        }


def memory() -> int:
    """Return the peak memory of this process so far, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # https://man7.org/linux/man-pages/man2/getrusage.2.html


@dataclass(frozen=True, slots=True)
class _Recorded:
    """Passes everything on to another progress."""

    inner: Progress
    recorder: Recorder

    def phase(self, name: str, unit: str) -> Phase:
        return self._phase(name, unit)

    def note(self, text: str) -> None:
        self.inner.note(text)
        self.recorder.messages.append(text)

    @contextmanager
    def _phase(self, name: str, unit: str) -> Iterator[Advance]:
        reached = 0
        with self.inner.phase(name, unit) as advance:

            def both(done: int, total: int) -> None:
                nonlocal reached
                advance(done, total)
                reached = done

            try:
                yield both
            finally:
                self.recorder.times.count(name, reached, unit)
