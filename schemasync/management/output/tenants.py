"""The results of `tenants`, as text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, assert_never

from ...schema.text import count, short
from ...texts import size, span
from .shared import Lines
from .tenants_status import listed, shown

if TYPE_CHECKING:
    from ...tenants.across import Answer
    from ...tenants.fleet.backup import BackupsReport
    from ...tenants.fleet.each import Tally
    from ...tenants.fleet.rollback import RollbackReport
    from ...tenants.fleet.run import FleetReport
    from ...tenants.fleet.standing import Standing
    from ...tenants.models import Tenant
    from ...tenants.moving.balancing import Balance
    from ...tenants.moving.sender import Moved
    from ..tenant_lives import Change

WIDE = 100  # rows that determine the widths of the columns of a report


def state(one: Standing, number: int) -> str:
    """Return the heading for the plan of all tenants in one state."""
    version = f"at version {short(one.version)}" if one.version else "without a version"
    changed = " and with objects that changed since" if one.is_changed else ""
    return f"{count(number, 'tenant')} {version}{changed}, such as {one.key}:"


def sync_lines(done: FleetReport) -> Lines:
    """Return the result of a sync."""
    parts = [f"{done.current:,} were current"] if done.current else []
    what = f"{count(len(done.tally.done), 'tenant')} synced to version {short(done.version)}"
    return [f"{what} in {span(done.duration_ms)}{_rest(done.tally, parts)}"]


def _rest(tally: Tally, parts: list[str]) -> str:
    """Return other parts, and the numbers of tenants that failed or were not tried, as one phrase."""
    parts = [*parts, f"{len(tally.failed):,} failed"] if tally.failed else parts
    parts = [*parts, f"{tally.left:,} were not tried"] if tally.left else parts
    return f"; {', '.join(parts)}" if parts else ""


def rollback_lines(done: RollbackReport) -> Lines:
    """Return the result of a rollback, or its preview."""
    back = done.tally.done
    rows = [f"{one.key}: {one.written}" for one in back if one.done.rows]
    lines = shown("written since", rows)
    lines += listed("without an earlier file", done.without_earlier)
    would = "would go back" if done.is_dry_run else "went back"
    release = f" from version {short(done.release)}" if done.release else ""
    if not release:
        lines += [f"{one.key}: version {short(one.version)}" for one in back if one.version]
    stay = [f"{len(done.staying):,} would stay, because of what was written since"] if done.staying else []
    number = count(len(back) - len(done.staying), "tenant")
    lines.append(f"{number} {would}{release} in {span(done.duration_ms)}{_rest(done.tally, stay)}")
    return lines


def created_lines(made: Tenant) -> Lines:
    """Return the new tenant, with its host and path."""
    where = f" on {made.host}" if made.host else ""
    return [f"{made.key} is created{where}, with version {short(made.version)}: {made.get_path()}"]


def changed_lines(done: Change) -> Lines:
    """Return the new state of a tenant."""
    match done.result:
        case "suspended":
            return [f"{done.key} is suspended: requests get 503; its file stays at {done.path}"]
        case "activated":
            return [f"{done.key} is active: {done.path}"]
        case "archived":
            return [f"{done.key} is archived, and its folder is now {done.path}"]
        case "deleted":
            return [f"{done.key} is deleted, with its file and all archives of it; its backups stay"]
        case _:
            assert_never(done.result)


def backup_lines(done: BackupsReport) -> Lines:
    """Return the backups that were made, or are due."""
    if done.is_dry_run:
        lines = listed("due", [one.key for one in done.made])
        return [*lines, f"{count(len(done.made), 'backup')} due{_rest(done.tally, _recent(done))}"]
    lines = shown("made", [f"{one.key}: {one.done.backup}, {size(one.done.bytes)}" for one in done.made])
    what = f"{count(len(done.made), 'backup')} made, {size(sum(one.done.bytes for one in done.made))}"
    return [*lines, f"{what}, in {span(done.duration_ms)}{_rest(done.tally, _recent(done))}"]


def _recent(done: BackupsReport) -> list[str]:
    return [f"{done.recent:,} have a recent one"] if done.recent else []


def balance_lines(done: Balance) -> Lines:
    """Return the shares, the proposed moves, and the moves that were made."""
    lines = [
        f"{name}: {of_size:.0%} of its share of the size, {of_load:.0%} of the load"
        for name, (of_size, of_load) in done.shares.items()
    ]
    if done.unknown:
        lines.append(
            f"{count(done.unknown, 'tenant')} of unknown size; to look at them, on each host: "
            "manage.py schemasync tenants status"
        )
    moves = [f"{one.tenant.key}: {one.tenant.host} -> {one.to}, {size(one.tenant.bytes)}" for one in done.proposed]
    lines += shown("proposed", moves) or ["no host has more than a tenth above its share, or nothing may move"]
    for one in done.moved:
        lines += moved_lines(one)
    return lines


def moved_lines(done: Moved) -> Lines:
    """Return the result of a move."""
    match done.result:
        case "current":
            return [f"{done.key} is on {done.host} already"]
        case "undone":
            return [f"{done.key} is open again on {done.host}"]
    what = f"{size(done.bytes)} and {size(done.log_bytes)} of what was written meanwhile, in {span(done.duration_ms)}"
    lines = [f"{done.key} is on {done.host}: {what}; writers waited {span(done.pause_ms)}"]
    if done.archives:
        lines.append(f"{count(len(done.archives), 'archive')} stay here, in {done.folder}: {', '.join(done.archives)}")
    return lines


def asked_lines(version: str, hosts: Sequence[str], running: Sequence[str]) -> Lines:
    """Return the hosts from which a sync was requested, and the hosts on which one already runs."""
    lines = [f"asked {host} for a sync to version {short(version)}" for host in hosts if host not in running]
    lines += [f"{host} is not asked: a sync runs there" for host in running]
    return [*lines, "How far they are: manage.py schemasync tenants status"]


def table(answers: Iterable[Answer]) -> Iterator[str]:
    """Yield the rows of a report under their columns. The widths fit the first WIDE rows."""
    rows = _with_header(answers)
    first = list(islice(rows, WIDE))
    widths = [max(map(len, cells)) for cells in zip(*first, strict=True)]
    for row in chain(first, rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def write_csv(answers: Iterable[Answer], file: Any) -> None:
    """Write the rows of a report as CSV (RFC 4180), with the names of the columns in the first line."""
    csv.writer(file).writerows(_with_header(answers))


def _with_header(answers: Iterable[Answer]) -> Iterator[list[str]]:
    for number, answer in enumerate(answers):
        if number == 0:
            yield ["tenant", *answer.columns]
        for row in answer.rows:
            yield [answer.key, *map(_cell, row)]


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bytes():
            return value.hex()
        case _:
            return str(value)
