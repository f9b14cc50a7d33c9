"""Checks what a run needs before it writes the first byte, and records each check for its report."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ...engines.sqlite.lock_holders import Process, holders
from ...engines.sqlite.old_readers import is_held_back
from ...errors import APPLICATION_ERRORS, Code, Problem, Refused
from ...history.rows import moment
from ...plan.model import Plan
from ...schema.text import count
from ..run.live_database import LiveDatabase
from ..run.recorder import Check
from ..run.requirements import BackupAge
from ..run.target import Target
from .disk_needed import check_disk, disk_needed

SKEW = 300  # seconds by which the clocks of two machines may differ


@dataclass(frozen=True, slots=True)
class _Checked:
    """A check, and the problem if it is not met."""

    check: Check
    problem: Problem | None = None


def check_beforehand(target: Target, plan: Plan, before: LiveDatabase | None) -> None:
    """Raise Refused, with nothing written, if the disk cannot hold the new file; or with all
    conditions of the setting REQUIRE that do not hold. A new database needs no backup, and has no readers."""
    found = [_Checked(_hazards(plan)), *_required(target, plan, before)]
    if before is not None and before.generation is not None:
        found += _readers(target, before.path)
    target.recorder.checks += [_disk(target, plan, before), *(one.check for one in found)]
    check_disk(target, plan, before)
    if problems := [one.problem for one in found if one.problem is not None]:
        raise Refused(problems)


def unmet(target: Target, plan: Plan, before: LiveDatabase | None) -> tuple[Problem, ...]:
    """Return the conditions of REQUIRE on the backup and the disk that do not hold now. Changes nothing; the condition
    on readers is left out, as its check waits and writes a checkpoint."""
    return tuple(one.problem for one in _required(target, plan, before) if one.problem is not None)


def _required(target: Target, plan: Plan, before: LiveDatabase | None) -> Iterator[_Checked]:
    wanted = target.requirements
    if wanted.backup is not None and before is not None:
        yield _backup(wanted.backup)
    if wanted.disk_left:
        yield _disk_left(target, plan, before, wanted.disk_left)


def _hazards(plan: Plan) -> Check:
    """Return the check of hazards, which is always met: a plan with a blocking hazard is refused before."""
    notes = count(len(plan.hazards), "note") if plan.hazards else "nothing"
    return Check("rows and schema", "no hazard that stops the run", notes, met=True)


# --- the disk -----------------------------------------------------------------------------------------------------


def _disk(target: Target, plan: Plan, before: LiveDatabase | None) -> Check:
    needed, free = disk_needed(plan, before, None), _free(target)
    return Check("disk", f"{needed:,} bytes for the new file", f"{free:,} bytes free", met=free >= needed)


def _disk_left(target: Target, plan: Plan, before: LiveDatabase | None, wanted: int) -> _Checked:
    left = max(_free(target) - disk_needed(plan, before, None), 0)
    check = Check("DISK_LEFT", f"{wanted:,} bytes", f"{left:,} bytes", met=left >= wanted)
    return _result(
        check,
        f"{left:,} bytes of the disk would be left beside the new file, and REQUIRE demands {wanted:,}",
        "Free space, for example: manage.py schemasync prune --keep 1",
    )


def _free(target: Target) -> int:
    folder = target.layout.folder if target.layout.folder.exists() else target.layout.link.parent
    return shutil.disk_usage(folder).free


# --- backups ------------------------------------------------------------------------------------------------------


def _backup(wanted: BackupAge) -> _Checked:
    hint = f"Make a backup, then run again. SCHEMASYNC looks for it here: {wanted.where}"
    try:
        newest = wanted.newest()
    except APPLICATION_ERRORS as error:
        what = f"{type(error).__name__}: {error}"
        check = Check("BACKUP_NO_OLDER_THAN", lasting(wanted.most), what, met=False)
        return _result(check, f"{wanted.where} failed to find the newest backup: {what}", "Correct it, and run again.")
    if newest is None:
        check = Check("BACKUP_NO_OLDER_THAN", lasting(wanted.most), "no backup", met=False)
        return _result(check, "there is no backup, and REQUIRE demands one", hint)
    made = moment(datetime.fromtimestamp(newest, UTC).isoformat())
    fault = too_old("the newest backup", newest, wanted.most, "REQUIRE")
    found = f"{lasting(time.time() - newest)}: {made}"
    check = Check("BACKUP_NO_OLDER_THAN", lasting(wanted.most), found, met=fault is None)
    return _result(check, f"{fault}; it is of {made}", hint)


def too_old(what: str, at: float, most: float, setting: str) -> str | None:
    """Return why `what`, which was made at `at` in seconds since 1970, is older than the `most` seconds that `setting`
    allows, or has a time in the future because of a wrong clock; None if it is young enough."""
    age = time.time() - at
    if is_yet_to_come(at):
        return f"{what} has a time that comes in {lasting(-age)}: this clock is behind, or another one was ahead"
    return f"{what} is {lasting(age)} old, and {setting} allows {lasting(most)}" if age > most else None


def is_yet_to_come(at: float) -> bool:
    """Return True if a time in seconds since 1970 is further in the future than the clocks of two machines may
    differ."""
    return at - time.time() > SKEW


def lasting(seconds: float) -> str:
    """Return a long time as a phrase."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


# --- readers ------------------------------------------------------------------------------------------------------


def _readers(target: Target, path: Path) -> Iterator[_Checked]:
    """Yield the check for old readers. It waits for a reader that may be old as long as the setting allows: only the
    wait shows its age."""
    allowed = target.requirements.reader_age
    if allowed is None:
        return
    note = f"waiting for at most {allowed:g} s for a reader of {path.name} to end"
    is_old = is_held_back(target.opener, path, allowed, partial(target.progress.note, note))
    found = f"longer: {_who(path)}" if is_old else "none"
    check = Check("NO_READER_OPEN_LONGER_THAN", f"{allowed:g} s", found, met=not is_old)
    yield _result(
        check,
        f"a reader has had {path.name} open in one transaction for more than {allowed:g} s: {_who(path)}",
        "Wait until it has ended, or end it, then run again. Until then the write-ahead log grows.",
    )


def _who(path: Path) -> str:
    """Return the processes that are reading now, in a phrase; one of them is the old reader."""
    found = holders(path)
    others = [one for one in found.readers if one.pid != os.getpid()] if found is not None else []
    return " or ".join(map(_named, others)) if others else "another process, or another thread of this one"


def _named(process: Process) -> str:
    return f"process {process.pid} ({process.command})" if process.command else f"process {process.pid}"


def _result(check: Check, message: str, hint: str) -> _Checked:
    problem = Problem(Code.REQUIREMENT_UNMET, message, hint, {"requirement": check.check})
    return _Checked(check, None if check.met else problem)
