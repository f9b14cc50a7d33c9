"""Reports whether an application can use its database now, and which problems a person should fix while it can.

Cheap enough for a call every few seconds: it reads the schema and the newest history row of the live file, writes
nothing, and takes no lock that a writer waits for.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from ..engines.sqlite.capture import changelog
from ..errors import Code, Problem, SchemasyncError
from ..files.layout import PathKind
from ..files.lock import is_held
from ..history.row import HistoryRow
from .live_problems import copied_into, is_being_finished, put_over_the_link, restored_in_place
from .run import live_database
from .run.error_translation import of_disk, translated_errors
from .run.live_database import LiveDatabase
from .run.target import Target

RESERVE = 16 * 1024 * 1024  # bytes: four times the write-ahead log that SQLite lets grow before a checkpoint
LOOKS = 2  # files of a run at work are no leftovers, and a run may end between the look at the files and at its lock


@dataclass(frozen=True, slots=True)
class Health:
    """`unusable`: why the application cannot use its database. `attention`: what a person should see to, while it
    can. `live`: the newest history row of the live generation; None without one. `free`: bytes of the disk."""

    unusable: tuple[Problem, ...]
    attention: tuple[Problem, ...]
    live: HistoryRow | None
    free: int

    def but(self, found: Iterable[Problem]) -> Health:
        """Return a copy with these problems added to `attention`."""
        return replace(self, attention=(*self.attention, *found))


def health(target: Target) -> Health:
    """Look at the database. Raises nothing for one with problems."""
    live, unusable, attention = None, list[Problem](), list[Problem]()
    try:
        with (
            translated_errors(target.layout.link),
            live_database.read(target.layout, target.opener, whole=False) as now,
        ):
            if now is None:
                unusable.append(_nothing(target))
            else:
                live = now.newest if now.generation is not None else None
                attention += [*put_over_the_link(target, now), *restored_in_place(target, now)]
                attention += [*_read_only(target, now), *_left_behind(target, now)]
    except SchemasyncError as error:
        problems = copied_into(target) or list(error.problems)
        if not (is_being_finished(problems) and is_held(target.layout.lock)):
            unusable += problems
    try:
        free = free_disk(target)
    except OSError as error:
        return Health(tuple(unusable or of_disk(error, target.layout.link).problems), tuple(attention), live, 0)
    return Health(tuple(unusable), (*attention, *_disk(target, free)), live, free)


def free_disk(target: Target) -> int:
    """Bytes that are free on the disk of the generations."""
    folder = target.layout.folder if target.layout.folder.exists() else target.layout.link.parent
    return shutil.disk_usage(folder).free


def _nothing(target: Target) -> Problem:
    hint = "To create it: manage.py schemasync"
    return Problem(Code.NO_DATABASE, f"there is no database at {target.layout.link}", hint)


def _disk(target: Target, free: int) -> list[Problem]:
    least = target.requirements.disk_left or RESERVE
    if free >= least:
        return []
    message = f"{free:,} bytes of the disk are free, and {least:,} are to stay free"
    hint = "Free space, for example: manage.py schemasync prune --keep 1"
    return [Problem(Code.DISK_LOW, message, hint, {"free": free, "least": least})]


def _read_only(target: Target, now: LiveDatabase) -> list[Problem]:
    """Return a problem if this process may not write the live file. A monitor that runs as another user than the site
    checks only its own permissions."""
    if target.opener.is_writable(now.path):
        return []
    message = f"this user may not write {now.path}, or create files beside it: reads work, and every write fails"
    hint = f"The user of the site has to be able to write to {now.path.parent} and its content."
    return [Problem(Code.PERMISSION, message, hint, {"path": str(now.path)})]


def _left_behind(target: Target, now: LiveDatabase) -> list[Problem]:
    """Return a problem that names the leftovers of a dead run, which the next command that writes finishes or removes;
    empty while a run holds the lock."""
    found = list[str]()
    for _ in range(LOOKS):
        found = _leftovers(target, now)
        if not found or is_held(target.layout.lock):
            return []
    message = f"a run that died has left {', '.join(found)}"
    hint = "The next command that writes removes it: manage.py schemasync"
    return [Problem(Code.RECOVERY_WAITING, message, hint, {"found": found})]


def _leftovers(target: Target, now: LiveDatabase) -> list[str]:
    layout = target.layout
    found = [g.path.name for g in layout.generations() if g.building]
    with suppress(OSError):
        found += [path.name for path in layout.next_links()]
    if layout.path_kind() is PathKind.GENERATION and (layout.plain.exists() or layout.plain.is_symlink()):
        found.append(layout.plain.name)
    if now.generation is not None and changelog.removal(now.connection):
        found.append(f"its change log in {now.generation.name}")
    return found
