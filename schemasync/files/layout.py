"""The paths of a database: the link, its folder, and the meaning of the names in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_NAME = re.compile(r"(?P<number>[0-9]{4,})-(?P<short>[0-9a-f]{12})\.sqlite3(?P<building>\.building)?")
BUILDING = ".building"
OWN_SUFFIX = "-schemasync"  # names beside the link, during a swap
PLAIN = "plain"  # the successor in a fence if the database becomes a plain file again


class PathKind(Enum):
    """The kind of object at the path that applications open."""

    NOTHING = "nothing"
    PLAIN = "a plain file"
    GENERATION = "a link to a generation"
    DANGLING = "a link to a generation that is gone"
    FOREIGN = "a link to something else"
    OTHER = "neither a file nor a link"


@dataclass(frozen=True, slots=True)
class Generation:
    """A file in the generations folder; `building` is true for one under construction, by its name."""

    number: int
    short: str
    path: Path
    building: bool = False

    @property
    def name(self) -> str:
        """`0002-3f2a9c1b6d2e`, as in messages, the history and fences."""
        return f"{self.number:04d}-{self.short}"


@dataclass(frozen=True, slots=True)
class Layout:
    """All paths of one database; `link` is the path that applications open."""

    link: Path

    @property
    def folder(self) -> Path:
        return self.link.with_name(self.link.name + ".generations")

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def signals_lock(self) -> Path:
        """The path of the lock that a process holds while it sends `post_migrate`."""
        return self.folder / "signals.lock"

    @property
    def replication_lock(self) -> Path:
        """The path of the lock that a process holds while it reports the live file to a replication tool."""
        return self.folder / "replication.lock"

    def replication_state(self, path: Path) -> Path:
        """The folder that Litestream keeps beside a file that it replicates."""
        return path.with_name(f".{path.name}-litestream")

    def changed_values(self, generation: Generation) -> Path:
        """Return the path of the list of values that the move of a generation to another engine has changed."""
        return self.folder / f"{generation.name}.changed-values.jsonl"

    @property
    def backups(self) -> Path:
        """The folder for backups, unless STORAGES names another place."""
        return self.link.with_name(f"{self.link.name}.backups")

    @property
    def metrics(self) -> Path:
        """The file in which the backend adds up its measurements."""
        return self.folder / "metrics.sqlite3"

    @property
    def plain(self) -> Path:
        """The path of the plain file that `eject` makes, until it replaces the link."""
        return self.link.with_name(f"{self.link.name}{OWN_SUFFIX}-{PLAIN}")

    def next_link(self, over: Inode | None = None) -> Path:
        """Return the path that a new link has until it replaces the object at `link`, which then has this path.

        It is in the same folder, so that only the two names decide whether the replacement works. `over`: the plain
        file that it replaces. The name identifies that file, so that recovery can distinguish it from another program's
        file.
        """
        suffix = "" if over is None else f"-{over[1]}"
        return self.link.with_name(f"{self.link.name}{OWN_SUFFIX}-link{suffix}")

    def next_links(self) -> tuple[Path, ...]:
        """Return objects at the names of `next_link`, left by a run that died.

        In a folder that is writable but cannot be listed (`chmod 300`), only the names that the next run would use are
        checked.
        """
        start = self.next_link().name
        try:
            return tuple(sorted(path for path in self.link.parent.iterdir() if path.name.startswith(start)))
        except PermissionError:
            names = (self.next_link(), self.next_link(inode_of(self.link)))
            return tuple(path for path in dict.fromkeys(names) if os.path.lexists(path))

    def path_kind(self) -> PathKind:
        """The kind of object at the link's path now."""
        if self.link.is_symlink():
            generation = self.live()
            if generation is None:
                return PathKind.FOREIGN
            return PathKind.GENERATION if generation.path.is_file() else PathKind.DANGLING
        if self.link.is_file():
            return PathKind.PLAIN
        return PathKind.OTHER if self.link.exists() else PathKind.NOTHING

    def live(self) -> Generation | None:
        """The finished generation that the link names, whether or not its file exists; None for anything else."""
        return self.named_by(self.link)

    def named_by(self, link: Path) -> Generation | None:
        """The finished generation that a link in the folder of the path names; None for anything else."""
        try:
            target = link.readlink()
        except OSError:
            return None
        if not target.is_absolute():
            target = self.link.parent / target
        if target.parent != self.folder and target.parent.resolve() != self.folder.resolve():
            return None
        generation = self.parse(target.name)
        return None if generation is None or generation.building else generation

    def target(self, generation: Generation) -> str:
        """The target of the link: relative, so that the folder can be moved and mounted elsewhere."""
        return f"{self.folder.name}/{generation.path.name}"

    def parse(self, name: str) -> Generation | None:
        """The generation of a file name, None for a name of another pattern."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        building = match["building"] is not None
        return Generation(int(match["number"]), match["short"], self.folder / name, building)

    def generation(self, name: str) -> Generation | None:
        """The generation of that name (`0002-3f2a9c1b6d2e`), whether or not its file exists."""
        return self.parse(f"{name}.sqlite3")

    def generations(self) -> tuple[Generation, ...]:
        """All files of the folder that are generations, finished or not, by number."""
        found = [generation for name in self._names() if (generation := self.parse(name)) is not None]
        return tuple(sorted(found, key=lambda generation: (generation.number, generation.building)))

    def under_construction(self, sides: tuple[str, ...]) -> tuple[Path, ...]:
        """Return the files under construction, also those of which only a side file exists: a power loss may keep one
        name and not the other. `sides`: the ends of their names."""
        starts = {name.removesuffix(side) for name in self._names() for side in ("", *sides)}
        found = [g for name in sorted(starts) if (g := self.parse(name)) is not None and g.building]
        return tuple(g.path for g in found)

    def _names(self) -> list[str]:
        try:
            return [entry.name for entry in self.folder.iterdir()]
        except FileNotFoundError:
            return []

    def finished(self) -> tuple[Generation, ...]:
        """The finished generations by number, each file once."""
        aliases = set(self.aliases())
        return tuple(g for g in self.generations() if not g.building and g not in aliases)

    def aliases(self) -> tuple[Generation, ...]:
        """Return additional names of generations: symbolic or hard links to a file that already has a name.

        Any change to such a name is a change to the file. Of several names, the one that the link at the path has
        counts, otherwise the first that is not a symbolic link.
        """
        live, seen, found = self.live(), set[Inode](), []
        names = [g for g in self.generations() if not g.building]
        for one in sorted(names, key=lambda g: (g != live, g.path.is_symlink(), g.number)):
            inode = inode_of(one.path)
            if inode in seen:
                found.append(one)
            elif inode is not None:
                seen.add(inode)
        return tuple(found)

    def next(self, short: str, used: Iterable[str] = ()) -> Generation:
        """A generation with a name that was never used: higher than all files, and than all `used` names."""
        numbers = [generation.number for generation in self.generations()]
        numbers += [generation.number for name in used if (generation := self.generation(name)) is not None]
        number = 1 + max(numbers, default=0)
        return Generation(number, short, self.folder / f"{number:04d}-{short}.sqlite3")

    def building(self, generation: Generation) -> Path:
        """The path of a generation while it is built."""
        return generation.path.with_name(generation.path.name + BUILDING)


Inode = tuple[int, int]
"""Device and inode number: the identity of a file, whatever its name."""


def inode_of(path: Path) -> Inode | None:
    """The identity of the file that `path` opens now; None without one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def size_of(path: Path) -> int:
    """Bytes of a file, 0 if it is missing."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
