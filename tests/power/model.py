"""A disk that may forget: its possible states after a power loss, by the guarantees of fsync alone.

A change of a file is durable after an fsync of the file that began later, and a name after an fsync of its folder that
began later. Each other change may be there or not, independently. A file system with a journal guarantees more.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from .calls import (
    Call,
    Copied,
    Folder,
    Linked,
    Made,
    Pointed,
    Removed,
    Renamed,
    Resized,
    Said,
    Synced,
    Written,
)

ROOT = 0
Names = dict[str, int]
"""The content of a folder: name -> number of a file, a folder or a link."""


@dataclass(frozen=True, slots=True)
class OfFile:
    """A change of a file: the bytes `data` at the offset `at`, or without `data` the new length `at`."""

    ended: int
    node: int
    at: int
    data: bytes | None = None

    def apply(self, content: bytes) -> bytes:
        """Return the content with this change."""
        if self.data is None:
            return content[: self.at].ljust(self.at, b"\0")
        return content[: self.at].ljust(self.at, b"\0") + self.data + content[self.at + len(self.data) :]


@dataclass(frozen=True, slots=True)
class OfNames:
    """A change of names as one unit: items of (folder, name, number of its new file or None).

    It is durable when each of `folders` has been synced.
    """

    ended: int
    names: tuple[tuple[int, str, int | None], ...]
    folders: frozenset[int]


Pending = OfFile | OfNames


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a disk by number: contents of files, names in folders, targets of links."""

    files: dict[int, bytes]
    folders: dict[int, Names]
    links: dict[int, str]

    def copied(self) -> Content:
        """Return a copy whose parts may be replaced."""
        return Content(dict(self.files), {node: dict(names) for node, names in self.folders.items()}, dict(self.links))

    def apply(self, change: Pending) -> None:
        """Make this change."""
        match change:
            case OfFile(node=node):
                self.files[node] = change.apply(self.files.get(node, b""))
            case OfNames(names=names):
                for folder, name, node in names:
                    if node is None:
                        self.folders.setdefault(folder, {}).pop(name, None)
                    else:
                        self.folders.setdefault(folder, {})[name] = node

    def walk(self, folder: int = ROOT, at: str = "") -> Iterator[tuple[str, int]]:
        """Yield every path with its number, and a folder before its content."""
        for name, node in sorted(self.folders.get(folder, {}).items()):
            yield f"{at}{name}", node
            if node in self.folders:
                yield from self.walk(node, f"{at}{name}/")


@dataclass(frozen=True, slots=True)
class Epoch:
    """The time between two moments at which something became durable.

    `durable` is certainly on the disk; any of `pending` may be. `said`: the lines that the run had written by the end.
    """

    durable: Content
    pending: tuple[Pending, ...]
    said: tuple[str, ...]

    def state(self, kept: Iterable[int]) -> Content:
        """Return the content of the disk if the pending changes with these numbers are on it."""
        content = self.durable.copied()
        for number in sorted(kept):
            content.apply(self.pending[number])
        return content

    def choices(self, chance: random.Random, more: int) -> Iterator[tuple[int, ...]]:
        """Yield choices of pending changes: none, each one alone, all, and `more` random ones."""
        numbers = range(len(self.pending))
        yield ()
        yield from ((number,) for number in numbers)
        yield tuple(numbers)
        for _ in range(more if len(numbers) > 2 else 0):
            share = chance.choice((0.1, 0.5, 0.9))
            yield tuple(number for number in numbers if chance.random() < share)


