"""Checks what a run needs before it writes the first byte, and records each check for its report."""

from __future__ import annotations

import shutil
from pathlib import Path

from ...plan.model import Plan
from ...schema.text import count
from ..run.live_database import LiveDatabase
from ..run.recorder import Check
from ..run.target import Target
from .decide import check_disk, disk_needed


def check_beforehand(target: Target, plan: Plan, before: LiveDatabase | None) -> None:
    """Raise Refused, with nothing written, if the disk cannot hold the new file."""
    target.recorder.checks += [_hazards(plan), _disk(target, plan, before)]
    check_disk(target, plan, before)


def _hazards(plan: Plan) -> Check:
    """None of them stops the run: that would have been refused."""
    notes = count(len(plan.hazards), "note") if plan.hazards else "nothing"
    return Check("rows and schema", "no hazard that stops the run", notes, met=True)


def _disk(target: Target, plan: Plan, before: LiveDatabase | None) -> Check:
    needed, free = disk_needed(plan, before, None), shutil.disk_usage(_folder(target)).free
    return Check("disk", f"{needed:,} bytes for the new file", f"{free:,} bytes free", met=free >= needed)


def _folder(target: Target) -> Path:
    return target.layout.folder if target.layout.folder.exists() else target.layout.link.parent
