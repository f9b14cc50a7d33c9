"""The pipe between the two sides of a move. A request is a line of JSON, followed by as many bytes as the line says."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, Protocol

from ...errors import Code, Failed

CHUNK = 1 << 18
LINE = 1 << 20  # bytes: an answer lists all tables


class Silent(Failed):
    """The other side has not answered in time. It may answer later."""


class Channel:
    """The sending end of the pipe: the input and output of a program that runs the receiving side on the other host.
    Each request has an answer, which must come within a time."""

    def __init__(self, command: Sequence[str], host: str) -> None:
        self.host = host
        try:
            self.process = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        except OSError as error:
            raise self._broken(f"{command[0]} cannot be run: {error.strerror}") from error
        assert self.process.stdin is not None and self.process.stdout is not None
        self.writing, self.reading = self.process.stdin, self.process.stdout
        os.set_blocking(self.writing.fileno(), False)
        self.rest = self.unsent = b""

    def ask(
        self,
        what: str,
        seconds: float,
        data: Iterator[bytes] | None = None,
        size: int = 0,
        *,
        is_long: bool = False,
        **more: object,
    ) -> Mapping[str, Any]:
        """Send a request, followed by `size` bytes of data, and return the answer. Raises Silent if that takes more
        than `seconds`, or with `is_long` if a piece of it does; and Failed if the other side has ended, or reports a
        problem."""
        deadline = time.monotonic() + seconds
        self.unsent += _line_of(what, size, more)
        for chunk in data or ():
            self._write(deadline)
            self.unsent = chunk
            deadline = time.monotonic() + seconds if is_long else deadline
        return self.answer(deadline - time.monotonic())

    def put(self, what: str, data: bytes = b"", **more: object) -> None:
        """Prepare a request. The next call of answer() sends it."""
        self.unsent += _line_of(what, len(data), more) + data

    def answer(self, seconds: float) -> Mapping[str, Any]:
        """Return the next answer. Raises Silent if it does not come within so many seconds: call it again to wait
        longer. Raises Failed if the other side has ended or reports a problem."""
        deadline = time.monotonic() + seconds
        self._write(deadline)
        try:
            answer = json.loads(self._line(deadline))
        except (OSError, ValueError) as error:
            raise self._ended(error) from error
        if "error" in answer:
            found = answer["error"]
            raise Failed.of(_code(found["code"]), f"on {self.host}: {found['message']}", found["hint"], host=self.host)
        return dict(answer)

    def _write(self, deadline: float) -> None:
        view = memoryview(self.unsent)
        try:
            while view:
                if not select.select([], [self.writing], [], self._left(deadline))[1]:
                    raise self._broken("it does not answer in time", Silent)
                with suppress(BlockingIOError):
                    view = view[os.write(self.writing.fileno(), view[:CHUNK]) :]
        except OSError as error:
            raise self._ended(error) from error
        finally:
            self.unsent = bytes(view)

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self.rest:
            if not select.select([self.reading], [], [], self._left(deadline))[0]:
                raise self._broken("it does not answer in time", Silent)
            if not (chunk := os.read(self.reading.fileno(), CHUNK)):
                raise OSError("it closed its output")
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def _left(self, deadline: float) -> float:
        return max(deadline - time.monotonic(), 0)

    def _ended(self, error: Exception) -> Failed:
        return self._broken(f"the program has ended or writes something else: {error}")

    def _broken(self, why: str, kind: type[Failed] = Failed) -> Failed:
        return kind.of(
            Code.HOST_UNREACHABLE,
            f'the host "{self.host}" cannot be reached: {why}',
            "Nothing is lost. Look at its RECEIVE in HOSTS, and at what the program has written above; then run the "
            "same command again.",
            host=self.host,
        )

    def end(self) -> None:
        """End the program. It removes a copy that is not complete."""
        for file in (self.writing, self.reading):
            with suppress(OSError):
                file.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _line_of(what: str, size: int, more: Mapping[str, object]) -> bytes:
    return json.dumps({"do": what, "size": size, **more}).encode() + b"\n"


@contextmanager
def opened(command: Sequence[str], host: str) -> Iterator[Channel]:
    """Yield a channel, which is ended with the block."""
    channel = Channel(command, host)
    try:
        yield channel
    finally:
        channel.end()


class Reading(Protocol):
    """A stream to read requests from."""

    def read(self, size: int) -> bytes: ...

    def readline(self, size: int) -> bytes: ...


def requests(reading: Reading) -> Iterator[tuple[Mapping[str, Any], Iterator[bytes]]]:
    """Yield the requests of the other side, each with its data, until it ends."""
    while line := reading.readline(LINE):
        request = json.loads(line)
        data = _exactly(reading, request["size"])
        yield request, data
        for _ in data:
            pass  # skip the data that was not read


def _code(text: str) -> Code:
    """Return the code of an error of the other host, which may run a later release with codes that this one lacks."""
    try:
        return Code(text)
    except ValueError:
        return Code.HOST_UNREACHABLE


def answer(writing: IO[bytes], **found: object) -> None:
    """Answer a request."""
    writing.write(json.dumps(found).encode() + b"\n")
    writing.flush()


def _exactly(reading: Reading, size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = reading.read(min(size, CHUNK))
        if not chunk:
            raise EOFError("the pipe ended within the data")
        size -= len(chunk)
        yield chunk
