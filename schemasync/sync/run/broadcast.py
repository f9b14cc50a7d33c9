"""Publishes the state of a run to other processes: phase, progress, time left."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TypedDict

from ...files.layout import Layout
from ...files.lock import notice_of
from .progress import Advance, Phase, Progress

LONGEST = 300  # characters of a name or a note, so that everything fits into a notice
EVERY = 0.2  # seconds between two notices: as often as a page can show them


class RunningJson(TypedDict):
    """A run that is at work."""

    pid: int
    """0 if the run has not published it yet."""
    actor: str
    begun: float
    """Seconds since 1970."""
    phase: str
    unit: str
    """What `done` and `total` count."""
    done: int
    total: int
    """0 if the phase has no progress."""
    phase_begun: float
    """Seconds since 1970."""
    note: str
    """The last note."""
    rate: float | None
    """Units a second in this phase."""
    seconds_left: float | None
    """Until the end of this phase, at the rate so far."""


@dataclass(frozen=True, slots=True)
class Running:
    """A run at work. `begun` and `phase_begun`: seconds since the epoch. `done` of `total`, in `unit`s, both 0 if the
    phase has no progress."""

    pid: int
    actor: str
    begun: float
    phase: str = ""
    unit: str = ""
    done: int = 0
    total: int = 0
    phase_begun: float = 0.0
    note: str = ""

    def rate(self, now: float) -> float | None:
        """Units per second in this phase; None as long as it is unknown."""
        seconds = now - self.phase_begun
        return self.done / seconds if self.done and seconds > 0 else None

    def left(self, now: float) -> float | None:
        """Seconds until the end of this phase, at the rate so far."""
        rate = self.rate(now)
        return (self.total - self.done) / rate if rate and self.total else None

    def as_json(self, now: float) -> RunningJson:
        """The JSON object, with the rate and the seconds left at `now`."""
        rate, left = self.rate(now), self.left(now)
        return {
            "pid": self.pid,
            "actor": self.actor,
            "begun": self.begun,
            "phase": self.phase,
            "unit": self.unit,
            "done": self.done,
            "total": self.total,
            "phase_begun": self.phase_begun,
            "note": self.note,
            "rate": None if rate is None else round(rate, 1),
            "seconds_left": None if left is None else round(left, 1),
        }


def running(layout: Layout) -> Running | None:
    """Return the run that holds the lock; None without one. If its notice cannot be read, all fields are empty."""
    text = notice_of(layout.lock)
    if text is None:
        return None
    try:
        return Running(**json.loads(text))
    except (ValueError, TypeError):  # empty, incomplete, or of another release
        return Running(0, "", 0.0)


class Announced:
    """A progress that other processes can read."""

    def __init__(self, progress: Progress, write: Callable[[str], None], actor: str) -> None:
        self.progress, self.write = progress, write
        self.running = Running(os.getpid(), actor[:LONGEST], time.time())
        self._say()

    def phase(self, name: str, unit: str) -> Phase:
        return self._phase(name, unit)

    def note(self, text: str) -> None:
        self.progress.note(text)
        self.running = replace(self.running, note=text[:LONGEST])
        self._say()

    @contextmanager
    def _phase(self, name: str, unit: str) -> Iterator[Advance]:
        self.running = replace(self.running, phase=name, unit=unit, done=0, total=0, phase_begun=time.time())
        self._say()
        said = time.monotonic()
        with self.progress.phase(name, unit) as advance:

            def both(done: int, total: int) -> None:
                nonlocal said
                advance(done, total)
                if time.monotonic() - said >= EVERY:
                    said = time.monotonic()
                    self.running = replace(self.running, done=done, total=total)
                    self._say()

            yield both

    def _say(self) -> None:
        self.write(json.dumps(asdict(self.running), ensure_ascii=False))
