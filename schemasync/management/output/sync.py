"""The result of a sync, as text."""

from __future__ import annotations

from ...diff.changes import as_json as change_json
from ...diff.changes import describe
from ...history.rows import Followed
from ...plan.model import Strategy
from ...schema.text import count, short
from ...sync.run.report import Report
from ...texts import gist, span
from ..brief import nothing_to_do
from .shared import Lines, foreign, hazards
from .terminal import Page


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
    """Return the number of replayed rows and of rounds, and the slowdown of a write."""
    write_overhead = f"; a write took {how.write_overhead:.1f} times as long" if how.write_overhead is not None else ""
    return f"{count(how.keys, 'row')} written during the run, replayed in {count(how.rounds, 'round')}{write_overhead}"
