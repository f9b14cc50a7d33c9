"""Converts and checks the values of options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from ..errors import Code, UsageError
from ..sync.run.limits import Limits

WAIT = 30.0  # seconds: longer than any healthy write, short enough for a deploy script
FOREVER = 2_000_000.0  # seconds, 23 days: SQLite counts milliseconds in 32 bits
MAX_PAUSE = Limits().max_pause * 1000  # milliseconds
CUTOVER_TIMEOUT = Limits().cutover_timeout  # seconds

NOT_IN_PLACE = ("rebuild_all", "verify", "postpone", "cutover_timeout")
"""Options of a sync that do not apply to an alteration of the live file."""


def _percent(value: Any) -> float:
    return float(str(value).removesuffix("%"))


_NUMBERS: Mapping[str, tuple[Callable[[Any], float], str]] = {
    "wait": (float, "a number of seconds, 0 or more"),
    "max_pause": (float, "a number of milliseconds, 0 or more"),
    "cutover_timeout": (float, "a number of seconds, 0 or more"),
    "workers": (int, "a number of processes, 1 or more"),
    "seconds": (float, "a number of seconds, 0 or more"),
    "due": (float, "a number of hours, 0 or more"),
    "max_moves": (int, "a number of moves, 1 or more"),
    "most_rows": (int, "a number of rows, 1 or more"),
    "canary": (_percent, "a percentage, 0 to 100"),
    "stop_at": (_percent, "a percentage, 0 to 100"),
    "keep": (int, "a number, 1 or more: the newest archive always stays"),
    "older_than": (float, f"a number of days, 0 to {timedelta.max.days - 1:,}"),
}


def read(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with their numbers converted, as `call_command` passes any type. Raises UsageError for a value
    that is not allowed."""
    found = dict(given)
    for name, (kind, what) in _NUMBERS.items():
        if found.get(name) is None:
            found.pop(name, None)
            continue
        with suppress(TypeError, ValueError, OverflowError):
            found[name] = kind(found[name])
        if not _is_allowed(name, found[name]):
            option = name.replace("_", "-")
            raise UsageError.of(Code.BAD_OPTION, f"--{option} {given[name]} is invalid", f"Use {what}.")
    if found.get("in_place") and (others := [name for name in NOT_IN_PLACE if found.get(name)]):
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in others)
        raise UsageError.of(
            Code.BAD_OPTION, f"--in-place builds no new file, so it has no use for {listed}", "Remove one of them."
        )
    if found.get("fill") and not found.get("keep_writes"):
        raise UsageError.of(Code.BAD_OPTION, "--fill is of use only with --keep-writes", "Add it, or remove --fill.")
    if found.get("verify") not in (None, "full"):
        raise UsageError.of(Code.BAD_OPTION, f"--verify {found['verify']} is invalid", "Use --verify full.")
    return found


def _is_allowed(name: str, value: object) -> bool:
    if not isinstance(value, int | float):
        return False
    match name:
        case "wait" | "max_pause" | "cutover_timeout" | "seconds" | "due":
            return value >= 0  # false for NaN
        case "canary" | "stop_at":
            return 0 <= value <= 100
        case "keep" | "workers" | "most_rows" | "max_moves":
            return value >= 1
        case _:
            return 0 <= value < timedelta.max.days


def several(found: str | Iterable[str] | None) -> frozenset[str]:
    """Return the values of a repeatable option. Python code may pass a single value as text."""
    return frozenset([found] if isinstance(found, str) else found or ())


SYNC_OPTIONS = (
    "in_place",
    "rebuild_all",
    "verify",
    "allow_drop",
    "allow_older",
    "repair",
    "block_writers",
    "max_pause",
    "cutover_timeout",
    "postpone",
)
"""Options of a sync and its plan that most other actions refuse."""


def refuse_misplaced(action: str, given: Mapping[str, Any]) -> None:
    """Raise UsageError for options of a sync that the action does not use."""
    if found := _misplaced(action, given):
        raise UsageError.of(
            Code.BAD_OPTION, f"{action} has no use for {', '.join(found)}", "Remove it; it is an option of a sync."
        )


OF_KEEP_WRITES = ("allow_drop", "block_writers", "max_pause", "cutover_timeout", "verify")
"""Options of a sync that a rollback with --keep-writes also has."""


_OF_OTHERS = {"move": ("max_pause", "cutover_timeout", "postpone"), "tenants": ("max_pause", "cutover_timeout")}


def _misplaced(action: str, given: Mapping[str, Any]) -> list[str]:
    mine = [] if action == "sync" else [f"--{name}" for name in ("export", "report") if given.get(name)]
    if action in ("sync", "plan", "rehearse") or (
        action == "rollback" and given.get("in_place") and not given.get("keep_writes")
    ):
        return mine
    used = OF_KEEP_WRITES if action == "rollback" and given.get("keep_writes") else _OF_OTHERS.get(action, ())
    return mine + [f"--{name.replace('_', '-')}" for name in SYNC_OPTIONS if given.get(name) and name not in used]
