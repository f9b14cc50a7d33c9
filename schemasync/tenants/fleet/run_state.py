"""How far the sync of a host is that was asked for elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """`lost`: it is not at its end, and its worker has died."""

    WAITING = "waiting"
    RUNNING = "running"
    LOST = "lost"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunOfHost:
    """The last run of a host. `at`: when it was asked for, or when it has ended. `outcome`: what `tenants sync --json`
    prints there, empty before the end."""

    host: str
    state: RunState
    at: datetime
    outcome: Mapping[str, Any]
