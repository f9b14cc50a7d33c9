"""The result of a sync, as text and as JSON."""

from __future__ import annotations

from typing import Literal, TypedDict

from ...diff.changes import ChangeJson, describe
from ...diff.changes import as_json as change_json
from ...diff.hazards import HazardJson
from ...errors import ErrorResult, ProblemJson
from ...history.rows import Followed, ReplayJson
from ...plan.model import Strategy
from ...schema.text import count, short
from ...sync.run.report import Report, TableReport
from ...texts import gist, span
from ..brief import nothing_to_do
from .shared import ForeignJson, Lines, foreign, foreign_json, hazards
from .terminal import Page


class SyncJson(TypedDict):
    """What `manage.py schemasync --json` prints; after an error, too."""

    result: Literal["current", "synced"] | ErrorResult
    version: str | None
    """Of schema.json; null if it could not be read."""
    previous: str | None
    """The version that was live before; after an error, the live one. Null without one."""
    generation: str | None
    """The live generation; after an error null if it was not read."""
    strategy: Strategy | None
    """How the new file started: as a copy of the old one, or empty; in-place if the live file was altered, or only its
    history recorded the version. Null if nothing was done."""
    tables: dict[str, TableReport]
    rows: int
    """How many rows the run wrote."""
    duration_ms: int
    pause_ms: int
    """How long writers waited."""
    hazards: list[HazardJson]
    foreign: list[ForeignJson]
    """Objects that schema.json does not name, and that were carried along."""
    changes: list[ChangeJson]
    notes: list[str]
    replay: ReplayJson | None
    """Null if writers waited all the time, or nothing was built."""
    errors: list[ProblemJson]


def lines(done: Report, page: Page) -> Lines:
    """The result of a sync."""
    if done.result == "current":
        lines = [nothing_to_do(done.generation or "", done.version)]
    elif done.strategy is Strategy.IN_PLACE and done.changes:
        lines = [
            f"{done.generation} is altered in place: version {short(done.previous or '')} -> {short(done.version)}, "
            f"writers waited {span(done.pause_ms)}"
        ]
    elif done.strategy is Strategy.IN_PLACE:
        lines = [
            f"{done.generation} is live: version {short(done.previous or '')} -> {short(done.version)}, "
            "recorded in its history; no table changes"
        ]
    elif done.previous is None:
        lines = [f"{done.generation} is live: a new database, version {short(done.version)}"]
    else:
        lines = [
            f"{done.generation} is live: {_what_is_new(done)}, "
            f"{count(done.rows, 'row')} written in {done.duration_ms / 1000:.2f} s, "
            f"writers waited {span(done.pause_ms)}"
        ]
    if page.detail:
        lines += [f"  {describe(change)}" for change in done.changes]
    elif done.changes:
        lines.append(f"  {gist([change_json(change) for change in done.changes], page.width - 2)}")
    lines += hazards([hazard for hazard in done.hazards if not hazard.blocking], page)
    lines += [f"  note: {text}" for text in done.notes]
    if page.detail:
        lines += foreign(done.foreign, page)
        lines += [f"  {replayed(done.followed)}"] if done.followed else []
    if done.result != "current" and done.previous is not None:
        lines += _undo(done)
    return lines


def _undo(done: Report) -> Lines:
    if done.strategy is not Strategy.IN_PLACE:
        return ["To undo it: manage.py schemasync rollback"]
    return ["To undo it: manage.py schemasync rollback --in-place"] if done.changes else []


def _what_is_new(done: Report) -> str:
    if done.previous != done.version:
        return f"version {short(done.previous or '')} -> {short(done.version)}"
    ran = f"{count(len(done.ran), 'migration')} run, " if done.ran else ""
    return f"{ran}version {short(done.version)} as before"


def replayed(how: Followed) -> str:
    """How many rows were replayed, in how many rounds, and how much a write slowed down."""
    write_overhead = f"; a write took {how.write_overhead:.1f} times as long" if how.write_overhead is not None else ""
    return f"{count(how.keys, 'row')} written during the run, replayed in {count(how.rounds, 'round')}{write_overhead}"


def as_json(done: Report) -> SyncJson:
    """The JSON object."""
    return {
        "result": done.result,
        "version": done.version,
        "previous": done.previous,
        "generation": done.generation,
        "strategy": done.strategy,
        "tables": done.tables,
        "rows": done.rows,
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "hazards": [hazard.as_json() for hazard in done.hazards],
        "foreign": foreign_json(done.foreign),
        "changes": [change_json(change) for change in done.changes],
        "notes": done.notes,
        "replay": done.followed.as_json() if done.followed else None,
        "errors": [],
    }
