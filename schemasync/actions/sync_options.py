"""Makes the options of a sync from the values that the command line or Python code gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..sync.phases.decide import SyncOptions
from ..sync.run.limits import Limits
from .option_values import CUTOVER_TIMEOUT, FOREVER, MAX_PAUSE, several


def max_pause(given: Mapping[str, Any]) -> float:
    """Return the seconds that writers may wait."""
    return float(given.get("max_pause", MAX_PAUSE)) / 1000


def limits(given: Mapping[str, Any]) -> Limits:
    """Return the limits on the wait of writers and on the attempts to cut over."""
    return Limits(
        max_pause=max_pause(given),
        cutover_timeout=min(given.get("cutover_timeout", CUTOVER_TIMEOUT), FOREVER),
        postpone=bool(given.get("postpone")),
    )


def sync_options(given: Mapping[str, Any]) -> SyncOptions:
    """Return the options of a sync or a plan from values that `read` has returned."""
    return SyncOptions(
        rebuild_all=bool(given.get("rebuild_all")),
        verify_full=given.get("verify") == "full",
        allow_older=bool(given.get("allow_older")),
        in_place=bool(given.get("in_place")),
        repair=bool(given.get("repair")),
        allow_drop=several(given.get("allow_drop")),
        block_writers=bool(given.get("block_writers")),
        accepted_migrations=several(given.get("accept_data_migration")),
        limits=limits(given),
    )
