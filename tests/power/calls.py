"""Read the output of strace for a run as typed changes of one folder.

A call that another thread or process interrupts has two lines. It counts at its end, with the line of its beginning, as
an fsync covers only changes made before it began.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

NAMES = (
    "openat,open,creat,write,pwrite64,writev,pwritev,ftruncate,truncate,fallocate,fsync,fdatasync,sync,syncfs,rename,renameat,"
    "renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,mkdir,mkdirat,rmdir,copy_file_range,sendfile,ioctl"
)
"""The system calls to record."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was created, or that was emptied when it was opened."""

    path: str
    is_emptied: bool


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes written to a file. `offset` is None for bytes right after the previous ones."""

    path: str
    offset: int | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Copied:
    """Bytes copied by the kernel. `offset` is as in `Written`; `length` is None for the whole file."""

    source: str
    path: str
    start: int | None
    offset: int | None
    length: int | None


@dataclass(frozen=True, slots=True)
class Resized:
    """The new length of a file; one that `is_least` never becomes shorter."""

    path: str
    size: int
    is_least: bool = False


@dataclass(frozen=True, slots=True)
class Synced:
    """An fsync of a file or folder. Without a path, of everything."""

    path: str | None


@dataclass(frozen=True, slots=True)
class Renamed:
    """A renamed file or folder, or two names that are exchanged."""

    old: str
    new: str
    is_exchange: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """A second name of the same file."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Pointed:
    """A symbolic link."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A new folder."""

    path: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A removed name of a file, a link or a folder."""

    path: str


@dataclass(frozen=True, slots=True)
class Said:
    """A line that the run wrote into the file of marks."""

    text: str


Change = Made | Written | Copied | Resized | Synced | Renamed | Linked | Pointed | Folder | Removed | Said


@dataclass(frozen=True, slots=True)
class Call:
    """A change, with the line numbers of the beginning and the end of its call."""

    begun: int
    ended: int
    change: Change


STRING = r'"((?:[^"\\]|\\.)*)"'
DESCRIPTOR = r"(?:AT_FDCWD|\d+)<((?:[^>\\]|\\.)*)>(\(deleted\))?"
_LINE = re.compile(r"\d+\s+(?P<name>\w+)\((?P<given>.*)\)\s+= (?P<result>\d+)(?:<(?P<opened>.*)>)?")


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader of strace's output. `root`: the folder whose changes count. `marks`: a file for lines of the run."""

    root: Path
    marks: Path

    def calls(self, text: str) -> Iterator[Call]:
        """Yield the changes in the order in which their calls ended, without those of SQLite's shared memory (`-shm`),
        which SQLite makes again after a power loss."""
        for begun, ended, line in _whole_lines(text.split("\n")):
            found = _LINE.match(line)
            if found is None:
                continue
            change = self._change(found["name"], found["given"], int(found["result"]), found["opened"] or "")
            match change:
                case Written(path, _, data) if path == str(self.marks):
                    for said in data.decode().splitlines():
                        yield Call(begun, ended, Said(said))
                case None:
                    pass
                case _ if not _place(change).startswith("/") and not _place(change).endswith("-shm"):
                    yield Call(begun, ended, change)

    def _change(self, name: str, given: str, result: int, opened: str) -> Change | None:
        match name:
            case "open" | "openat" if ("O_CREAT" not in given and "O_TRUNC" not in given) or "O_TMPFILE" in given:
                return None
            case "open" | "openat" | "creat":
                return Made(self._below(_text(opened)), name == "creat" or "O_TRUNC" in given)
            case "write" | "writev":
                return Written(self._file(given), None, _data(given)[:result])
            case "pwrite64" | "pwritev":
                return Written(self._file(given), _last_number(given), _data(given)[:result])
            case "ftruncate":
                return Resized(self._file(given), _last_number(given))
            case "truncate":
                return Resized(self._paths(given)[0], _last_number(given))
            case "fallocate":
                start, length = map(int, given.split(", ")[-2:])
                return Resized(self._file(given), start + length, is_least=True)
            case "fsync" | "fdatasync":
                return Synced(self._file(given))
            case "sync" | "syncfs":
                return Synced(None)
            case "rename" | "renameat" | "renameat2":
                return Renamed(*self._paths(given), is_exchange="RENAME_EXCHANGE" in given)
            case "link" | "linkat":
                return Linked(*self._paths(given))
            case "symlink" | "symlinkat":
                target = re.match(STRING, given)
                assert target is not None
                return Pointed(self._paths(given[target.end() + 2 :])[0], _text(target[1]))
            case "mkdir" | "mkdirat":
                return Folder(self._paths(given)[0])
            case "unlink" | "unlinkat" | "rmdir":
                return Removed(self._paths(given)[0])
            case "copy_file_range":
                start, offset = (int(at) if at else None for at in re.findall(r">, (?:\[(\d+)[^]]*\]|NULL)", given))
                return Copied(*self._files(given), start, offset, result)
            case "sendfile":
                return Copied(*reversed(self._files(given)), None, None, result)
            case "ioctl" if "FICLONE" in given:
                return Copied(*reversed(self._files(given)), 0, 0, None)
        return None

    def _file(self, given: str) -> str:
        return self._files(given)[0]

    def _files(self, given: str) -> list[str]:
        """Return the paths of the descriptors."""
        found = re.findall(DESCRIPTOR, re.sub(STRING, "", given))
        return [self._below(_text(path) + deleted) for path, deleted in found]

    def _paths(self, given: str) -> list[str]:
        """Return each path. It may be relative to the folder of the descriptor before it."""
        found = re.findall(f"(?:{DESCRIPTOR}, )?{STRING}", given)
        return [self._below(os.path.normpath(Path(_text(base)) / _text(path))) for base, _, path in found]

    def _below(self, path: str) -> str:
        return path[len(f"{self.root}/") :] if f"{path}/".startswith(f"{self.root}/") else path


def _place(change: Change) -> str:
    match change:
        case Renamed(new=path) | Linked(new=path):
            return path
        case Said():
            return ""
        case _:
            return change.path or ""


def _whole_lines(lines: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    waiting: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        caller = line.partition(" ")[0]
        if line.endswith("<unfinished ...>"):
            waiting[caller] = number, line.removesuffix("<unfinished ...>").rstrip()
        elif (resumed := re.match(r"\d+\s+<\.\.\. \w+ resumed>(.*)", line)) and caller in waiting:
            begun, first = waiting.pop(caller)
            yield begun, number, first + resumed[1]
        else:
            yield number, number, line


def _data(given: str) -> bytes:
    return b"".join(map(_bytes, re.findall(STRING, given)))


def _bytes(escaped: str) -> bytes:
    return escaped.encode("latin-1").decode("unicode_escape").encode("latin-1")


def _text(escaped: str) -> str:
    return os.fsdecode(_bytes(escaped))


def _last_number(given: str) -> int:
    return int(given.rsplit(", ", 1)[1])
