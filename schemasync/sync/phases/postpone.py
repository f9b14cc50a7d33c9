"""Keeps a finished file up to date until `schemasync cutover` is called."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import Code, Refused
from ...files.disk import DiskStep, scratch_of
from ...files.lock import is_held
from ..run.target import Target

LOOK = 0.2  # seconds between checks for the call


def _waiting(target: Target) -> Path:
    """Return the path of the file that a waiting run makes."""
    return target.layout.folder / "waiting"


def _called(target: Target) -> Path:
    """Return the path of the file that lets the waiting run cut over."""
    return target.layout.folder / "cutover"


@contextmanager
def _at_the_door(target: Target) -> Iterator[None]:
    try:
        target.disk.write_text(DiskStep.CUTOVER_WAIT, _waiting(target), "")
        yield
    finally:
        clear(target)


def clear(target: Target) -> None:
    """Remove both files, also unfinished ones of a process that died. The caller holds the run lock."""
    named = (_waiting(target), _called(target))
    files = (*named, *map(scratch_of, named))
    if any(path.exists() for path in files):
        target.disk.remove(DiskStep.CUTOVER_WAIT, files)


def until_called(target: Target, generation: str) -> Generator[None, None, None]:
    """Yield repeatedly, so that the caller keeps the new file up to date, until a process calls call()."""
    with _at_the_door(target):
        target.progress.note(
            f"{generation} is ready and is kept up to date; cut over with: manage.py schemasync cutover"
        )
        while not _called(target).exists():
            yield
            time.sleep(LOOK)


def is_waiting(target: Target) -> bool:
    """Return True if a run is ready and waits for the call."""
    return _waiting(target).exists() and is_held(target.layout.lock)


def call(target: Target) -> None:
    """Let the waiting run cut over. Raises Refused without one."""
    if not is_waiting(target):
        raise _none_waits(target)
    try:
        target.disk.write_text(DiskStep.CUTOVER_CALL, _called(target), "")
    except FileNotFoundError as error:  # the run ended at this moment, and has removed what was being written
        raise _none_waits(target) from error


def _none_waits(target: Target) -> Refused:
    return Refused.of(
        Code.NO_PENDING_CUTOVER,
        f"no run on {target.layout.link} waits for a cut-over",
        "To start one: manage.py schemasync --postpone",
    )
