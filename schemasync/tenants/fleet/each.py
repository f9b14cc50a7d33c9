"""Do a job with each of many tenants: with a few first, then with the rest, until too many fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...actions.dialogue import Dialogue
from ...errors import Code, Failed
from ...schema.text import count, first_few
from ...sync.run.progress import Advance
from .one import Job, Outcome
from .workers import each_done


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """Options of a run over tenants. `canary`: percent of the tenants to do before the rest. `stop_at`: percent of
    failures above which the run stops. `retry`: only the tenants that failed last time. `group`: only those in it."""

    canary: float = 1.0
    workers: int = 1
    stop_at: float = 2.0
    retry: bool = False
    group: str = ""


@dataclass(slots=True)
class Tally:
    """The outcomes of a run. `left`: how many tenants were not tried, because the run stopped."""

    done: list[Outcome] = field(default_factory=list)
    failed: list[Outcome] = field(default_factory=list)
    left: int = 0

    def failure(self, hint: str) -> Failed | None:
        """Return the error for the command, if a tenant has failed."""
        if not self.failed:
            return None
        stopped = f", and {count(self.left, 'tenant')} not tried" if self.left else ""
        names = first_few([f"{one.key} ({one.code})" for one in self.failed])
        message = f"{count(len(self.failed), 'tenant')} failed{stopped}: {names}"
        return Failed.of(Code.TENANTS_FAILED, message, hint)


def each(job: Job, keys: Sequence[str], options: FleetOptions, dialogue: Dialogue) -> Tally:
    """Do the job with these tenants. Failures are reported as they happen. Raises Failed if the run is interrupted."""
    tally = Tally()
    first = math.ceil(len(keys) * options.canary / 100)
    with dialogue.progress.phase("done", "tenants") as advance:
        for part in (keys[:first], keys[first:]):
            if _may_go_on(tally, options, first):
                _run(job, part, options, _Run(dialogue, advance, tally, len(keys)))
    tally.left = len(keys) - len(tally.done) - len(tally.failed)
    return tally


@dataclass(frozen=True, slots=True)
class _Run:
    """The state that all parts of a run share. `total`: how many tenants they have together."""

    dialogue: Dialogue
    advance: Advance
    tally: Tally
    total: int


def _run(job: Job, keys: Sequence[str], options: FleetOptions, run: _Run) -> None:
    tally = run.tally

    def go_on(outcome: Outcome) -> bool:
        if outcome.is_interrupted:
            raise _interrupted(tally)
        (tally.failed if outcome.failure else tally.done).append(outcome)
        if outcome.failure:
            run.dialogue.warn(f"{outcome.key}: [{outcome.code}] {outcome.failure}")
        run.advance(len(tally.done) + len(tally.failed), run.total)
        return _may_go_on(tally, options, run.total)

    try:
        each_done(job, list(keys), options.workers, go_on)
    except KeyboardInterrupt as error:
        raise _interrupted(tally) from error


def _may_go_on(tally: Tally, options: FleetOptions, of: int) -> bool:
    """False if the failures are more than `stop_at` percent of `of` tenants."""
    return len(tally.failed) * 100 <= options.stop_at * of


def _interrupted(tally: Tally) -> Failed:
    return Failed.of(
        Code.INTERRUPTED,
        f"stopped after {count(len(tally.done), 'tenant')}; each file is whole",
        "Run the same command again.",
    )
