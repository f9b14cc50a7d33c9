"""The text of a sync."""

from __future__ import annotations

from ...diff.changes import as_json as change_json
from ...diff.changes import describe
from ...history.rows import Followed
from ...schema.text import count, short
from ...sync.run.report import Report
from ...texts import gist, span
from ..brief import nothing_to_do
from .shared import Lines, foreign, hazards
from .terminal import Page


def lines(done: Report, page: Page) -> Lines:
    """What a sync came to."""
    if done.result == "current":
        lines = [nothing_to_do(done.generation or "", done.version)]
    elif done.previous is None:
        lines = [f"{done.generation} is live: a new database, version {short(done.version)}"]
    else:
        lines = [
            f"{done.generation} is live: version {short(done.previous)} -> {short(done.version)}, "
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
        lines.append("To undo it: manage.py schemasync rollback")
    return lines


def replayed(how: Followed) -> str:
    """How a run followed the writers beside it."""
    write_overhead = f"; a write took {how.write_overhead:.1f} times as long" if how.write_overhead is not None else ""
    return f"{count(how.keys, 'row')} written during the run, followed in {count(how.rounds, 'round')}{write_overhead}"
