"""The plan and the result of a move to PostgreSQL, as text."""

from __future__ import annotations

from ...actions.move import MovePreview
from ...schema.names import fold
from ...schema.text import count
from ...sync.move.estimate import Estimate
from ...sync.move.goal import MoveReport
from ...texts import size, span
from .shared import Lines


def plan_lines(preview: MovePreview) -> Lines:
    """Return the plan of a move."""
    found, sizes = preview.found.plan, preview.found.bytes
    lines = [
        f"{count(len(found.tables), 'table')} with {count(found.total, 'row')} would move to {preview.goal.server}"
    ]
    lines += _estimate(preview.found.estimate)
    for one in found.tables:
        name = one.moved.name
        bytes_ = f", {size(sizes[fold(name)])}" if fold(name) in sizes else ""
        lines.append(f"  {name}: {count(found.rows[name], 'row')}{bytes_}")
        lines += [f"    {column.name}: {column.type.sql} ({column.why})" for column in one.moved.columns]
        if not one.has_key:
            lines.append("    no primary key: copied again whenever it was written during the move")
    for finding in found.findings:
        policy = finding.policy.value if finding.policy is not None else ""
        where = f"{finding.table}.{', '.join(finding.columns)}"
        lines.append(f"  {where}: {count(finding.count, 'value')} ({finding.fault.value}) change by {policy}")
    lines += [f"  note: {note}" for note in preview.notes]
    lines.append(f"To do it: manage.py schemasync move --to {preview.goal.alias}")
    return lines


def _estimate(found: Estimate | None) -> Lines:
    if found is None:
        return []
    parts = {"scan": found.scan, "copy": found.copy, "keys and indexes": found.indexes, "comparison": found.compare}
    took = ", ".join(f"{name} {_span(seconds)}" for name, seconds in parts.items())
    rows = f"{count(found.rows, 'row')} of {', '.join(found.tables)}"
    how = f"measured with {rows}, which were copied, compared and rolled back" if found.rows else "there are no rows"
    return [
        f"  about {_span(found.seconds)} by one process: {took} ({how})",
        f"  writers would wait about {found.pause_ms} ms at the end",
    ]


def _span(seconds: float) -> str:
    return span(round(seconds * 1000))


def lines(done: MoveReport) -> Lines:
    """Return the result of a move, or of undoing it."""
    match done.result:
        case "undone":
            lines = [f"{done.generation} is live again; {done.alias} takes no writes"]
            lines += [f"  left on {done.alias}: {table}, {count(rows, 'row')}" for table, rows in done.left.items()]
            return [*lines, "Reload the site, so that it opens the file."]
        case "current":
            return [f"nothing to do: the database has moved to {done.alias}", *_changed(done)]
        case _ if not done.rows:
            lines = [f"finished an interrupted move: {done.alias} is live, and {done.generation} is closed"]
        case _:
            rows = count(sum(done.rows.values()), "row")
            lines = [
                f"{done.alias} is live: {rows} in {count(len(done.rows), 'table')}, each compared with the file, "
                f"in {span(done.duration_ms)}; writers waited {span(done.pause_ms)}"
            ]
    return [
        *lines,
        *_changed(done),
        f"Reload the site, so that it opens {done.alias}: until then its writes fail.",
        "To go back to the file: manage.py schemasync move --undo",
    ]


def _changed(done: MoveReport) -> Lines:
    lines = [
        f"  {table}.{column}: {count(number, 'value')} changed ({fault})"
        for (table, column, fault), number in done.changed.items()
    ]
    lines += [f"  each of them is listed in {done.changed_list}"] if done.changed_list is not None else []
    return [*lines, *(f"  note: {note}" for note in done.notes)]
