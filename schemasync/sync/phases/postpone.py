"""Keeps a finished file up to date until `schemasync cutover` is called."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import Code, Refused
from ...files.disk import DiskStep
from ...files.lock import is_held
from ..run.target import Target

LOOK = 0.2  # seconds between looks whether the moment has come


def _waiting(target: Target) -> Path:
    """The file that says: a run waits here."""
    return target.layout.folder / "waiting"


def _called(target: Target) -> Path:
    """The file that says: go on."""
    return target.layout.folder / "cutover"


@contextmanager
def _at_the_door(target: Target) -> Iterator[None]:
    try:
        target.disk.write_text(DiskStep.CUTOVER_WAIT, _waiting(target), "")
        yield
    finally:
        clear(target)


def clear(target: Target) -> None:
    """Take away what says that a run waits, or is called; the caller is the one run that there is."""
    files = (_waiting(target), _called(target))
    if any(path.exists() for path in files):
        target.disk.remove(DiskStep.CUTOVER_WAIT, files)


def until_called(target: Target, generation: str) -> Generator[None, None, None]:
    """Yield again and again, so that the caller keeps the new file up to date, until `call` was called."""
    with _at_the_door(target):
        target.progress.note(
            f"{generation} is ready and follows what is written; swap it in: manage.py schemasync cutover"
        )
        while not _called(target).exists():
            yield
            time.sleep(LOOK)


def is_waiting(target: Target) -> bool:
    """True where a run is ready and waits to be called."""
    return _waiting(target).exists() and is_held(target.layout.lock)


def call(target: Target) -> None:
    """Let the run that waits go on. Raises Refused where none does."""
    if not is_waiting(target):
        raise Refused.of(
            Code.NO_PENDING_CUTOVER,
            f"no run on {target.layout.link} waits to be called",
            "One that does is started by: manage.py schemasync --postpone",
        )
    target.disk.write_text(DiskStep.CUTOVER_CALL, _called(target), "")
