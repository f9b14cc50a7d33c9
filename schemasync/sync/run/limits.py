"""How long a run beside writers may take, and how long they may wait for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_pause`: seconds that writers may wait for the last round. `cutover_timeout`: seconds after which it ends.

    `postpone`: wait, before all that, until the swap is called for.
    """

    max_pause: float = 0.25
    cutover_timeout: float = 600.0
    postpone: bool = False
