"""All tenants, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...schema.text import count, short
from ...texts import size, span
from .shared import Lines

if TYPE_CHECKING:
    from ...tenants.fleet.run import FleetReport
    from ...tenants.fleet.standing import Standing
    from ...tenants.fleet.status import FleetStatus

SHOWN = 20  # tenants of a kind that are listed


def state(one: Standing, number: int) -> str:
    """The heading for the plan of all tenants that are in one state."""
    version = f"at version {short(one.version)}" if one.version else "without a version"
    return f"{count(number, 'tenant')} {version}, such as {one.key}:"


def sync_lines(done: FleetReport) -> Lines:
    """What was done."""
    parts = [f"{done.current:,} were current"] if done.current else []
    parts += [f"{len(done.failed):,} failed"] if done.failed else []
    parts += [f"{done.left:,} were not tried"] if done.left else []
    rest = f"; {', '.join(parts)}" if parts else ""
    return [
        f"{count(len(done.synced), 'tenant')} synced to version {short(done.version)} in {span(done.duration_ms)}{rest}"
    ]


def status_lines(found: FleetStatus) -> Lines:
    """States, versions, and who needs something."""
    states = ", ".join(f"{number:,} {name}" for name, number in sorted(found.states.items())) or "no tenants"
    lines = [f"tenants: {states}", f"{found.current:,} current, {size(found.bytes)}"]
    lines += [f"version {short(name)}: {number:,}" for name, number in found.versions.items()]
    lines += _listed("behind", [one.key for one in found.behind])
    lines += _listed("without a readable file", found.missing)
    lines += [f"{key}: {text}" for key, text in list(found.failures.items())[:SHOWN]]
    return lines


def _listed(what: str, keys: list[str] | tuple[str, ...]) -> Lines:
    if not keys:
        return []
    more = f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else ""
    return [f"{what}: {', '.join(keys[:SHOWN])}{more}"]
