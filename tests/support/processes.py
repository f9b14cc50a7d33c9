"""Commands in processes of their own, as a shell runs them: forked from a warm interpreter, or by a new one.

A new interpreter spends half a second on imports, so commands are forked. `fresh=True` starts a new interpreter, for
tests of imports or of Python's own options, and once for each command (test_fork_server.py).
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .fork_server import HEADER
from .json_outputs import parsed

ROOT = Path(__file__).resolve().parents[2]
UNDERSTOOD = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}  # variables that a fork respects, too
PATIENCE = 120.0  # seconds that a command may take


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, its stdout and its stderr."""

    code: int
    out: str
    err: str
    words: Sequence[object] = ()

    @property
    def json(self) -> Any:
        """The JSON object on stdout. Fail if there is anything else, or if the object does not match its schema."""
        return parsed(self.out, self.words)

    @property
    def error(self) -> str:
        """The text of its CommandError."""
        return self.err


def environment(**more: str) -> dict[str, str]:
    """Return the environment for a process, without variables of the tests, and with `more`."""
    dropped = ("DJANGO_SETT", "DEMO", "PYTEST", "COLUMNS", "NO_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "TERM": "xterm-256color"} | more


def run(
    words: Sequence[object],
    folder: Path,
    variables: Mapping[str, str],
    *,
    stdin: str = "",
    timeout: float = PATIENCE,
    limits: Mapping[int, int] | None = None,
    fresh: bool = False,
    interpreter: str = sys.executable,
) -> Ended:
    """Run `python WORDS` in the folder, without a terminal. `limits` are soft and hard limits of `resource.setrlimit`.
    Another `interpreter` is never forked."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        if fresh or interpreter != sys.executable:
            assert not limits, "only a fork takes limits"
            command = [interpreter, *map(str, words)]
            done = subprocess.run(
                command, cwd=folder, env=variables, stdin=given, stdout=out, stderr=err, timeout=timeout, check=False
            )
            code = done.returncode
        else:
            code = Forked(words, folder, variables, (given, out, err), limits=limits).wait(timeout)
        return Ended(code, _text(out), _text(err), words)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


class Forked:
    """A command that runs in a fork of the warm interpreter. With `terminal`, stdin is its controlling terminal."""

    def __init__(
        self,
        words: Iterable[object],
        folder: Path,
        variables: Mapping[str, str],
        files: tuple[IO[bytes] | int, IO[bytes] | int, IO[bytes] | int],
        *,
        limits: Mapping[int, int] | None = None,
        terminal: bool = False,
    ) -> None:
        changed = {name for name in variables if variables[name] != os.environ.get(name)}
        options = {name for name in changed if name.startswith("PYTHON")} - UNDERSTOOD
        assert not options, f"only a new interpreter reads {options}"
        request = {
            "words": [str(word) for word in words],
            "folder": str(folder),
            "environment": dict(variables),
            "limits": list((limits or {}).items()),
            "terminal": terminal,
        }
        numbers = [file if isinstance(file, int) else file.fileno() for file in files]
        self._answer = _server().ask(request, numbers)
        self.pid = self._number(PATIENCE)
        self.code: int | None = None

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for the end and return the exit code. After `timeout` seconds, kill it and raise TimeoutExpired."""
        if self.code is None:
            try:
                self.code = self._number(timeout)
            except TimeoutError:
                self.kill()
                raise subprocess.TimeoutExpired("a forked command", timeout) from None
            self._answer.close()
        return self.code

    def kill(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.code = self._number(PATIENCE)
            self._answer.close()

    def _number(self, timeout: float) -> int:
        if not select.select([self._answer], [], [], timeout)[0]:
            raise TimeoutError
        line = b""
        while not line.endswith(b"\n"):
            read = self._answer.recv(1)
            assert read, "the fork server has ended"
            line += read
        return int(line)


class _Server:
    """The warm interpreter of this process, which starts with the first command and ends with this process."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._sending = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                env={name: value for name, value in environment().items() if name != "PYTHONPATH"},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def ask(self, request: Mapping[str, object], files: list[int]) -> socket.socket:
        """Send a request. Return the socket for its answers: the process id, and at the end the exit code."""
        ours, theirs = socket.socketpair()
        text = json.dumps(request).encode()
        with theirs, self._sending:
            socket.send_fds(self._control, [HEADER.pack(len(text))], [*files, theirs.fileno()])
            self._control.sendall(text)
        return ours

    def end(self) -> None:
        self._control.close()
        self._process.wait(PATIENCE)


_started: list[_Server] = []


def _server() -> _Server:
    if not _started or _started[-1].owner != os.getpid():  # a fork of the test process starts its own
        _started[:] = [_Server()]
    return _started[-1]


def end_server() -> None:
    """End the warm interpreter, and the commands that it still runs."""
    if _started and _started[-1].owner == os.getpid():
        _started.pop().end()


def is_there(process: int) -> bool:
    """Return True if the process runs. A zombie does not count."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
