"""Divides the time of a run among its phases, by the disk steps that it passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict, assert_never

from ...files.disk import DiskStep


class RunPhase(StrEnum):
    """The phases of a run, in order. Four of them have the names under which a run shows its progress."""

    DECIDE = "decide"
    CAPTURE = "capture"
    COPY = "copy"
    ROWS = "rows"
    INDEXES = "indexes"
    REPLAY = "replay"
    VERIFICATION = "verification"
    COMPLETION = "completion"
    APPLICATION = "application"
    POSTPONED = "postponed"
    CATCH_UP = "catch up"
    CUT_OVER = "cut over"
    COMPARISON = "comparison"
    ALTER = "alter"
    TIDY = "tidy"
    RECOVERY = "recovery"


class PhaseJson(TypedDict):
    """One phase of a run, and its share of the time."""

    phase: RunPhase
    seconds: float
    done: int
    """How much was done, in `unit`; 0 if that is not counted."""
    unit: str
    """`pages`, `rows`, `indexes` or `tables`; empty if nothing is counted."""


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """One phase and its share of the time; `done` in `unit`s, 0 and '' if nothing is counted."""

    phase: RunPhase
    seconds: float
    done: int = 0
    unit: str = ""

    def as_json(self) -> PhaseJson:
        """The JSON object."""
        return {"phase": self.phase, "seconds": round(self.seconds, 3), "done": self.done, "unit": self.unit}


def phase_of(step: DiskStep) -> RunPhase | None:
    """Return the phase that begins with a step; None if the phase before it goes on."""
    match step:
        case DiskStep.CAPTURE_INSTALL:
            return RunPhase.CAPTURE
        case DiskStep.BUILD_CREATE | DiskStep.BUILD_START:
            return RunPhase.COPY
        case DiskStep.BUILD_RESHAPE | DiskStep.BUILD_REFILL:
            return RunPhase.ROWS
        case DiskStep.BUILD_INDEX:
            return RunPhase.INDEXES
        case DiskStep.BUILD_ROUND:
            return RunPhase.REPLAY
        case DiskStep.BUILD_VERIFY:
            return RunPhase.VERIFICATION
        case DiskStep.BUILD_FINISH | DiskStep.BUILD_STRUCTURE | DiskStep.BUILD_SEAL | DiskStep.BUILD_RENAME:
            return RunPhase.COMPLETION
        case DiskStep.BUILD_ROWS | DiskStep.BUILD_HOOKS | DiskStep.BUILD_HEALTH:
            return RunPhase.APPLICATION
        case DiskStep.CUTOVER_WAIT | DiskStep.CUTOVER_CALL:
            return RunPhase.POSTPONED
        case DiskStep.CUTOVER_ROUND:
            return RunPhase.CATCH_UP
        case (
            DiskStep.CUTOVER_FENCE
            | DiskStep.CUTOVER_UNMARK
            | DiskStep.CUTOVER_UNFENCE
            | DiskStep.CUTOVER_SYMLINK
            | DiskStep.CUTOVER_LINK
            | DiskStep.CUTOVER_DISPLACED
            | DiskStep.CUTOVER_FOLDER
            | DiskStep.REHEARSE_COMMIT
        ):
            return RunPhase.CUT_OVER
        case DiskStep.IN_PLACE_ALTER:
            return RunPhase.ALTER
        case (
            DiskStep.CUTOVER_CLEAR
            | DiskStep.CAPTURE_REMOVE
            | DiskStep.ARCHIVE_CHECKPOINT
            | DiskStep.HISTORY_FINISH
            | DiskStep.HISTORY_VERSION
            | DiskStep.PRUNE_REMOVE
            | DiskStep.REHEARSE_REMOVE
        ):
            return RunPhase.TIDY
        case DiskStep.RECOVER_REMOVE | DiskStep.RECOVER_FENCE | DiskStep.RECOVER_HISTORY | DiskStep.RECOVER_KEEP:
            return RunPhase.RECOVERY
        case (
            DiskStep.RUN_FOLDER
            | DiskStep.REPLICATION_FOLLOW
            | DiskStep.REPLICATION_CONFIG
            | DiskStep.OUTPUT_WRITE
            | DiskStep.BACKUP_COPY
            | DiskStep.BACKUP_COMPACT
            | DiskStep.BACKUP_COMPRESS
            | DiskStep.BACKUP_STORE
            | DiskStep.BACKUP_MANIFEST
            | DiskStep.BACKUP_REMOVE
            | DiskStep.RESTORE_FETCH
            | DiskStep.RESTORE_WRITE
            | DiskStep.RESTORE_HISTORY
            | DiskStep.TENANT_FOLDER
            | DiskStep.TENANT_COPY
            | DiskStep.TENANT_LINK
            | DiskStep.TENANT_PLACE
            | DiskStep.TENANT_ARCHIVE
            | DiskStep.TENANT_RETURN
            | DiskStep.TENANT_REMOVE
            | DiskStep.TENANT_CURRENT
            | DiskStep.HOST_FOLDER
            | DiskStep.HOST_COPY
            | DiskStep.HOST_RECEIVE
            | DiskStep.HOST_LOG
            | DiskStep.HOST_SYNC
            | DiskStep.HOST_LAY
            | DiskStep.HOST_LINK
            | DiskStep.HOST_FORGET
            | DiskStep.HOST_ASIDE
            | DiskStep.HOST_PLACE
            | DiskStep.HOST_ROW
            | DiskStep.HOST_REOPEN
        ):
            return None
        case _:
            assert_never(step)


@dataclass(slots=True)
class PhaseTimes:
    """The times so far. A phase lasts until the next one begins; a run begins with its decision, and returns to it
    after a recovery. A rehearsal ends with a comparison. `clock`: monotonic seconds."""

    clock: Callable[[], float] = time.monotonic
    _now: RunPhase = RunPhase.DECIDE
    _since: float = field(init=False)
    _seconds: dict[RunPhase, float] = field(default_factory=dict)
    _done: dict[str, tuple[int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def step(self, when: str, step: DiskStep) -> None:
        """Note that a step begins or has ended: the observer of a `Disk`."""
        phase = phase_of(step)
        if phase is not None and when == "before":
            self._begin(phase)
        elif phase is RunPhase.RECOVERY:
            self._begin(RunPhase.DECIDE)
        elif step is DiskStep.REHEARSE_COMMIT:
            self._begin(RunPhase.COMPARISON)

    def count(self, phase: str, done: int, unit: str) -> None:
        """Add what was done in a phase."""
        before, _ = self._done.get(phase, (0, unit))
        self._done[phase] = (before + done, unit)

    def all(self) -> tuple[PhaseTime, ...]:
        """Return each phase that the run has gone through. Their seconds add up to all of its time."""
        self._begin(self._now)
        return tuple(
            PhaseTime(phase, self._seconds[phase], *self._done.get(phase, (0, "")))
            for phase in RunPhase
            if phase in self._seconds
        )

    def _begin(self, phase: RunPhase) -> None:
        now = self.clock()
        self._seconds[self._now] = self._seconds.get(self._now, 0.0) + now - self._since
        self._now, self._since = phase, now
