"""Removes old archives: never the live generation, the newest archive, or one that was live a moment ago."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..engines.sqlite import history_table
from ..engines.sqlite.connection import side_files
from ..errors import Code, Refused, SchemasyncError
from ..files.disk import DiskStep
from ..files.layout import Generation, PathKind, size_of
from ..history.rows import left_by_switch
from .recovery import recover
from .run import interrupt, live_database
from .run.error_translation import translated_errors
from .run.generation_state import state_of
from .run.target import Target

GRACE = timedelta(seconds=10)  # a program may have resolved the link just before it moved


@dataclass(frozen=True, slots=True)
class Archive:
    """A superseded generation; `at`: when, None if its fence does not say. `is_unknown`: its number is higher than any
    in the live history, so the history was replaced by an older one after this file was live. `is_left`: a switch left
    it, and the schema.json of another branch needs what it has."""

    generation: Generation
    swap: int
    at: datetime | None
    bytes: int
    is_unknown: bool = False
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class Pruned:
    """`gone` were (or would be) removed; `young` would have been, but were live until a moment ago.

    `unknown` are newer than every generation in the live history, and are left to a person. `left`: a switch left them
    for another branch.
    """

    gone: tuple[Archive, ...]
    kept: tuple[Archive, ...]
    young: tuple[Archive, ...]
    unknown: tuple[Archive, ...] = ()
    left: tuple[Archive, ...] = ()


def archives(target: Target) -> tuple[Archive, ...]:
    """All archives, the last superseded first."""
    live = target.layout.live()
    highest, left = _highest_known(target), _left_by_switch(target)
    found = []
    for generation in target.layout.finished():
        if live is not None and generation.name == live.name:
            continue
        closed = state_of(target.opener, generation).fence
        if closed is not None:  # an archive that cannot be read is left to a person
            is_unknown = highest is not None and generation.number > highest
            bytes_, is_left = size_of(generation.path), generation.name in left
            found.append(Archive(generation, closed.swap, _moment(closed.at), bytes_, is_unknown, is_left))
    return tuple(sorted(found, key=lambda archive: (archive.swap, archive.generation.number), reverse=True))


def _highest_known(target: Target) -> int | None:
    """The highest number in the live history; None without one."""
    live = target.layout.live()
    if live is None:
        return None
    try:
        with closing(target.opener.read_parsed(live.path)) as connection:
            names = history_table.generations(connection)
    except (SchemasyncError, sqlite3.Error):
        return None
    known = (target.layout.generation(name) for name in names)
    return max(live.number, *(generation.number for generation in known if generation is not None), 0)


def _left_by_switch(target: Target) -> tuple[str, ...]:
    """The generations that a switch left; none if the history cannot be read."""
    live = target.layout.live()
    if live is None:
        return ()
    try:
        with closing(target.opener.read_parsed(live.path)) as connection:
            return left_by_switch(history_table.read(connection))
    except (SchemasyncError, sqlite3.Error):
        return ()


def automatic(target: Target) -> Pruned:
    """After a sync, under its lock: keep as many archives as the setting KEEP says, and in addition those that a switch
    left."""
    return _remove(target, choose(archives(target), target.keep, None))


def prune(
    target: Target,
    keep: int | None,
    older_than: timedelta | None,
    *,
    dry_run: bool,
    expected: Collection[str] | None = None,
    branches: bool = False,
) -> Pruned:
    """Remove archives beyond the `keep` newest, or those superseded longer ago than `older_than`, or both. `expected`:
    the names that were shown; raises Refused if others would be removed. `branches`: also those that a switch left.

    Raises Refused if there can be no archive: there is no database, or it was never adopted.
    """
    if target.layout.path_kind() in (PathKind.NOTHING, PathKind.PLAIN) and not target.layout.generations():
        raise live_database.no_history(target.layout)
    if dry_run or not target.layout.folder.exists():
        return choose(archives(target), keep, older_than, branches=branches)
    with translated_errors(target.layout.link), interrupt.stoppable(), target.locked() as target:
        recover(target)
        chosen = choose(archives(target), keep, older_than, branches=branches)
        if expected is not None and set(expected) != {archive.generation.name for archive in chosen.gone}:
            raise Refused.of(
                Code.CHANGED_DURING_RUN,
                "the archives have changed: others would be removed than were shown",
                "Check again.",
            )
        return _remove(target, chosen)


def choose(
    found: tuple[Archive, ...], keep: int | None, older_than: timedelta | None, *, branches: bool = False
) -> Pruned:
    """Decide which to remove; the newest archive always stays, because a rollback needs it. `branches`: also those that
    a switch left."""
    now = datetime.now(UTC)
    keep = max(1, keep if keep is not None else 1)
    unknown = tuple(a for a in found if a.is_unknown)
    left = () if branches else tuple(a for a in found if a.is_left and not a.is_unknown)
    found = tuple(a for a in found if not a.is_unknown and a not in left)
    candidates = [a for a in found[keep:] if older_than is None or (a.at is not None and now - a.at > older_than)]
    young = tuple(a for a in candidates if a.at is not None and now - a.at < GRACE)
    gone = tuple(a for a in candidates if a not in young)
    return Pruned(gone, tuple(a for a in found if a not in gone and a not in young), young, unknown, left)


def _remove(target: Target, chosen: Pruned) -> Pruned:
    for archive in chosen.gone:
        path = archive.generation.path
        target.check_sole()
        target.disk.remove(DiskStep.PRUNE_REMOVE, (path, *side_files(path)))
    return chosen


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
