"""Recovery: reads the state after a crash from the files, and reaches the one consistent state from there.

The link, the fences with their swap numbers, and the marks define the state; docs/design/recovery.md has the table.
Runs under the run lock, so a file under construction belongs to no living process.
"""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from ..engines.sqlite import fence, history_table
from ..engines.sqlite.capture import changelog
from ..engines.sqlite.checkpoint import checkpoint, durably
from ..engines.sqlite.connection import SIDE_SUFFIXES, side_files, to_wal
from ..engines.sqlite.fence import NO_SWAP, Fence
from ..errors import Code, NeedsPerson, Refused, SchemasyncError
from ..files import scratch
from ..files.disk import DiskStep
from ..files.layout import PLAIN, Generation, PathKind, inode_of, size_of
from ..history.action import HistoryAction
from ..history.in_place import restored_in_place
from ..history.row import HistoryRow
from ..history.rows import left_json
from ..schema.text import dumps
from . import misplaced
from .live_problems import is_being_finished
from .phases import cutover, postpone
from .phases.capture import remove
from .phases.write_lock import LinkState
from .run import interrupt, live_database
from .run.error_translation import translated_errors
from .run.generation_state import GenerationState, state_of
from .run.target import Target


def recover(target: Target) -> tuple[str, ...]:
    """Finish or undo the work of a dead run, and return a line for each action, except the removal of scratch files and
    unfinished links. Does nothing at a path that is not ours. Raises NeedsPerson if only a person can decide, or
    another SchemasyncError, such as Busy; the next run goes on from there."""
    done = _recovered(target)
    target.replicate()
    return done


def _recovered(target: Target) -> tuple[str, ...]:
    at = target.layout.path_kind()
    if at in (PathKind.FOREIGN, PathKind.OTHER):
        return ()  # left alone; the next read reports it
    postpone.clear(target)
    scratch.remove_dead(target.layout.folder, scratch.BACKUP)
    scratch.remove_dead(target.layout.link.parent, scratch.work_prefix(target.layout.link, scratch.BACKUP))
    _name_aliases(target)
    done = [*_remove_unnamed(target), *_clear_next_links(target)]
    files = {g.name: state_of(target.opener, g) for g in target.layout.finished()}
    if at is PathKind.NOTHING:
        done += _relink(target, files)
    elif at is PathKind.DANGLING:
        raise misplaced.dangling(target.layout)
    live = _live_fence(target)
    done += _remove_marked(target, files, live)
    if live is not None and live.moved_to is not None:
        return _reported(target, done)  # nothing of the closed file is to be finished
    if live is not None and live.successor == PLAIN:
        return _reported(target, [*done, *_out(target, files, live)])
    done += _remove_copy(target)
    if live is not None:
        done += _forward(target, files, live)
    if target.layout.path_kind() is PathKind.GENERATION:
        done += _clear(target)
        done += _release(target)
        done += _record_restore(target)
        done += _close_archives(target, files)
    return _reported(target, done)


def finish_swap(target: Target) -> tuple[str, ...]:
    """Finish an interrupted swap, if there is one, and return the lines of recover(). For commands that recover before
    they read their input, such as a schema.json that an adoption has yet to write."""
    try:
        with translated_errors(target.layout.link), live_database.read(target.layout, target.opener, whole=False):
            return ()
    except SchemasyncError as error:
        if not is_being_finished(error.problems):
            return ()  # the caller reports it
    with translated_errors(target.layout.link), interrupt.stoppable(), target.locked() as target:
        return recover(target)


def close_archives(target: Target) -> None:
    """Close the archives that are open to writers, as recover() does: after an adoption, the generation that was live
    before."""
    files = {g.name: state_of(target.opener, g) for g in target.layout.finished()}
    _reported(target, _close_archives(target, files))


def _reported(target: Target, done: list[str]) -> tuple[str, ...]:
    for line in done:
        target.progress.note(line)
    return tuple(done)


