"""Checks whether the disk can hold a file, and adds the bytes that it needs to the error of a disk that filled up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import Code, Failed, Problem, Refused
from .error_translation import translated_errors

RESERVE = 8 * 1024 * 1024  # bytes beyond the estimate: history, links, a little growth


@dataclass(frozen=True, slots=True)
class Room:
    """The bytes that a file in a folder may need. `what` is the subject of a sentence."""

    folder: Path
    needed: int
    what: str = "the new file"

    @property
    def free(self) -> int:
        """The bytes that are free now."""
        return shutil.disk_usage(self.folder).free


def check_free(room: Room) -> None:
    """Raise Refused if fewer bytes are free."""
    free = room.free
    if free < room.needed:
        raise Refused.of(
            Code.DISK_FULL,
            f"{room.what} may need {room.needed:,} bytes; {free:,} are free in {room.folder}",
            "Free space, for example: manage.py schemasync prune --keep 1",
            needed=room.needed,
            free=free,
        )


@contextmanager
def figures_when_full(path: Path, room: Room, source: Path | None = None) -> Iterator[None]:
    """Add to the error of a disk that fills up in the block how many bytes are needed, and how many are free once the
    block has removed its files. `path` and `source`: as for translated_errors()."""
    try:
        with translated_errors(path, source):
            yield
    except Failed as error:
        if error.code != Code.DISK_FULL or "needed" in error.problems[0].facts:
            raise
        raise Failed(_with_figures(problem, room) for problem in error.problems) from error


def _with_figures(problem: Problem, room: Room) -> Problem:
    try:
        free = room.free
    except OSError:  # the folder was made in the block, or is gone
        return problem
    figures = f"{room.what} may need {room.needed:,} bytes, and without it {free:,} are free in {room.folder}"
    hint = problem.hint
    if free >= room.needed:  # https://www.sqlite.org/tempfiles.html#temporary_file_storage_locations
        hint += (
            "\nThat would be enough now. If it happens again, look at the disk of SQLite's temporary files: "
            "SQLITE_TMPDIR or TMPDIR, and without these /var/tmp"
        )
    facts = {**problem.facts, "needed": room.needed, "free": free}
    return replace(problem, message=f"{problem.message}; {figures}", hint=hint, facts=facts)
