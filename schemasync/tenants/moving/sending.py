"""Send a copy of a file, and its log as it grows, until the rest fits into the allowed pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...engines.sqlite.connection import wal_of
from ...engines.sqlite.examine import Examined, examine
from ...engines.sqlite.log_tail import LogTail, Part
from ...errors import Busy, Code, Failed
from ...files.disk import DiskStep, sync_file
from ...files.layout import size_of
from ...files.scratch import BACKUP, work_folder
from ...keep.compression import digest_of_file
from ...sync.phases.write_lock import WriteLock
from ...sync.run.limits import Limits
from ...sync.run.target import Target
from .channel import CHUNK, Channel, Silent

ROUNDS = 5  # in these rounds a round must take less than AIM of the pause; afterwards half of the pause is enough
AIM = 0.1  # of the allowed pause
MUCH = 1 << 20  # bytes: a round of at least this size measures the speed


@dataclass(frozen=True, slots=True)
class MoveLimits:
    """The limits of a move. `answer`: seconds for each piece of the copy and each part of the log. `cutover`: how long
    writers may wait, and how long the move tries to keep that limit."""

    answer: float = 600.0
    cutover: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy of a file, its digest, and its content as examine() finds it."""

    path: Path
    digest: str
    found: Examined


@contextmanager
def copied(target: Target, path: Path) -> Iterator[Copied]:
    """Yield a copy of the file at `path`, which is removed at the end of the block."""
    with work_folder(target.layout.folder, BACKUP) as folder:
        copy = folder / "copy.sqlite3"
        with target.disk.step(DiskStep.HOST_COPY):
            target.opener.copy(path, copy)
        yield Copied(copy, digest_of_file(copy).sha256, examine(target.opener, copy))


@dataclass(slots=True)
class Sending:
    """The transfer to the other side. `seconds`: the duration of the last round, with its answer; `rate`: bytes a
    second."""

    target: Target
    channel: Channel
    tail: LogTail
    limits: MoveLimits
    seconds: float = 0.0
    rate: float = 1.0
    _is_late: bool = False

    def copy(self, copy: Copied) -> int:
        """Send the copy, which both sides examine. Return its size. Raises Failed if the results differ."""
        size, begun = size_of(copy.path), time.monotonic()
        with self.target.progress.phase("sending", "bytes") as advance:
            data = _chunks(copy.path, advance, size)
            there = self.channel.ask("copy", self.limits.answer, data, size, digest=copy.digest, is_long=True)
        if dict(there) != {"fingerprint": copy.found.fingerprint, "rows": dict(copy.found.rows)}:
            raise Failed.of(
                Code.VERIFY_DIFFERS, f"the copy on {self.channel.host} has other tables or rows", "Run it again."
            )
        self.rate = size / max(time.monotonic() - begun, 0.001)
        return size

    def catch_up(self, deadline: float) -> None:
        """Send the log, which the other side applies to its copy, until a round takes a fraction of the allowed pause.
        Then sync the log to the disk, so that the commit under the lock does not have to wait for that."""
        pause = self.limits.cutover.max_pause
        for number in range(1, 1 + MANY):
            self._round()
            if self.seconds <= pause * (AIM if number < ROUNDS else 1 / 2) or time.monotonic() > deadline:
                break
        with self.target.disk.step(DiskStep.HOST_SYNC):
            sync_file(wal_of(self.tail.path))

    def finish(self, lock: WriteLock, version: str) -> bool:
        """Under the lock, send the rest: the other side then has the whole file, durably and under its name. Return
        False if that does not fit into the allowed pause: then the tenant stays where it is."""
        part, allowed = self.tail.read(), self.limits.cutover.max_pause
        if not part.is_last or self.seconds + len(part.data) / self.rate > allowed:
            return False
        self.channel.put("finish", part.data, **_named(part), version=version)
        self.tail.take(part)
        try:
            self.channel.answer(allowed - lock.seconds)
        except Silent:
            self._is_late = True
        return not self._is_late

    def receive(self) -> None:
        """Wait for an answer that did not come within the pause, while writers go on."""
        if self._is_late:
            self.channel.answer(self.limits.answer)
            self._is_late = False

    def timed_out(self, why: str) -> Busy:
        """Return the error if no attempt has fitted into the allowed pause."""
        limits = self.limits.cutover
        return Busy.of(
            Code.CUTOVER_TIMEOUT,
            f"the move kept up with {self.target.layout.link} for {limits.cutover_timeout:g} s and could not close it "
            f"within {limits.max_pause * 1000:g} ms: {why}",
            "Nothing was changed, and the tenant is in use. Use --max-pause MS or --cutover-timeout SECONDS, or run it "
            "again when less is written.",
        )

    def _round(self) -> None:
        """Send the log up to its present end."""
        begun, size = time.monotonic(), 0
        while True:
            part = self.tail.read()
            self._send(part)
            size += len(part.data)
            if part.is_last:
                break
        self.seconds = max(time.monotonic() - begun, 0.001)
        if size >= MUCH:
            self.rate = size / self.seconds

    def _send(self, part: Part) -> None:
        self.channel.put("log", part.data, **_named(part))
        self.channel.answer(self.limits.answer)
        self.tail.take(part)


MANY = 1000


def _named(part: Part) -> dict[str, Any]:
    """Return the fields of a request with a part of the log. `frames` is set for the last part: the other side then
    applies all parts to its copy."""
    frames = part.frames if part.is_last else None
    return {"offset": part.offset, "digest": sha256(part.data).hexdigest(), "frames": frames}


def _chunks(path: Path, advance: Callable[[int, int], object], size: int) -> Iterator[bytes]:
    """Yield the content of a file piece by piece."""
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
            done += len(chunk)
            advance(done, size)
