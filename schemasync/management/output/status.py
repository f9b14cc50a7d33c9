"""The state of a database, as text: the live generation, the run at work, and problems."""

from __future__ import annotations

import time

from ...diff.hazards import column_order
from ...files.layout import PathKind
from ...history.rows import moment, other_order
from ...schema.text import count, short
from ...sync.run.broadcast import Running
from ...sync.status import Status
from ...texts import size, span
from ..local_time import local_time
from .drill import line
from .shared import Lines, problem
from .terminal import Page


def lines(found: Status, page: Page) -> Lines:
    """Return the live generation, the run at work, archives, the last backup and drill, and problems."""
    lines = [*_live(found), *_pending(found), *(_run(found.run, waits=found.waits) if found.run else [])]
    archives = (
        f"{count(len(found.archives), 'archive')} ({size(found.archive_bytes)})" if found.archives else "no archives"
    )
    lines.append(f"{archives}; {size(found.free)} of the disk are free")
    if (backup := found.kept["backup"]) is not None:
        lines.append(f"last backup: {backup['name']} at {moment(backup['made_at'])}, in {backup['storage']}")
    if (one := found.kept["drill"]) is not None:
        lines.append(f"last drill: {line(one)}")
    return lines + [page.style.ERROR(line) for one in found.problems for line in problem(one).splitlines()]


_NOT_LIVE = {
    PathKind.NOTHING: "there is no database yet; to create it: manage.py schemasync; "
    "or from a backup: manage.py schemasync restore",
    PathKind.PLAIN: "no generation is live: at the path is a plain file; to take it over: ",
}


def _live(found: Status) -> Lines:
    row = found.live
    if row is None:
        how = found.how_to_adopt if found.at is PathKind.PLAIN else ""
        return [_NOT_LIVE.get(found.at, f"at the path is {found.at.value}") + how] if not found.problems else []
    return [
        f"{row.generation} is live: version {short(row.version)}, {size(found.bytes)}",
        f"since {local_time(row.applied_at)}, by {row.actor or 'someone'} ({row.action})",
        *(f"note: {hazard}" for hazard in column_order(other_order(row))),
    ]


def _pending(found: Status) -> Lines:
    if not found.is_pending or found.run is not None or found.problems:
        return []
    names, see = ", ".join(found.pending_transforms), "to see the changes: manage.py schemasync plan"
    lines = [f"the transform {names} has not acted on it; {see}"] if names else []
    if found.live is not None and found.schema_version not in (None, found.live.version):
        wanted = short(found.schema_version or "")
        lines.append(f"schema.json has version {wanted}, which is not live; {see}")
    return lines


def _run(run: Running, *, waits: bool) -> Lines:
    if waits:
        return ["a run is ready and waits: manage.py schemasync cutover"]
    who = f" by {run.actor}" if run.actor else ""
    if not run.phase:
        return [f"a run{who} is at work"]
    now = time.time()
    done = f", {run.done:,} of {count(run.total, run.unit.removesuffix('s'), run.unit)}" if run.total else ""
    left = run.left(now)
    return [f"a run{who} is at work: {run.phase}{done}" + (f", {span(round(left * 1000))} left" if left else "")]
