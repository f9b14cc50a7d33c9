"""Errors for a database path that does not have the result of the last swap."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import closing

from ..engines.sqlite import history_table
from ..engines.sqlite.connection import Opener
from ..engines.sqlite.fence import NO_SWAP, Fence
from ..engines.sqlite.objects import OWN_PREFIX
from ..errors import Code, NeedsPerson
from ..files.layout import Generation, Layout, PathKind, size_of
from ..history.action import HistoryAction
from .run.generation_state import state_of


def check_last(layout: Layout, opener: Opener, live: Fence) -> None:
    """Raise NeedsPerson for a file that an earlier swap than the last one closed: to go on to its successor would lose
    the writes since. Swap numbers rise, so an interrupted swap has the highest one."""
    own = layout.live()
    _check_moved(layout, opener, live)
    fences = {g.name: _fence(opener, g) for g in layout.finished() if own is None or g.name != own.name}
    newer = {name: closed for name, closed in fences.items() if closed is not None and closed.swap >= live.swap}
    if not newer and (own is None or live.successor != own.name):
        return
    known = ", ".join(f"{name} (swap {closed.swap})" for name, closed in newer.items()) or live.successor
    raise NeedsPerson.of(
        Code.STATE_UNKNOWN,
        f"{layout.link} was closed by swap {live.swap}, which is not the last one: {known}. "
        "It is a copy of an archive, or an older state that somebody restored",
        _hint(layout, fences),
        swap=live.swap,
        found=sorted(g.name for g in layout.finished()),
    )


def _check_moved(layout: Layout, opener: Opener, closed: Fence) -> None:
    """Raise NeedsPerson for an archive that was moved out of the folder over the link. Only an adoption closes a plain
    file that has a history, and its successor says so."""
    if layout.path_kind() is not PathKind.PLAIN or size_of(layout.link) == 0:
        return
    with closing(opener.read_parsed(layout.link)) as connection:
        newest = history_table.newest(connection)
    successor = layout.generation(closed.successor)
    if newest is None or successor is None or not successor.path.exists():
        return
    if newest.generation in {generation.name for generation in layout.finished()}:
        return  # a copy: its fence is that of another file, too
    heir = state_of(opener, successor).newest
    if heir is None or heir.action == HistoryAction.ADOPT:
        return
    link, target = shlex.quote(str(layout.link)), shlex.quote(f"{layout.folder.name}/{successor.name}.sqlite3")
    back = shlex.quote(str(layout.folder / f"{newest.generation}.sqlite3"))
    raise NeedsPerson.of(
        Code.STATE_UNKNOWN,
        f"{layout.link} is the archive {newest.generation}, which was moved there from {layout.folder}",
        f"To move it back, and to go on with {successor.name}: mv -n {link} {back} && ln -s {target} {link}\n"
        f"To go back to its rows after that: manage.py schemasync rollback {newest.generation}",
        found=sorted(g.name for g in layout.finished()),
    )


def dangling(layout: Layout) -> NeedsPerson:
    """Return the error for a link to a generation whose file is missing."""
    live = layout.live()
    archives = layout.finished()
    others = ", ".join(g.path.name for g in layout.generations()) or "none"
    named = live.path.name if live else "?"
    hint = "Restore the file from your backup."
    if archives:
        hint += f" Without one, adopt an archive, this one or another:\n{_anew(layout, archives[-1])}"
    return NeedsPerson.of(
        Code.GENERATION_MISSING,
        f"{layout.link} names {named}, which is not in {layout.folder}; found there: {others}",
        hint,
        found=others,
    )


def _fence(opener: Opener, generation: Generation) -> Fence | None:
    """Return the fence of a file, None if it is open. A file that cannot be read, or was never live, has one without a
    swap number."""
    state = state_of(opener, generation)
    was_never_live = state.marked or (state.fence is None and not state.readable)
    return Fence(NO_SWAP, "", "") if was_never_live else state.fence


def _hint(layout: Layout, fences: Mapping[str, Fence | None]) -> str:
    link, folder = shlex.quote(str(layout.link)), layout.folder
    keep = f"Keep a copy of {layout.link} and of {folder} first."
    opened = [name for name, closed in fences.items() if closed is None]
    if len(opened) == 1:
        aside = shlex.quote(f"{layout.link}.aside")
        target = shlex.quote(f"{folder.name}/{opened[0]}.sqlite3")
        away = f"mv {link} {aside} && " if layout.path_kind() is PathKind.PLAIN else f"rm {link} && "
        return (
            f"{keep} {opened[0]} is open to writers, so it was live until then. To go on with it:\n"
            f"{away}ln -s {target} {link}\n"
            "To go back to an older generation from there: manage.py schemasync rollback GENERATION"
        )
    live = layout.live()
    if live is not None and layout.path_kind() is PathKind.GENERATION:
        return (
            f"{keep} Then restore {live.path.name} from your backup. Without one, to go on with its present content:\n"
            f"{_anew(layout, live)}"
        )
    return f"{keep} Check all of them before you point the link at one."


def _anew(layout: Layout, archive: Generation) -> str:
    """Return the commands that make an archive a plain file, without its fence, and adopt it."""
    link, aside = shlex.quote(str(layout.link)), layout.folder.with_suffix(".lost")
    backup = shlex.quote(f".backup '{layout.link}'")
    fence_of = "SELECT 'DROP '||type||' '||name||';' FROM sqlite_schema"
    fence_of += f" WHERE name LIKE '{OWN_PREFIX.replace('_', chr(92) + '_')}%' ESCAPE '{chr(92)}' ORDER BY type DESC"
    return (
        f"mv {shlex.quote(str(layout.folder))} {shlex.quote(str(aside))} && rm {link}\n"
        f"sqlite3 {shlex.quote(str(aside / archive.path.name))} {backup}\n"
        f'sqlite3 {link} "{fence_of}" | sqlite3 {link}\n'
        "manage.py schemasync adopt"
    )
