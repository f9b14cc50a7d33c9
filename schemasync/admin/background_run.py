"""Starts a run in a separate process, which survives a restart of the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from ..databases import ACTOR
from ..errors import Code, UsageError
from ..files.disk import Disk, DiskStep
from ..files.lock import is_locked, try_lock
from ..texts import span
from .selected_database import SelectedDatabase


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of the last run that a page started: `result` and the rest as in `--json`."""

    result: str
    errors: tuple[dict[str, Any], ...]
    generation: str = ""
    rows: int = 0
    duration_ms: int = 0
    pause_ms: int = 0

    @property
    def took(self) -> str:
        return span(self.duration_ms)

    @property
    def waited(self) -> str:
        return span(self.pause_ms)


def start(selected: SelectedDatabase, actor: str) -> bool:
    """Start a run; return False if a run that a page started is still at work. The status shows the run as soon as it
    holds the lock. Raises UsageError if a separate process could not find the settings."""
    if not settings.SETTINGS_MODULE:
        raise UsageError.of(
            Code.UNEXPECTED, "the settings of this site are in no module", "Run it in a shell: manage.py schemasync"
        )
    environment = {
        **os.environ,
        ACTOR: actor,
        "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    words = ["schemasync", "--database", selected.alias, "--schema", str(selected.schema), "--json"]
    with (
        Disk().output(DiskStep.OUTPUT_WRITE, _file(selected)) as output,
        Disk().output(DiskStep.OUTPUT_WRITE, _file(selected).with_suffix(".log")) as errors,
    ):
        if not try_lock(output):  # the child keeps the lock as long as it lives
            return False
        output.truncate(0)
        errors.truncate(0)
        child = subprocess.Popen(
            [_python(), "-m", "django", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
    threading.Thread(target=child.wait, daemon=True).start()  # otherwise the finished process would remain a zombie
    return True


def is_at_work(selected: SelectedDatabase) -> bool:
    """True from the start of a run that a page started until its process has ended."""
    path = _file(selected)
    return path.exists() and is_locked(path)


def outcome(selected: SelectedDatabase) -> Outcome | None:
    """Return the result of the last run; None if it has not ended, or no run was started."""
    path = _file(selected)
    if not path.exists() or is_locked(path):
        return None
    try:
        written = json.loads(path.read_text("utf-8"))
        return Outcome(
            str(written["result"]),
            tuple(written.get("errors", ())),
            str(written.get("generation") or ""),
            *(int(written.get(name) or 0) for name in ("rows", "duration_ms", "pause_ms")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Outcome("failed", ({"message": _last_words(path.with_suffix(".log"))},))


def _last_words(log: Path) -> str:
    """Return the last line of output of a run that died before it wrote its result."""
    try:
        lines = log.read_text("utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "the run ended silently: it was killed, or the machine went down"


def _file(selected: SelectedDatabase) -> Path:
    return selected.layout.folder / "run.json"


def _python() -> str:
    """Return the path of the interpreter: in a server that embeds Python, `sys.executable` is the server."""
    found = Path(sys.executable or "")
    if found.name.startswith("python"):
        return str(found)
    return str(Path(sys.prefix) / "bin" / "python3")
