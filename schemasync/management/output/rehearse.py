"""The outcome of a rehearsal, as text."""

from __future__ import annotations

from ...actions.rehearse import Rehearsed
from ...engines.sqlite.query_plans import QueryPlan
from ...engines.sqlite.verify.row_counts import RowDiff
from ...plan.model import Strategy
from ...schema.text import count, short
from ...sync.rehearsal import Rehearsal, WayBack, Writes
from ...sync.run.recorder import memory
from ...texts import size, span
from .shared import Lines, changes, hazards
from .terminal import Page


def lines(done: Rehearsed, page: Page) -> Lines:
    """Return the cost of the sync, the changes, and the effect of a rollback."""
    found = done.found
    if found.expected is None or found.writes is None or found.back is None:
        return _nothing_to_build(found)
    heading, expected, writes = page.style.MIGRATE_HEADING, found.expected, found.writes
    lines = [
        f"rehearsed: version {short(found.previous or '')} -> {short(found.version)}; the new file is removed, and "
        f"{found.generation} is as it was",
        heading("changes:"),
        *changes(found.changes, page),
        f"{heading('time:')} {expected.seconds:.2f} s; writers would wait about "
        f"{span(max(1, round(expected.pause * 1000)))}",
        *(f"  {one.phase}: {one.seconds:.2f} s" for one in done.recorder.times.all() if page.detail),
        f"{heading('disk:')} {size(expected.disk_bytes)} for the new file; memory: {size(memory())}",
        f"{heading('writes:')} {_written(writes)}",
    ]
    lines += _back(found.back, page)
    lines += _queries(found.queries, page)
    if found.hazards:
        lines += [heading("hazards:"), *hazards(found.hazards, page)]
    return [*lines, *(f"  note: {text}" for text in found.notes), "To do it: manage.py schemasync"]


def _written(writes: Writes) -> str:
    replayed = "" if writes.rate is None else f"; {writes.rate:.0f} a second can be replayed"
    return f"{count(writes.rows, 'row')} meanwhile, {writes.per_second:.0f} a second{replayed}"


def _nothing_to_build(found: Rehearsal) -> Lines:
    if found.plan is not None and found.plan.strategy is Strategy.IN_PLACE:
        return ["nothing to rehearse: no table changes, and a sync would only record the version"]
    return [f"{found.generation} is current: version {short(found.version)}, nothing to do"]


def _back(back: WayBack, page: Page) -> Lines:
    head = page.style.MIGRATE_HEADING("back:")
    lines = [f"{head} a rollback takes milliseconds; it would compare the files for {back.seconds:.2f} s, and show:"]
    shown = [_table(one) for one in back.tables]
    shown += [
        f"{one.table}.{one.column}: {count(one.values, 'value')} would not return" for one in back.values if one.values
    ]
    lines += [f"  {text}" for text in shown] or ["  no row that only the new file has"]
    if back.written:
        lines.append(f"  {count(back.written, 'row')} written since the file was read may be among these")
    return lines


def _table(one: RowDiff) -> str:
    if not one.comparable:
        return f"{one.table}: cannot be compared: {one.note}"
    parts = [f"{count(one.added, 'row')} set aside"] if one.added else []
    parts += [f"{count(one.changed, 'row')} with other values"] if one.changed else []
    parts += [f"{count(one.removed, 'row')} back"] if one.removed else []
    return f"{one.table}: {', '.join(parts) or 'some columns cannot be compared'}"


def _queries(found: tuple[QueryPlan, ...], page: Page) -> Lines:
    if not found:
        return []
    worse = [one for one in found if one.is_worse]
    head = page.style.MIGRATE_HEADING("queries:")
    lines = [f"{head} {len(worse)} of {count(len(found), 'statement')} would run worse"]
    for one in found if page.detail else worse:
        lines.append(f"  {' '.join(one.statement.split())}")
        lines += [f"    before: {text}" for text in one.before or ("does not compile",)]
        lines += [f"    after:  {text}" for text in one.after or (one.error,)]
    return lines