def _remove_unnamed(target: Target) -> list[str]:
    """Remove files that never got their final name, whatever they hold."""
    return [_remove(target, path) for path in target.layout.under_construction(SIDE_SUFFIXES)]


def _name_aliases(target: Target) -> None:
    """Report links in the folder that name other generations. They are ignored and stay: an operation on such a link
    would act on its file."""
    for alias in target.layout.aliases():
        command = f"rm {shlex.quote(str(alias.path))}"
        target.progress.note(f"{alias.path.name} is a link to another generation, and is ignored; remove it: {command}")


def _clear_next_links(target: Target) -> list[str]:
    """Remove the object that a run left at the name of its new link: that link, or the plain file that it replaced.
    Keep any other object there under a new name."""
    return [line for path in target.layout.next_links() if (line := _clear_next_link(target, path))]


def _clear_next_link(target: Target, path: Path) -> str:
    layout = target.layout
    is_original = (inode := inode_of(path)) is not None and path == layout.next_link(inode)
    if path.is_symlink() or (is_original and layout.path_kind() is PathKind.GENERATION):
        target.check_sole()
        target.disk.remove(DiskStep.RECOVER_REMOVE, (path,))
        return "" if not is_original else f"removed {path.name}, the plain file whose copy is live"
    sides = zip(side_files(layout.link), SIDE_SUFFIXES, strict=True) if layout.link.is_symlink() else ()
    kept = target.disk.keep(DiskStep.RECOVER_KEEP, path, tuple(sides))
    return f"kept {kept}: it was at {layout.link} during an interrupted swap, and is not ours"


def _remove(target: Target, path: Path) -> str:
    target.check_sole()
    target.disk.remove(DiskStep.RECOVER_REMOVE, (path, *side_files(path)))
    return f"removed {path.name}, an unfinished build"


def _remove_copy(target: Target) -> list[str]:
    """Remove the plain file that an eject copied but never put in the place of the link, as no fence names it; or the
    link that such a file replaced."""
    is_left = target.layout.plain.is_symlink()  # the replaced link; otherwise it is a copy
    if (target.layout.path_kind() is not PathKind.GENERATION and not is_left) or not cutover.remove_plain(target):
        return []
    if is_left:
        return [f"removed {target.layout.plain.name}, the link that a plain file replaced"]
    return [f"removed {target.layout.plain.name}, a copy that never replaced the link"]


def _relink(target: Target, files: dict[str, GenerationState]) -> list[str]:
    """Make a missing link again, to the one generation that no fence closes; the link of a first one may not have been
    made yet. Raises NeedsPerson unless there is exactly one, and each other file can be read or has a fence."""
    if not files or all(f.marked for f in files.values()):
        return []
    candidates = [f for f in files.values() if f.readable and f.fence is None and not f.marked]
    if len(candidates) != 1 or not all(f.readable or f.fence is not None for f in files.values()):
        names = ", ".join(files)
        raise NeedsPerson.of(
            Code.STATE_UNKNOWN,
            f"{target.layout.link} is missing, and it is not known which of {names} was live",
            f"Point it at the right one: ln -s {target.layout.folder.name}/NAME.sqlite3 {target.layout.link}\n"
            f"To start with an empty database, move {target.layout.folder} away.",
            found=sorted(files),
        )
    cutover.point(target, candidates[0].generation)
    return [f"{target.layout.link.name} was missing: it names {candidates[0].generation.name} again"]


def _live_fence(target: Target) -> Fence | None:
    at = target.layout.path_kind()
    if at not in (PathKind.PLAIN, PathKind.GENERATION):
        return None
    live = target.layout.live()
    path = live.path if live is not None and at is PathKind.GENERATION else target.layout.link
    if at is PathKind.PLAIN and size_of(path) == 0:
        return None
    with closing(target.opener.read(path)) as connection:
        return fence.read_fence(connection)


