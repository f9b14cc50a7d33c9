"""Opens a database for commands that only read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from ...engines.sqlite import fence
from ...errors import Code, Refused
from . import live_database
from .error_translation import translated_errors
from .live_database import LiveDatabase
from .target import Target


@contextmanager
def reading(target: Target, *, whole: bool = True, parsed: bool = False) -> Iterator[LiveDatabase | None]:
    """Yield the present database; None if there never was one. Raises Refused if only its link is missing."""
    with (
        translated_errors(target.layout.link),
        live_database.read(target.layout, target.opener, whole=whole, parsed=parsed) as now,
    ):
        if now is None:
            _refuse_missing_link(target)
        yield now


def _refuse_missing_link(target: Target) -> None:
    there = []
    for generation in target.layout.finished():
        with closing(target.opener.read_parsed(generation.path)) as connection:
            there += [] if fence.is_marked(connection) else [generation.name]
    if there:
        raise Refused.of(
            Code.SWAP_UNFINISHED,
            f"{target.layout.link} is missing, but its generations exist: {', '.join(there)}",
            "To point the link at the one that was live: manage.py schemasync",
            found=there,
        )
