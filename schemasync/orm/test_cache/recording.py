"""Records the inputs of a build of a test database: settings, files, and the code of the project that it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from django.conf import settings

from .sources import is_of_project

TOOL = 4  # of sys.monitoring; debuggers, coverage, profilers and optimizers have 0 to 2 and 5


@dataclass(slots=True)
class Recording:
    """Names of settings, and paths of files of the project: files that were opened, and files whose code ran. It is not
    `complete` if a profiler prevented watching the code.

    `earlier_settings` were read before, by modules while they were imported: code that runs now may use the values that
    they keep.
    """

    settings: set[str] = field(default_factory=set)
    earlier_settings: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    ran: set[str] = field(default_factory=set)
    complete: bool = True


@contextmanager
def recording() -> Iterator[Recording]:
    """Record the inputs of the build within the block."""
    found = Recording()
    with _settings(found), _files(found), _code(found):
        yield found


class _Recorder:
    """A proxy for the settings. LazySettings gets each name from it once, and remembers the value."""

    def __init__(self, real: Any, found: set[str]) -> None:
        self.__dict__.update(_real=real, _found=found)

    def __getattr__(self, name: str) -> Any:
        if name.isupper():
            self._found.add(name)
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._real, name)


_read = set[str]()


@contextmanager
def _settings(found: Recording) -> Iterator[None]:
    lazy: Any = settings
    real = lazy._wrapped
    _read.update(name for name in vars(lazy) if name.isupper())  # LazySettings remembers them until the next line
    found.earlier_settings |= _read
    lazy._wrapped = _Recorder(real, found.settings)  # also clears the remembered values
    try:
        yield
    finally:
        lazy._wrapped = real


_opened: list[set[str]] = []
_is_hooked = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Add opened files of the project. An audit hook stays for the life of the process.
    https://docs.python.org/3/library/audit_events.html"""
    if event == "open" and _opened:
        path, mode, flags = arguments
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if isinstance(path, str | bytes | os.PathLike) and not writes and not flags & (os.O_WRONLY | os.O_RDWR):
            full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  Path.absolute() leaves ".." in it
            if is_of_project(full):
                _opened[-1].add(full)


@contextmanager
def _files(found: Recording) -> Iterator[None]:
    global _is_hooked
    if not _is_hooked:
        sys.addaudithook(_hook)
        _is_hooked = True
    _opened.append(found.opened)
    try:
        yield
    finally:
        _opened.pop()


@contextmanager
def _code(found: Recording) -> Iterator[None]:
    """Record files whose functions run. With sys.monitoring each function is reported once, and costs nothing
    afterwards."""
    with _monitored(found) if sys.version_info >= (3, 12) else _profiled(found):
        yield


@contextmanager
def _monitored(found: Recording) -> Iterator[None]:
    monitoring: Any = vars(sys)["monitoring"]  # new in Python 3.12, and the types are checked for 3.11

    def started(code: CodeType, offset: int) -> Any:
        if is_of_project(code.co_filename):
            found.ran.add(code.co_filename)
        return monitoring.DISABLE

    if monitoring.get_tool(TOOL) is not None:
        found.complete = False
        yield
        return
    monitoring.use_tool_id(TOOL, "schemasync")
    try:
        monitoring.register_callback(TOOL, monitoring.events.PY_START, started)
        monitoring.set_events(TOOL, monitoring.events.PY_START)
        yield
    finally:
        monitoring.set_events(TOOL, 0)
        monitoring.register_callback(TOOL, monitoring.events.PY_START, None)
        monitoring.free_tool_id(TOOL)
        monitoring.restart_events()


@contextmanager
def _profiled(found: Recording) -> Iterator[None]:
    if sys.getprofile() is not None:
        found.complete = False
        yield
        return
    known = set[CodeType]()

    def called(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code not in known:
            known.add(frame.f_code)
            if is_of_project(frame.f_code.co_filename):
                found.ran.add(frame.f_code.co_filename)

    sys.setprofile(called)
    try:
        yield
    finally:
        sys.setprofile(None)