def _remove_marked(target: Target, files: dict[str, GenerationState], live: Fence | None) -> list[str]:
    """Remove marked files that no fence names: they were never live. All fences count, as the link may be
    overwritten."""
    fences = [live, *(found.fence for found in files.values())]
    named = {closed.successor for closed in fences if closed is not None}
    litter = [name for name, found in files.items() if found.marked and name not in named]
    done = [_remove(target, files[name].generation.path) for name in litter]
    for name in litter:
        del files[name]
    return done


def _forward(target: Target, files: dict[str, GenerationState], live: Fence) -> list[str]:
    """Finish a swap whose fence is committed: open its successor and move the link. Raises NeedsPerson if the fence is
    not that of the last swap, or the successor is missing or damaged."""
    misplaced.check_last(target.layout, target.opener, live)
    successor = files.get(live.successor)
    if successor is not None and successor.trouble is not None and not successor.damaged:
        raise successor.trouble
    if successor is None or not successor.readable:
        why = "is not there" if successor is None else "cannot be read"
        raise _without_successor(target, files, live, why)
    _check_place(target, live)
    over = _place(target)
    if successor.marked:
        cutover.open_up(target, successor.generation)
    elif successor.fence is not None:
        _reopen(target, successor, live)
    if target.layout.path_kind() is PathKind.PLAIN:
        _checkpoint(target)
    cutover.point(target, successor.generation, over)
    files[live.successor] = replace(successor, fence=None, marked=False)
    return [f"finished an interrupted swap: {live.successor} is live"]


def _check_place(target: Target, live: Fence) -> None:
    try:
        cutover.check_place(target.layout)
    except Refused as refusal:
        (problem,) = refusal.problems
        raise NeedsPerson.of(
            problem.code,
            f"the swap to {live.successor} is committed, but {problem.message}. Until the link has moved, every "
            "write fails, and none is lost",
            problem.hint,
            generation=live.successor,
        ) from refusal


def _place(target: Target) -> LinkState:
    """Return the object at the path, which exists because its fence was read."""
    inode = inode_of(target.layout.link)
    assert inode is not None
    return LinkState(inode, is_plain=target.layout.path_kind() is PathKind.PLAIN)


def _out(target: Target, files: dict[str, GenerationState], live: Fence) -> list[str]:
    """Finish an eject whose fence is committed: the plain file replaces the link."""
    misplaced.check_last(target.layout, target.opener, live)
    if not target.layout.plain.exists():
        raise _without_successor(target, files, live, "is not there")
    _check_place(target, live)
    cutover.put_in_place(target, _place(target))
    return [f"finished an interrupted eject: {target.layout.link.name} is a plain file"]


def _without_successor(target: Target, files: dict[str, GenerationState], live: Fence, why: str) -> NeedsPerson:
    return NeedsPerson.of(
        Code.SUCCESSOR_MISSING,
        f"{target.layout.link} was superseded by {live.successor} at {live.at}, but that file {why}",
        f"Found in {target.layout.folder}: {', '.join(files) or 'nothing'}. Restore {live.successor}.sqlite3 from "
        "your backup and run again.",
        successor=live.successor,
        found=sorted(files),
    )


def _reopen(target: Target, successor: GenerationState, live: Fence) -> None:
    """Open the target of an interrupted rollback again, with the history of the closed file and a row for the
    rollback."""
    path = target.layout.live()
    with closing(target.opener.read(path.path if path else target.layout.link)) as connection:
        rows = history_table.read(connection)
    if successor.generation.name not in {row.generation for row in rows}:
        raise NeedsPerson.of(
            Code.STATE_UNKNOWN,
            f"{target.layout.link} was closed in favour of {successor.generation.name}, unknown to its history",
            f"Keep a copy of {target.layout.folder}, and check both before you point the link at one.",
            successor=successor.generation.name,
        )
    stamp = target.stamp
    merged = with_rollback(rows, successor.generation, live.at, stamp.actor, stamp.tool_version)
    with closing(target.opener.write(successor.generation.path, timeout=target.wait)) as connection:
        cutover.reopen(target, connection, merged)


