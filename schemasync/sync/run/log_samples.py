"""Watches the write-ahead log of the live file during a run: its size, and who reads and writes, once a second."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from ...engines.sqlite.connection import wal_of
from ...engines.sqlite.lock_holders import Holders, Process, holders
from ...files.layout import size_of

EVERY = 1.0  # seconds between two samples, as long as there are few
MOST = 600  # samples that are kept: every other one goes when there are more, and the next ones are rarer
READERS = 5  # processes that are named


class SampleJson(TypedDict):
    """The write-ahead log at one moment of a run, and the processes that used the file."""

    seconds: float
    """Since the run began to look."""
    log_bytes: int
    """The size of the write-ahead log."""
    writer: str | None
    """The other process that was writing, as `pid command`; null without one, or if it is not known."""
    readers: list[str]
    """The other processes that were reading."""


class ReaderJson(TypedDict):
    """Another process that read the live file during a run."""

    pid: int
    command: str
    """The first words of its command line; empty if they cannot be read."""
    seconds: float
    """From the first to the last of the successive samples in which it was reading, the longest time. As long as one
    transaction of it lasts, the log cannot be reset."""
    samples: int
    """In how many samples it was reading."""


class LogJson(TypedDict):
    """The write-ahead log of the live file during a run, from samples."""

    bytes_most: int
    bytes_last: int
    samples: int
    busy: int | None
    """In how many samples another process was writing, so that every other writer waited; null if the system does not
    tell."""
    readers: list[ReaderJson]
    """Those that read for longest. The run itself reads, too, and is not among them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample, taken `seconds` after the beginning. `holders`: None if the system does not report them."""

    seconds: float
    log_bytes: int
    holders: Holders | None

    @property
    def writer(self) -> Process | None:
        """The other process that was writing."""
        found = self.holders.writer if self.holders is not None else None
        return found if found is not None and found.pid != os.getpid() else None

    @property
    def readers(self) -> tuple[Process, ...]:
        """The other processes that were reading."""
        found = self.holders.readers if self.holders is not None else ()
        return tuple(one for one in found if one.pid != os.getpid())

    def as_json(self) -> SampleJson:
        """The JSON object."""
        return {
            "seconds": round(self.seconds, 2),
            "log_bytes": self.log_bytes,
            "writer": _named(self.writer) if self.writer is not None else None,
            "readers": list(map(_named, self.readers)),
        }


def _named(process: Process) -> str:
    return f"{process.pid} {process.command}".rstrip()


@dataclass(slots=True)
class LogSamples:
    """The samples so far."""

    found: list[Sample] = field(default_factory=list)
    every: float = EVERY

    @contextmanager
    def watching(self, path: Path) -> Iterator[None]:
        """Take samples of the file at `path` within the block, in a thread; one at its beginning and one at its end."""
        over, begun = threading.Event(), time.monotonic()

        def watch() -> None:
            while not over.wait(self.every):
                self._take(path, begun)

        self._take(path, begun)
        thread = threading.Thread(target=watch, name="schemasync log samples", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._take(path, begun)

    def _take(self, path: Path, begun: float) -> None:
        try:
            log_bytes = size_of(wal_of(path))
        except OSError:
            return  # such as a folder that was moved away
        self.found.append(Sample(time.monotonic() - begun, log_bytes, holders(path)))
        if len(self.found) > MOST:
            del self.found[1::2]
            self.every *= 2

    def as_json(self) -> LogJson:
        """Return the JSON object that summarizes the samples."""
        known = [one for one in self.found if one.holders is not None]
        readers = sorted(_readers(self.found), key=lambda one: (-one["seconds"], -one["samples"], one["pid"]))
        return {
            "bytes_most": max((one.log_bytes for one in self.found), default=0),
            "bytes_last": self.found[-1].log_bytes if self.found else 0,
            "samples": len(self.found),
            "busy": sum(one.writer is not None for one in known) if known else None,
            "readers": readers[:READERS],
        }


def _readers(samples: list[Sample]) -> Iterator[ReaderJson]:
    seen = {one.pid: one for sample in samples for one in sample.readers}
    for pid, process in seen.items():
        longest, since, number = 0.0, None, 0
        for sample in samples:
            if all(one.pid != pid for one in sample.readers):
                since = None
                continue
            number += 1
            since = sample.seconds if since is None else since
            longest = max(longest, sample.seconds - since)
        yield {"pid": pid, "command": process.command, "seconds": round(longest, 2), "samples": number}
