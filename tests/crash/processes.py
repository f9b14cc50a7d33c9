"""Real processes for tests: a run that may be killed, a user without privileges, and another program with connections.

A child is forked from this warm process, so it starts in a millisecond. This process must have no SQLite connection
open at that moment (https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_):
tests open databases only through `sqlite()`, which closes them.
"""

from __future__ import annotations

import codecs
import multiprocessing
import os
import signal
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any
from urllib.parse import quote

from schemasync.errors import SchemasyncError

codecs.lookup("utf-8-sig")  # loaded now: a child that runs as nobody may be unable to import modules

FORK = multiprocessing.get_context("fork")
PATIENCE = 60.0  # seconds; a child usually ends in far less. One that takes longer fails the test
NOBODY = 65534


@dataclass(frozen=True)
class Trouble:
    """An exception raised in a child. `codes`, `exit_code` and `hints` are set only for a SchemasyncError."""

    kind: str
    text: str
    codes: tuple[str, ...] = ()
    exit_code: int | None = None
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How a child ended. `exitcode` is -9 for a killed one, which has neither value nor trouble."""

    exitcode: int
    value: Any = None
    trouble: Trouble | None = None

    @property
    def killed(self) -> bool:
        return self.exitcode == -signal.SIGKILL

    def result(self) -> Any:
        """Return the return value of the work. Fail the test if the work raised or was killed."""
        assert self.trouble is None, f"{self.trouble.kind} {self.trouble.codes}: {self.trouble.text}"
        assert self.exitcode == 0, f"the child ended with {self.exitcode}"
        return self.value

    def refusal(self) -> Trouble:
        """Return the SchemasyncError that the work raised. Fail the test if it raised none."""
        assert self.trouble is not None, f"nothing was raised; it returned {self.value!r} (exit code {self.exitcode})"
        assert self.trouble.exit_code is not None, f"not one of ours: {self.trouble.kind}: {self.trouble.text}"
        return self.trouble


def trouble_of(error: BaseException) -> Trouble:
    if isinstance(error, SchemasyncError):
        codes = tuple(str(problem.code) for problem in error.problems)
        hints = tuple(problem.hint for problem in error.problems)
        return Trouble(type(error).__name__, str(error), codes, error.exit_code, hints)
    return Trouble(type(error).__name__, "".join(traceback.format_exception(error)))


class Child:
    """A running child process; `ended()` waits for its end."""

    def __init__(self, work: Callable[[], Any], *, user: int | None = None) -> None:
        self._answer, far = FORK.Pipe(duplex=False)
        self.process = FORK.Process(target=_work, args=(work, far, user), daemon=True)
        self.process.start()
        far.close()

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self, patience: float = PATIENCE) -> Ended:
        value, trouble, silent = None, None, False
        try:
            if self._answer.poll(patience):
                value, trouble = self._answer.recv()
            else:
                silent = True
        except EOFError:
            pass  # it died silently
        if silent:
            self.process.kill()
        self.process.join(patience)
        self._answer.close()
        assert not silent, f"the child did not end within {patience:g} s"
        assert self.process.exitcode is not None
        return Ended(self.process.exitcode, value, trouble)


def child(work: Callable[[], Any], *, user: int | None = None, patience: float = PATIENCE) -> Ended:
    """Run `work` in a process of its own, as `user` if given, and return how it ended. `patience`: the longest wait in
    seconds, above the time limits of the work itself."""
    return Child(work, user=user).ended(patience)


def _work(work: Callable[[], Any], answer: Pipe, user: int | None) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if user is not None and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    try:
        outcome = (work(), None)
    except BaseException as error:  # noqa: BLE001  the test gets every exception
        outcome = (None, trouble_of(error))
    with suppress(BrokenPipeError):
        answer.send(outcome)


@contextmanager
def sqlite(path: Path, *, timeout: float = 0, mode: str = "rw") -> Iterator[sqlite3.Connection]:
    """A plain connection, as any program opens one, closed at the end."""
    uri = f"file:{quote(str(path))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)
    try:
        yield connection
    finally:
        connection.close()


class Stranger:
    """Another program: a process that keeps plain connections open and executes statements sent through a pipe.

    Connections have names. `execute` returns the rows of a statement, or the error as a string "Kind: text".
    """

    def __init__(self) -> None:
        self._pipe, far = FORK.Pipe()
        self.process = FORK.Process(target=_strange, args=(far,), daemon=True)
        self.process.start()
        far.close()

    def open(self, name: str, path: Path, *, timeout: float = 0) -> None:
        self._ask("open", name, str(path), timeout)

    def execute(self, name: str, sql: str, *values: object) -> Any:
        return self._ask("execute", name, sql, values)

    def start(self, name: str, sql: str, *values: object) -> None:
        """Send a statement like `tell`, without waiting for the result; `answer()` returns it."""
        self._pipe.send(("execute", name, sql, values))

    def answer(self, patience: float = PATIENCE) -> Any:
        assert self._pipe.poll(patience), "the stranger does not answer"
        return self._pipe.recv()

    def close(self, name: str) -> None:
        self._ask("close", name)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def end(self) -> None:
        with suppress(OSError):
            self._pipe.send(None)
        self.process.join(PATIENCE)
        self._pipe.close()

    def _ask(self, *words: object) -> Any:
        self._pipe.send(words)
        return self.answer()

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()


def _strange(pipe: Pipe) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connections: dict[str, sqlite3.Connection] = {}
    while (words := pipe.recv()) is not None:
        what, name, *rest = words
        pipe.send(_carry_out(connections, what, name, rest))
    for connection in connections.values():
        connection.close()


def _carry_out(connections: dict[str, sqlite3.Connection], what: str, name: str, rest: list[Any]) -> Any:
    try:
        if what == "open":
            path, timeout = rest
            uri = f"file:{quote(path)}?mode=rw"
            connections[name] = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)
            return connections[name].execute("SELECT count(*) FROM sqlite_schema").fetchall()
        if what == "close":
            return connections.pop(name).close()
        sql, values = rest
        return connections[name].execute(sql, values).fetchall()
    except sqlite3.Error as error:
        return f"{type(error).__name__}: {error}"
