"""A run out of the request: a process of its own, which goes on when the server is restarted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from ..databases import ACTOR
from ..files.door import Door, Label
from .place import Place


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the last run that a page started ended: `result` and `errors` as `--json` has them."""

    result: str
    errors: tuple[dict[str, Any], ...]


def start(place: Place, actor: str) -> None:
    """Begin. Who looks at the status sees it as soon as it holds the lock."""
    environment = {
        **os.environ,
        ACTOR: actor,
        "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    words = ["schemasync", "--database", place.alias, "--schema", str(place.schema), "--json"]
    with Door().output(Label.OUTPUT_WRITE, _file(place)) as file:
        subprocess.Popen(
            [_python(), "-m", "django", *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.DEVNULL,  # what it says there stands in the JSON, too
            env=environment,
            start_new_session=True,
        )


def outcome(place: Place) -> Outcome | None:
    """How it ended; None where it has not, or none was started."""
    try:
        told = json.loads(_file(place).read_text("utf-8"))
        return Outcome(str(told["result"]), tuple(told.get("errors", ())))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _file(place: Place) -> Path:
    return place.layout.folder / "run.json"


def _python() -> str:
    """The interpreter: in a server that embeds Python, `sys.executable` is that server."""
    found = Path(sys.executable or "")
    if found.name.startswith("python"):
        return str(found)
    return str(Path(sys.prefix) / "bin" / "python3")
