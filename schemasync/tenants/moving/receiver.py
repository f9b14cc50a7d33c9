"""Answer the requests of the sending side, on the host to which a tenant moves: `schemasync tenants receive`."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from typing import IO, Any

from ...engines.sqlite import fence
from ...engines.sqlite.connection import Opener
from ...errors import Code, Failed, SchemasyncError
from ...files.disk import Disk
from ...files.layout import Layout, PathKind
from ..paths import path_of
from ..settings import tenant_settings
from .channel import Reading, answer, requests
from .incoming import Incoming, incoming

IDLE = 120.0  # seconds without a request, after which the other side counts as dead


def receive(disk: Disk | None = None, idle: float = IDLE) -> None:
    """Answer the requests on standard input, on standard output, until the input ends. The process also ends if nothing
    comes for `idle` seconds: a network may fail without an error, and a second move has to wait for the first."""
    writing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # code of the application may print, which must not go to the pipe
    watched = Watched(sys.stdin.buffer)
    threading.Thread(target=watched.watch, args=(idle,), daemon=True).start()
    serve(watched, writing, disk or Disk())


class Watched:
    """A stream that records since when a read waits for it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.since: float | None = None

    def read(self, size: int) -> bytes:
        """Read from the stream."""
        self.since = time.monotonic()
        found = self.stream.read(size)
        self.since = None
        return found

    def readline(self, size: int) -> bytes:
        """Read a line from the stream."""
        self.since = time.monotonic()
        found = self.stream.readline(size)
        self.since = None
        return found

    def watch(self, idle: float) -> None:
        """End the process, like a kill, when a read has waited for `idle` seconds."""
        while True:
            time.sleep(idle / 20)
            if (since := self.since) is not None and time.monotonic() - since > idle:
                os._exit(1)


def serve(reading: Reading, writing: IO[bytes], disk: Disk) -> None:
    """Answer requests one after the other. The answer to a request that fails is its problem."""
    with ExitStack() as stack:
        side = _Side(stack, disk)
        for request, data in requests(reading):
            try:
                found = side.answers[request["do"]](request, data)
            except SchemasyncError as error:
                problem = error.problems[0]
                found = {"error": {"code": problem.code, "message": problem.message, "hint": problem.hint}}
            except OSError as error:
                message = f"{error.filename or 'the disk'}: {error.strerror}"
                found = {"error": {"code": Code.DISK_ERROR, "message": message, "hint": "Free space, or look at it."}}
            answer(writing, **found)


class _Side:
    def __init__(self, stack: ExitStack, disk: Disk) -> None:
        self.stack, self.disk = stack, disk
        self.tenant: Incoming | None = None
        self.answers: Mapping[str, Callable[[Mapping[str, Any], Iterator[bytes]], Mapping[str, Any]]] = {
            "begin": self.begin,
            "copy": self.copy,
            "log": self.log,
            "finish": self.finish,
            "has": self.has,
        }

    def begin(self, request: Mapping[str, Any], data: Iterator[bytes]) -> Mapping[str, Any]:
        here = tenant_settings().host
        if request["to"] != here:
            raise Failed.of(
                Code.NO_HOST, f'this is the host "{here}", not "{request["to"]}"', "Look at RECEIVE in HOSTS."
            )
        comes = incoming(request["key"], request["source"], request["generation"], self.disk)
        self.tenant = self.stack.enter_context(comes)
        return {}

    def copy(self, request: Mapping[str, Any], data: Iterator[bytes]) -> Mapping[str, Any]:
        found = self._tenant.receive(data, request["digest"])
        return {"fingerprint": found.fingerprint, "rows": dict(found.rows)}

    def log(self, request: Mapping[str, Any], data: Iterator[bytes]) -> Mapping[str, Any]:
        self._tenant.extend(request["offset"], data, request["digest"])
        if request["frames"] is not None:
            self._tenant.lay(request["frames"])
        return {}

    def finish(self, request: Mapping[str, Any], data: Iterator[bytes]) -> Mapping[str, Any]:
        self._tenant.extend(request["offset"], data, request["digest"])
        self._tenant.finish(request["frames"], request["version"])
        return {}

    def has(self, request: Mapping[str, Any], data: Iterator[bytes]) -> Mapping[str, Any]:
        """Answer with the live generation of a tenant on this host; empty if there is none, or if it is closed."""
        layout = Layout(path_of(request["key"]))
        live = layout.live()
        if live is None or layout.path_kind() is not PathKind.GENERATION:
            return {"generation": ""}
        with closing(Opener().read(live.path)) as connection:
            return {"generation": "" if fence.read_fence(connection) is not None else live.name}

    @property
    def _tenant(self) -> Incoming:
        if self.tenant is None:
            raise Failed.of(Code.UNEXPECTED, "no tenant was begun", "Use the same version on both hosts.")
        return self.tenant