def with_rollback(
    rows: tuple[HistoryRow, ...],
    generation: Generation,
    at: str,
    actor: str,
    tool_version: str,
    *,
    is_switch: bool = False,
) -> tuple[HistoryRow, ...]:
    """Return the live history and a row for the rollback, which repeats the last row of `generation`, with its
    hints."""
    origin = next(row for row in reversed(rows) if row.generation == generation.name)
    restored = replace(
        origin,
        id=rows[-1].id + 1,
        applied_at=at,
        action=HistoryAction.ROLLBACK,
        previous=rows[-1].generation,
        plan=dumps({**_of_file(origin), **(left_json(rows[-1].generation) if is_switch else {})}),
        rows=0,
        duration_ms=0,
        pause_ms=0,
        actor=actor,
        tool_version=tool_version,
    )
    return (*rows, restored)


def _of_file(row: HistoryRow) -> dict[str, object]:
    """Return the details that stay true of a generation each time it goes live: the models that own its tables, and the
    order of columns."""
    return {key: value for key, value in row.details.items() if key in ("models", "column_order") and value}


def _clear(target: Target) -> list[str]:
    """Remove the log that a plain file left at the path of the link: the log of a generation is in the folder."""
    if not cutover.clear(target, DiskStep.RECOVER_REMOVE):
        return []
    return [f"removed the log of the plain file that was at {target.layout.link.name}"]


def _release(target: Target) -> list[str]:
    """Remove the change log of a dead run, or its fence that closes nothing: they slow down writes."""
    live = target.layout.live()
    assert live is not None
    with closing(target.opener.read(live.path)) as connection:
        if not changelog.removal(connection):
            return []
    with translated_errors(live.path), closing(target.opener.write(live.path, timeout=target.wait)) as connection:
        remove(target, connection)
    return [f"removed the change log that a run left in {live.name}"]


def _record_restore(target: Target) -> list[str]:
    """Record a backup that was restored into the live file and brought its own history: append the row that names this
    generation."""
    live = target.layout.live()
    assert live is not None
    with closing(target.opener.read(live.path)) as connection:
        newest = history_table.newest(connection)
    if newest is None or newest.generation == live.name:
        return []
    with (
        translated_errors(live.path),
        target.disk.step(DiskStep.RECOVER_HISTORY),
        closing(target.opener.write(live.path, timeout=target.wait)) as connection,
    ):
        target.check_sole()
        to_wal(connection)  # a snapshot has a rollback journal
        with durably(connection):
            rows = history_table.read(connection)
            history_table.create(connection)
            history_table.append(connection, restored_in_place(rows, live.name, target.stamp))
    return [f"recorded that {live.name} holds a backup of {newest.generation}, which was restored into it"]


def _checkpoint(target: Target) -> None:
    """Checkpoint the log of a plain file before the link replaces it: afterwards the file has no name. A failure is
    ignored."""
    with (
        suppress(SchemasyncError, sqlite3.Error),
        closing(target.opener.write(target.layout.link, timeout=0)) as connection,
    ):
        checkpoint(connection)


def _close_archives(target: Target, files: dict[str, GenerationState]) -> list[str]:
    """Fence open archives again, as they would accept writes that nobody sees. Their fence has no swap number: they may
    have such writes, so a prune keeps them as set aside."""
    live = target.layout.live()
    done = []
    for name, found in files.items():
        if live is None or name == live.name or found.fence is not None or not found.readable:
            continue
        with (
            target.disk.step(DiskStep.RECOVER_FENCE),
            closing(target.opener.write(found.generation.path, timeout=target.wait)) as connection,
            durably(connection),
        ):
            fence.raise_fence(connection, Fence(NO_SWAP, live.name, ""))
        done.append(f"closed {name}, an archive that was open to writers")
    return done
