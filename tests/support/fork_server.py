"""A process that has imported Django and schemasync once and forks for each command of a test project.

`python -m tests.support.fork_server SOCKET`, started by tests.support.processes. It never calls `django.setup()`, opens
no database and has no threads. A fork differs from a new interpreter only in the modules that are already imported and
in the seed of hashes, which all forks of a server share; `environment`, `sys.path`, `sys.argv`, streams, signals and
`__main__` are those of the command. A fork returns from `serve` and reaches the end of `main`, so that the interpreter
ends as any other does: it joins threads, calls `atexit` functions, closes connections and clears the modules of the
command. It does not clear modules that were imported before the fork, as that is most of a fork's cost (`end_fork`).
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import importlib.machinery
import importlib.metadata
import io
import json
import os
import pkgutil
import resource
import runpy
import select
import signal
import socket
import sqlite3
import struct
import sys
import tempfile
import termios
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

HEADER = struct.Struct("=I")  # the length of a request; four files come with it: stdin, stdout, stderr, answer
SHARED = """
django.conf.locale.en.formats django.conf.urls django.contrib.admin django.contrib.admin.apps
django.contrib.admin.templatetags.admin_list django.contrib.admin.templatetags.admin_modify
django.contrib.admin.templatetags.base django.contrib.admin.templatetags.log django.contrib.admin.views.main
django.contrib.auth.apps django.contrib.auth.checks django.contrib.auth.context_processors django.contrib.auth.hashers
django.contrib.auth.management django.contrib.auth.password_validation django.contrib.auth.tokens
django.contrib.auth.validators django.contrib.contenttypes.apps django.contrib.contenttypes.checks
django.contrib.contenttypes.management django.contrib.messages.apps django.contrib.messages.context_processors
django.contrib.messages.middleware django.contrib.messages.storage.fallback django.contrib.sessions.apps
django.contrib.sessions.backends.db django.contrib.sessions.management django.contrib.sessions.middleware
django.contrib.sessions.serializers django.contrib.sites.requests django.contrib.sites.shortcuts
django.contrib.staticfiles.apps django.contrib.staticfiles.checks django.contrib.staticfiles.finders
django.contrib.staticfiles.storage django.core.cache.backends.locmem django.core.handlers.wsgi
django.core.management.commands.check django.core.management.commands.makemigrations
django.core.management.commands.migrate django.db.backends.sqlite3.base django.db.models.sql.compiler
django.template.context_processors django.template.defaulttags django.template.loaders.app_directories
django.template.loaders.cached django.templatetags.cache django.templatetags.l10n django.templatetags.tz django.test
django.urls django.utils.translation.reloader django.views.csrf django.views.debug django.views.defaults jsonschema
rich.console rich.progress rich.table
""".split()
OURS = [name for name in sys.modules if name.partition(".")[0] == "tests"]  # a project may have modules of these names
# Modules that need settings or the app registry, register something on import, or import pytest, by which schemasync
# recognises a process that runs tests.
LEFT_OUT = {
    "admin", "apps", "caches", "checks", "django_tasks", "models", "pytest_plugin", "task", "templatetags", "tenants", "testing", "urls", "views",
}  # fmt: skip


def main() -> None:
    preload()
    if command := serve(socket.socket(fileno=int(sys.argv[1]))):
        command.become()
        with noted_exit_code():
            run(command.words)


# --- the server ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Command:
    """A command: the words after the name of the interpreter, and the process around them, as a shell makes it."""

    words: list[str]
    folder: str
    environment: dict[str, str]
    limits: list[tuple[int, int]]
    terminal: bool
    files: list[int]

    def become(self) -> None:
        """Turn this process into that of the command, ready for its first line."""
        for number, file in enumerate(self.files):
            os.dup2(file, number)
            os.close(file)
        if self.terminal:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore the signal
        for which, most in self.limits:
            resource.setrlimit(which, (most, most))
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        time.tzset()
        tempfile.tempdir = None
        sys.dont_write_bytecode = bool(self.environment.get("PYTHONDONTWRITEBYTECODE"))
        sys.orig_argv = [sys.executable, *self.words]
        reopen_streams()
        for name in OURS:
            del sys.modules[name]


def preload() -> None:
    """Import the modules that commands import and that need no settings."""
    for name in [*SHARED, *ours("schemasync")]:
        importlib.import_module(name)
    atexit.register(end_fork, next(reversed(sys.modules)))  # registered first, so called last
    gc.collect()
    gc.freeze()  # a collection would touch these objects, and so copy their memory
    gc.set_threshold(20_000, 50, 50)  # as in tests/conftest.py


def ours(package: str) -> Iterator[str]:
    """Yield the names of the modules of schemasync that need no settings."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if module.name.split(".")[1] not in LEFT_OUT:
            yield module.name
            if module.ispkg:
                yield from ours(module.name)


