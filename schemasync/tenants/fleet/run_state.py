"""The state of a sync that was requested from a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """The state of a requested sync. `lost`: its worker has died before the end."""

    WAITING = "waiting"
    RUNNING = "running"
    LOST = "lost"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunOfHost:
    """The last requested sync of a host. `at`: when it was requested, or when it has ended. `outcome`: the output of
    `tenants sync --json` there, empty before the end."""

    host: str
    state: RunState
    at: datetime
    outcome: Mapping[str, Any]
