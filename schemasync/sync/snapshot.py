"""Writes a plain, compact copy of the live database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..engines.sqlite.copies import compact_copy
from ..errors import Code, Refused
from ..files.disk import DiskStep
from ..files.layout import size_of
from .run import interrupt, live_database
from .run.disk_space import Room, figures_when_full
from .run.error_translation import translated_errors
from .run.live_database import LiveDatabase
from .run.target import Target


def snapshot(target: Target, output: Path) -> int:
    """Write a copy to `output`, which must not exist; return its size in bytes. Raises Refused or Failed.

    VACUUM INTO gives a consistent, compact copy while writers go on (https://www.sqlite.org/lang_vacuum.html). The copy
    keeps the history, which says which version it is and which hints have acted on these rows and must not act again
    after an adoption. It has no other object of ours, even if a run is at work.
    """
    with (
        interrupt.stoppable(),
        current(target, output) as live,
        figures_when_full(output, room_of_copy(live, output), source=target.layout.link),
        target.disk.whole_file(DiskStep.OUTPUT_WRITE, output, live.path.stat()) as place,
    ):
        compact_copy(target.opener, live.path, place)
    return size_of(output)


def room_of_copy(live: LiveDatabase, output: Path) -> Room:
    """Return the room on the disk that a copy of the live database may need."""
    return Room(output.parent, size_of(live.path), "the copy")


@contextmanager
def current(target: Target, output: Path) -> Iterator[LiveDatabase]:
    """Yield the live database, for a copy to `output`. Raises Refused if `output` exists, or if there is no
    database."""
    if output.exists() or output.is_symlink():
        raise Refused.of(Code.OUTPUT_EXISTS, f"{output} exists already", "Name another file, or remove it first.")
    link = target.layout.link
    with translated_errors(link), live_database.read(target.layout, target.opener) as live:
        if live is None:
            raise Refused.of(
                Code.NO_DATABASE,
                f"there is no database at {link}",
                "To create one from schema.json: manage.py schemasync",
            )
        yield live
