"""Limits for a run that captures writes: its time, and the time that writers wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_pause`: seconds that writers may wait for the last round. `cutover_timeout`: seconds after which the run
    ends.

    `postpone`: before that, wait until `schemasync cutover` is called.
    """

    max_pause: float = 0.25
    cutover_timeout: float = 600.0
    postpone: bool = False
