"""The state of all tenants, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never

from ...errors import ProblemJson
from ...schema.text import count, short
from ...tenants.fleet.run_state import RunOfHost, RunState
from ...texts import change, size, span
from ..local_time import local_time
from .shared import Lines

if TYPE_CHECKING:
    from ...tenants.fleet.disks import DiskSpace
    from ...tenants.fleet.health import HealthReport
    from ...tenants.fleet.processes import ProcessFiles
    from ...tenants.fleet.recorded import Recorded, Unhealthy
    from ...tenants.fleet.status import FleetStatus

SHOWN = 20  # tenants of a kind that are listed
GROWING = 5  # tenants with the most growth that are listed


def status_lines(found: FleetStatus) -> Lines:
    """Return states, versions, tenants with problems, sizes, health and runs."""
    known = found.recorded
    states = ", ".join(f"{number:,} {name}" for name, number in sorted(known.states.items())) or "no tenants"
    lines = [f"tenants: {states}", f"{found.current:,} current, {size(found.bytes)}"]
    lines += [f"version {short(name)}: {number:,}" for name, number in found.versions.items()]
    lines += listed("behind", [one.key for one in found.behind])
    lines += listed("without a readable file", found.missing)
    lines += listed("on no host of the settings", known.lost)
    lines += [f"failed: {key}: {_indented(text)}" for key, text in list(known.failures.items())[:SHOWN]]
    lines += [*_growth(known), *map(_disk_line, found.disks), *map(_process_line, found.processes or ())]
    return [*lines, *_health(known), *map(_run_line, found.runs)]


def _indented(text: str) -> str:
    return "\n  ".join(line.strip() for line in text.splitlines())


def _growth(known: Recorded) -> Lines:
    most = ", ".join(f"{one.key} {change(one.growth)}" for one in known.growing[:GROWING])
    return [f"grown by {change(known.growth)} in 30 days; most: {most}"] if most else []


def _disk_line(one: DiskSpace) -> str:
    inodes = "" if one.inodes_free is None else f" and {one.inodes_free:,} inodes"
    return f"disk of {count(one.tenants, 'tenant')} ({one.folder}): {size(one.bytes_free)}{inodes} free"


def _process_line(one: ProcessFiles) -> str:
    most = "" if one.most is None else f" of {one.most:,}"
    what = f"process {one.process.pid} ({one.process.command})" if one.process.command else f"process {one.process.pid}"
    return f"{what}: {one.descriptors:,}{most} descriptors, {one.files:,} of them for files of tenants"


def _health(known: Recorded) -> Lines:
    """Return the results of the last checks, and their age."""
    if known.health_at is None:
        return ["health: never checked. To check: manage.py schemasync tenants health"]
    parts = [f"{number:,} {name}" for name, number in sorted(known.health.items(), key=lambda one: -one[1])]
    parts += [f"{known.unchecked:,} never checked"] if known.unchecked else []
    lines = [f"health, checked since {local_time(known.health_at.isoformat())}: {', '.join(parts)}"]
    return [*lines, *_unhealthy(known.unhealthy)]


def health_lines(done: HealthReport) -> Lines:
    """Return the number of tenants with each result."""
    counts = Counter(one.done.health for one in done.checks)
    found = ", ".join(f"{number:,} {name}" for name, number in counts.most_common()) or "no tenants"
    return [f"{found}, in {span(done.duration_ms)}"]


def unhealthy_lines(done: HealthReport) -> Lines:
    """Return the tenants with problems, for the error of the command; empty if there are none."""
    found = done.unhealthy
    return [f"{count(len(found), 'tenant')} not healthy:", *_unhealthy(found)] if found else []


def _unhealthy(found: Sequence[Unhealthy]) -> Lines:
    lines = [f"{one.key}: {one.health} {_problem(problem)}" for one in found[:SHOWN] for problem in one.problems]
    return [*lines, *([f"and {len(found) - SHOWN:,} more"] if len(found) > SHOWN else [])]


def _run_line(one: RunOfHost) -> str:
    at = local_time(one.at.isoformat())
    match one.state:
        case RunState.WAITING:
            return f"host {one.host}: waits since {at} for a worker: manage.py db_worker --queue-name {one.host}"
        case RunState.RUNNING:
            return f"host {one.host}: a sync runs, asked for at {at}"
        case RunState.LOST:
            return f"host {one.host}: the worker has died. To go on: manage.py schemasync tenants sync --all-hosts"
        case RunState.DONE:
            return f"host {one.host}: {count(one.outcome['synced'], 'tenant')} synced at {at}"
        case RunState.FAILED:
            return f"host {one.host}: failed at {at}: {one.outcome['errors'][0]['message']}"
        case _:
            assert_never(one.state)


def _problem(one: ProblemJson) -> str:
    return "\n  ".join([f"[{one['code']}] {one['message']}", *one["hint"].splitlines()])


def shown(what: str, lines: list[str]) -> Lines:
    """Return a heading, and one line for each of the first SHOWN lines; empty without lines."""
    if not lines:
        return []
    more = [f"  and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
    return [f"{what}:", *(f"  {line}" for line in lines[:SHOWN]), *more]


def listed(what: str, keys: Sequence[str]) -> Lines:
    """Return the first SHOWN keys in one line; empty without keys."""
    if not keys:
        return []
    more = f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else ""
    return [f"{what}: {', '.join(keys[:SHOWN])}{more}"]