def serve(control: socket.socket) -> Command | None:
    """Fork for each request, and report how each fork ended. Return the command in each fork. In the server, return
    None when the client has ended, after all forks are killed."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    interrupt = signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a shell that put the tests in the background has set this already
    running: dict[int, socket.socket] = {}
    while True:
        waiting: list[socket.socket | int] = [control, woken]
        ready, _, _ = select.select(waiting, [], [])
        if woken in ready:
            os.read(woken, 4096)
            reap(running)
        if control in ready:
            if (request := receive(control)) is None:
                end(running)
                return None
            command, answer = request
            if not (pid := os.fork()):
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, interrupt)
                for open_socket in (control, answer, *running.values()):
                    open_socket.close()
                os.close(woken)
                os.close(wake)
                return command
            for file in command.files:
                os.close(file)
            running[pid] = answer
            send(answer, pid)


def receive(control: socket.socket) -> tuple[Command, socket.socket] | None:
    """Return the next request and the socket for its answers, or None if the client has ended."""
    header, files, _, _ = socket.recv_fds(control, HEADER.size, 4)
    if not header:
        return None
    (size,) = HEADER.unpack(header)
    text = control.recv(size, socket.MSG_WAITALL)
    return Command(**json.loads(text), files=files[:3]), socket.socket(fileno=files[3])


def reap(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as answer:
                send(answer, os.waitstatus_to_exitcode(status))


def send(answer: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # the client may have stopped waiting
        answer.sendall(b"%d\n" % number)


def end(running: dict[int, socket.socket]) -> None:
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


# --- a fork -------------------------------------------------------------------------------------------------------


_exit_codes: list[int] = []


@contextmanager
def noted_exit_code() -> Iterator[None]:
    """Record the exit code of the command. An exception other than SystemExit is left to the interpreter."""
    try:
        yield
    except SystemExit as ended:
        code = 0 if ended.code is None else ended.code if isinstance(ended.code, int) else 1
        _exit_codes.append(code)
        raise
    _exit_codes.append(0)


def end_fork(last: str) -> None:
    """End this process before the interpreter clears the modules that were imported before the fork, up to `last`: it
    would copy the memory of each object to free it. For the command itself, do the interpreter's work: clear its
    modules, close the connections that it left open, and flush the streams. If the exit code is unknown or a stream
    cannot be flushed, return, and the interpreter goes on."""
    if not _exit_codes:
        return
    for name in [*takewhile(last.__ne__, reversed(sys.modules))]:
        del sys.modules[name]
    vars(sys.modules["__main__"]).clear()
    gc.collect()
    for one in gc.get_objects():
        if isinstance(one, sqlite3.Connection):
            with suppress(sqlite3.Error):
                one.close()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_codes[0] & 0xFF)


def reopen_streams() -> None:
    """Open the standard streams again for their new files, as Python does when it starts."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old, mode = getattr(sys, name), "w" if number else "r"
        raw = io.FileIO(number, mode, closefd=False)
        raw.name = f"<{name}>"
        binary = io.BufferedReader(raw) if not number else raw if unbuffered else io.BufferedWriter(raw)
        by_lines = not unbuffered and (raw.isatty() or number == 2)
        new = io.TextIOWrapper(binary, old.encoding, old.errors, None, by_lines, unbuffered)
        new.mode = mode  # type: ignore[misc]  # as Python does it
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def run(words: list[str]) -> None:
    """Run these words as the interpreter does: `FILE …`, `-m MODULE …` or `-c CODE …`."""
    elsewhere = [str(Path(path).absolute()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:1] = [first_path(words[0]), *elsewhere]
    importlib.invalidate_caches()
    sys.excepthook = without_the_server
    if words[0] == "-m":
        sys.argv = words[1:]
        main_module()
        runpy._run_module_as_main(words[1])  # type: ignore[attr-defined]  # as Python calls it, for the same traceback
    elif words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        execute(words[1], "<string>")
    else:
        sys.argv = words
        execute(Path(words[0]).read_bytes(), str(Path(words[0]).absolute()))


def first_path(word: str) -> str:
    if word == "-c":
        return ""
    return str(Path.cwd() if word == "-m" else Path(word).resolve().parent)


def execute(source: str | bytes, name: str) -> None:
    module = main_module()
    if name != "<string>":
        module.__file__ = name
        module.__loader__ = importlib.machinery.SourceFileLoader("__main__", name)
    exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)


def main_module() -> types.ModuleType:
    """Make and return a new `__main__`."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module  # the second name is for spawns of multiprocessing
    return module


def without_the_server(kind: Any, error: BaseException, trace: types.TracebackType | None) -> None:
    """Print a traceback from the first line of the command on, without frames of the server."""
    while trace and trace.tb_frame.f_code is not run.__code__:
        trace = trace.tb_next
    while trace and trace.tb_frame.f_code in (run.__code__, execute.__code__):
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    main()
