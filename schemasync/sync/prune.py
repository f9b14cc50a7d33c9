"""Removes old archives: never the live generation, the newest archive, or one that was live a moment ago."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from ..engines.sqlite import history_table
from ..engines.sqlite.connection import side_files
from ..engines.sqlite.fence import NO_SWAP, Fence
from ..errors import Code, Refused, SchemasyncError
from ..files.disk import DiskStep
from ..files.layout import Generation, PathKind, size_of
from ..history.lineage import Lineage
from ..history.row import HistoryRow
from ..history.rows import left_by_switch
from .recovery import recover
from .run import interrupt, live_database
from .run.error_translation import translated_errors
from .run.generation_state import GenerationState, state_of
from .run.target import Target

GRACE = timedelta(seconds=10)  # a program may have resolved the link just before it moved


class Reason(StrEnum):
    """A reason why an archive stays, however old it is, until somebody names the reason to remove it."""

    NOT_IN_HISTORY = "not in history"
    """The live history does not know it, as after an eject, or after an older backup was restored."""
    SET_ASIDE = "set aside"
    """No other file was built from all its rows: a rollback went away from it, or a backup replaced it."""
    LEFT_BY_SWITCH = "left by switch"
    """The schema.json of another branch needs what it has."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A superseded generation; `at`: when, None if its fence does not say. `reason`: why it stays until a person
    decides otherwise. `version`: that of its file, '' if it has no history."""

    generation: Generation
    swap: int
    at: datetime | None
    bytes: int
    reason: Reason | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Pruned:
    """`gone` were (or would be) removed; `young` would have been, but were live until a moment ago. `reserved`: those
    that stay for their `reason`."""

    gone: tuple[Archive, ...]
    kept: tuple[Archive, ...]
    young: tuple[Archive, ...]
    reserved: tuple[Archive, ...] = ()


def archives(target: Target) -> tuple[Archive, ...]:
    """All archives, the last superseded first."""
    live, there = target.layout.live(), target.layout.finished()
    rows = _history(target, live.path if live is not None else target.layout.link)
    found = []
    for generation in there:
        if live is not None and generation.name == live.name:
            continue
        state = state_of(target.opener, generation)
        if state.fence is not None:  # an archive that cannot be read is left to a person
            reason, at = _reason(state, state.fence, there, rows), _moment(state.fence.at)
            version = state.newest.version if state.newest is not None else ""
            found.append(Archive(generation, state.fence.swap, at, size_of(generation.path), reason, version))
    return tuple(sorted(found, key=lambda archive: (archive.swap, archive.generation.number), reverse=True))


def _history(target: Target, path: Path) -> tuple[HistoryRow, ...]:
    """The history in a file; empty if it has none or cannot be read."""
    try:
        with closing(target.opener.read_parsed(path)) as connection:
            return history_table.read(connection)
    except (SchemasyncError, sqlite3.Error):
        return ()


def _reason(
    state: GenerationState, closed: Fence, there: Sequence[Generation], rows: Sequence[HistoryRow]
) -> Reason | None:
    """Return why an archive stays until a person decides otherwise, None if it need not. `closed`: its fence, `there`:
    all generations, `rows`: the history of the live file, or of a plain one at the path.

    Only the file that its own fence names was built from all its rows: a copy of another installation has other rows
    under the same names.
    """
    generation = state.generation
    if state.newest is None or state.newest.identity not in {row.identity for row in rows}:
        return Reason.NOT_IN_HISTORY
    if generation.name in left_by_switch(rows):
        return Reason.LEFT_BY_SWITCH
    lineage = Lineage(rows)
    heirs = {lineage.heir(generation.name, other.name) for other in there}
    lives_on = closed.swap != NO_SWAP and closed.successor in heirs
    return None if lives_on else Reason.SET_ASIDE


def automatic(target: Target) -> Pruned:
    """After a sync, under its lock: keep as many archives as the setting KEEP says, and in addition those that only a
    person may remove."""
    return _remove(target, choose(archives(target), target.keep, None))


def prune(
    target: Target,
    keep: int | None,
    older_than: timedelta | None,
    *,
    dry_run: bool,
    expected: Collection[str] | None = None,
    reasons: Collection[Reason] = (),
) -> Pruned:
    """Remove archives beyond the `keep` newest, or those superseded longer ago than `older_than`; with both options,
    those that meet both. `expected`: the names that were shown; raises Refused if others would be removed. `reasons`:
    also remove archives that would stay for one of these.

    Raises Refused if there can be no archive: there is no database, or it was never adopted.
    """
    if target.layout.path_kind() in (PathKind.NOTHING, PathKind.PLAIN) and not target.layout.generations():
        raise live_database.no_history(target.layout)
    if dry_run or not target.layout.folder.exists():
        return choose(archives(target), keep, older_than, reasons)
    with translated_errors(target.layout.link), interrupt.stoppable(), target.locked() as target:
        recover(target)
        chosen = choose(archives(target), keep, older_than, reasons)
        if expected is not None and set(expected) != {archive.generation.name for archive in chosen.gone}:
            raise Refused.of(
                Code.CHANGED_DURING_RUN,
                "the archives have changed: others would be removed than were shown",
                "Check again.",
            )
        return _remove(target, chosen)


def choose(
    found: tuple[Archive, ...], keep: int | None, older_than: timedelta | None, reasons: Collection[Reason] = ()
) -> Pruned:
    """Decide which archives to remove; the newest one always stays, because a rollback needs it. `reasons`: also choose
    archives that would stay for one of these."""
    now = datetime.now(UTC)
    keep = max(1, keep if keep is not None else 1)
    reserved = tuple(a for a in found if a.reason is not None and a.reason not in reasons)
    by_use = sorted(found, key=lambda a: a.reason is Reason.NOT_IN_HISTORY)  # no rollback leads to these
    usable = [a for a in by_use if a not in reserved or (a.reason is Reason.SET_ASIDE and a.swap != NO_SWAP)]
    rest = [a for a in usable[keep:] if a not in reserved]
    candidates = [a for a in rest if older_than is None or (a.at is not None and now - a.at > older_than)]
    young = tuple(a for a in candidates if a.at is not None and now - a.at < GRACE)
    gone = tuple(a for a in candidates if a not in young)
    kept = tuple(a for a in found if a not in gone and a not in young and a not in reserved)
    return Pruned(gone, kept, young, reserved)


def _remove(target: Target, chosen: Pruned) -> Pruned:
    for archive in chosen.gone:
        path = archive.generation.path
        target.check_sole()
        target.disk.remove_folder(DiskStep.PRUNE_REMOVE, target.layout.replication_state(path))
        listed = target.layout.changed_values(archive.generation)
        target.disk.remove(DiskStep.PRUNE_REMOVE, (path, *side_files(path), listed))
    return chosen


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def pruned(target: Target) -> Iterator[str]:
    """Remove old archives, and yield notes. An error is a note, too, because the sync itself is done."""
    try:
        done = automatic(target)
        for archive in done.gone:
            yield f"removed the archive {archive.generation.name}, as {target.keep} newer ones stay"
        for archive in done.reserved:
            if archive.reason is not Reason.LEFT_BY_SWITCH:
                yield (
                    f"{archive.generation.name} stays: it may have rows that the live file has not; when they are not "
                    "needed: manage.py schemasync prune --set-aside"
                )
    except (OSError, sqlite3.Error, SchemasyncError) as error:
        yield f"old archives were kept: {error}"