@dataclass
class Disk:
    """A disk that follows a recording. `now` is the content that programs see, `durable` what a power loss leaves."""

    now: Content = field(default_factory=lambda: Content({}, {ROOT: {}}, {}))
    durable: Content = field(default_factory=lambda: Content({}, {ROOT: {}}, {}))
    pending: list[Pending] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    gone: Names = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    last: int = ROOT

    def hold(self, folder: Path) -> None:
        """Take over the content of a folder as durable."""
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_symlink():
                self._name(0, name, self._link(str(path.readlink())))
            elif path.is_dir():
                self._name(0, name, self._folder())
            else:
                node = self._file()
                self._name(0, name, node)
                self.pending.append(OfFile(0, node, 0, path.read_bytes()))
                self.now.apply(self.pending[-1])
        self._settle(*self._sync(Synced(None), 1))

    def epochs(self, calls: Iterable[Call]) -> Iterator[Epoch]:
        """Follow the recording, and yield each epoch at its end."""
        for call in calls:
            if isinstance(call.change, Synced):
                found, left = self._sync(call.change, call.begun)
                if found:
                    yield self._epoch()
                self._settle(found, left)
            else:
                self._follow(call)
        yield self._epoch()

    # --- changes --------------------------------------------------------------------------------------------------

    def _follow(self, call: Call) -> None:
        change, ended = call.change, call.ended
        match change:
            case Said(text):
                self.said.append(text)
            case Made(path, is_emptied):
                if (node := self._find(path)) is None:
                    self._name(ended, path, self._file())
                elif is_emptied:
                    self._change(OfFile(ended, node, 0))
                    self.ends[node] = 0
            case Written(path, offset, data):
                self._write(ended, path, offset, data)
            case Copied(source, path, start, offset, length):
                data, begin = self.now.files[self._known(source)], start
                if begin is None:
                    begin = self.ends.get(-self._known(source), 0)
                    self.ends[-self._known(source)] = begin + (length or 0)
                self._write(ended, path, offset, data[begin : None if length is None else begin + length])
            case Resized(path, size, is_least):
                node = self._known(path)
                if not is_least or size > len(self.now.files[node]):
                    self._change(OfFile(ended, node, size))
            case Renamed(old, new, is_exchange):
                self._rename(ended, old, new, is_exchange)
            case Linked(old, new):
                self._name(ended, new, self._known(old))
            case Pointed(path, target):
                self._name(ended, path, self._link(target))
            case Folder(path):
                self._name(ended, path, self._folder())
            case Removed(path):
                self.gone[path] = self._known(path)
                self._name(ended, path, None)
            case Synced():
                raise AssertionError(change)

    def _write(self, ended: int, path: str, offset: int | None, data: bytes) -> None:
        node = self._known(path)
        at = self.ends.get(node, 0) if offset is None else offset
        if offset is None:
            self.ends[node] = at + len(data)
        self._change(OfFile(ended, node, at, data))

    def _rename(self, ended: int, old: str, new: str, is_exchange: bool) -> None:
        (first, first_name), (second, second_name) = self._place(old), self._place(new)
        moved, replaced = self._known(old), self._find(new)
        back = replaced if is_exchange else None
        names = ((first, first_name, back), (second, second_name, moved))
        self._change(OfNames(ended, names, frozenset({first, second})))

    def _name(self, ended: int, path: str, node: int | None) -> None:
        folder, name = self._place(path)
        self._change(OfNames(ended, ((folder, name, node),), frozenset({folder})))

    def _change(self, change: Pending) -> None:
        self.pending.append(change)
        self.now.apply(change)

    # --- files, folders and links ---------------------------------------------------------------------------------

    def _file(self) -> int:
        self.last += 1
        self.now.files[self.last] = self.durable.files[self.last] = b""
        return self.last

    def _folder(self) -> int:
        self.last += 1
        self.now.folders[self.last], self.durable.folders[self.last] = {}, {}
        return self.last

    def _link(self, target: str) -> int:
        self.last += 1
        self.now.links[self.last] = self.durable.links[self.last] = target
        return self.last

    def _place(self, path: str) -> tuple[int, str]:
        *folders, name = PurePosixPath(path).parts
        at = ROOT
        for folder in folders:
            at = self.now.folders[at][folder]
        return at, name

    def _find(self, path: str) -> int | None:
        if not path:
            return ROOT
        if path.endswith("(deleted)"):
            name = path.removesuffix("(deleted)")
            return (
                self.gone[name] if name in self.gone else self.gone.setdefault(name, self._file())
            )  # a file that never had a name
        folder, name = self._place(path)
        return self.now.folders[folder].get(name)

    def _known(self, path: str) -> int:
        node = self._find(path)
        assert node is not None, f"the recording changes {path}, which it has not made"
        return node

    # --- durable changes ------------------------------------------------------------------------------------------

    def _sync(self, sync: Synced, begun: int) -> tuple[list[Pending], list[Pending]]:
        """Return the changes that become durable, and those that are still pending."""
        found: list[Pending] = []
        left: list[Pending] = []
        node = None if sync.path is None else self._find(sync.path)
        for change in self.pending:
            if change.ended >= begun:
                left.append(change)
            elif sync.path is None or (isinstance(change, OfFile) and change.node == node):
                found.append(change)
            elif isinstance(change, OfNames) and node in change.folders:
                rest = change.folders - {node}
                (left if rest else found).append(replace(change, folders=rest))
            else:
                left.append(change)
        return found, left

    def _settle(self, found: list[Pending], left: list[Pending]) -> None:
        for change in found:
            self.durable.apply(change)
        self.pending = left

    def _epoch(self) -> Epoch:
        return Epoch(self.durable.copied(), tuple(self.pending), tuple(self.said))
