"""Copies and compares several tables at once, and parts of large ones, in processes that read one state of SQLite."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import IO, assert_never

from ...errors import Code, Failed
from ...files.interpreter import interpreter
from ...schema.names import quote
from ..sqlite.connection import Connection as Source
from ..sqlite.for_postgres.reading import Changes
from .connection import Target
from .moved import FIRST, LAST, MovedTable, RowIds
from .verify.pieces import is_divisible
from .verify.result import Proof
from .worker import (
    Begin,
    Compare,
    Compared,
    Copied,
    Copy,
    Databases,
    Done,
    Failure,
    Message,
    Part,
    Progress,
    Ready,
)

MOST = 4  # more processes than that wait for PostgreSQL
LARGE = 250_000  # row ids of a part: enough for a second of work
# The path of modules comes first: this package may be found by a change of it alone.
_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from schemasync.engines.postgres.worker import main; main()"
)


def useful() -> int:
    """How many processes bring something here: 0 if there is no interpreter to run them."""
    return 0 if interpreter() is None else min(MOST, len(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    writing: IO[bytes]
    reading: IO[bytes]

    def tell(self, message: object) -> None:
        try:
            pickle.dump(message, self.writing)
            self.writing.flush()
        except OSError as error:
            raise self._ended() from error

    def hear(self) -> Message:
        """The next message. Raises what the process failed with, or Failed if it has ended without one."""
        try:
            message: Message = pickle.load(self.reading)  # of our own process
        except (EOFError, OSError) as error:
            raise self._ended() from error
        if isinstance(message, Failure):
            raise message.error(message.problems)
        return message

    def _ended(self) -> Failed:
        return Failed.of(
            Code.POSTGRES_ERROR,
            f"a process that copied or compared rows has ended (exit code {self.process.wait()})",
            "The live file is unchanged. Its output is above; run the same command again.",
        )


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes that wait for work."""

    _workers: tuple[_Worker, ...]

    def begin(self) -> None:
        """Begin a transaction in each. They see the same if nobody commits meanwhile: hold the write lock."""
        for worker in self._workers:
            worker.tell(Begin())
        for worker in self._workers:
            worker.hear()

    def copy(
        self,
        parts: Iterable[Part],
        changes: Changes,
        progress: Callable[[str, int], None] = lambda table, rows: None,
    ) -> dict[str, int]:
        """Copy all; returns the number of rows of each table. `progress` gets a table and how many rows more it has.

        The first error ends it; then other tables and parts may be there, or not. After it the processes are of no use.
        """
        parts = list(parts)
        rows = {part.table.name: 0 for part in parts}
        for part, done in self._done([(part, Copy(part)) for part in parts], progress):
            if isinstance(done, Copied):
                rows[part.table.name] += done.rows
                changes.columns |= done.changed
        return rows

    def compare(
        self, parts: Iterable[Part], progress: Callable[[str, int], None] = lambda table, rows: None
    ) -> dict[str, Proof]:
        """Compare all; returns the proof of each table."""
        proofs: dict[str, Proof] = {}
        whole = list(_comparable(parts))
        for part, done in self._done([(part, Compare(part)) for part in whole], progress):
            proof = proofs.setdefault(part.table.name, Proof(part.table.name))
            if isinstance(done, Compared):
                proof.merge(done.proof)
        return proofs

    def _done(
        self, orders: Iterable[tuple[Part, Copy | Compare]], progress: Callable[[str, int], None]
    ) -> list[tuple[Part, Done]]:
        waiting: SimpleQueue[tuple[Part, Copy | Compare]] = SimpleQueue()
        for one in orders:
            waiting.put(one)
        found: list[tuple[Part, Done]] = []
        lock = Lock()

        def obey(worker: _Worker) -> None:
            for part, order in _taken(waiting):
                worker.tell(order)
                while (done := _heard(part, worker.hear(), lock, progress)) is None:
                    pass
                with lock:
                    found.append((part, done))

        with ThreadPoolExecutor(len(self._workers)) as pool:
            futures = [pool.submit(obey, worker) for worker in self._workers]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self.end()
                raise
        return found

    def end(self) -> None:
        """End all processes, at once. PostgreSQL rolls back what was under way."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()
            worker.reading.close()
            with suppress(OSError):  # it cannot be given what it was not given yet
                worker.writing.close()


def _comparable(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts, but the whole table in place of those that cannot be compared by themselves."""
    seen = set[str]()
    for part in parts:
        if is_divisible(part.table):
            yield part
        elif part.table.name not in seen:
            seen.add(part.table.name)
            yield replace(part, rows=None)


def _taken(waiting: SimpleQueue[tuple[Part, Copy | Compare]]) -> Iterator[tuple[Part, Copy | Compare]]:
    while True:
        try:
            yield waiting.get_nowait()
        except Empty:
            return


def _heard(part: Part, message: Message, lock: Lock, progress: Callable[[str, int], None]) -> Done | None:
    """What ends the part, or None for a message in between."""
    with lock:
        match message:
            case Copied() | Compared():
                return message
            case Progress(count):
                progress(part.table.name, count)
            case Ready() | Failure():
                pass
            case _:
                assert_never(message)
    return None


@contextmanager
def started(path: Path, target: Target, count: int) -> Iterator[Processes]:
    """So many processes, connected to both databases, which end with the block. Raises what a connection fails with."""
    program = interpreter()
    assert program is not None
    workers = []
    try:
        for _ in range(count):
            process = subprocess.Popen([program, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert process.stdin is not None and process.stdout is not None
            workers.append(_Worker(process, process.stdin, process.stdout))
        for worker in workers:
            worker.tell(sys.path)
            worker.tell(Databases(path, target))
        for worker in workers:
            worker.hear()
        yield Processes(tuple(workers))
    finally:
        Processes(tuple(workers)).end()


def parts_of(
    source: Source, tables: Iterable[MovedTable], judged: Mapping[str, Collection[str]] | None = None
) -> list[Part]:
    """The tables, the largest first; a large one in parts, which have all row ids there can be. `judged`: by table, the
    folded names of the columns in which some values may not fit; None if all may."""
    sized = []
    for table in tables:
        columns = None if judged is None else frozenset(judged.get(table.name, ()))
        size, parts = _parts(source, table)
        sized += [(size, Part(table, columns, part)) for part in parts]
    return [part for _, part in sorted(sized, key=lambda one: -one[0])]


def _parts(source: Source, table: MovedTable) -> tuple[int, list[RowIds | None]]:
    """A measure of the size, and the parts."""
    if table.rowid is None:
        return 0, [None]
    query = f"SELECT min({table.rowid}), max({table.rowid}) FROM main.{quote(table.name)}"
    first, last = source.execute(query).fetchone()
    if first is None or last - first < LARGE:
        return (last - first if first is not None else 0), [None]
    step = max(LARGE, (last - first) // (4 * MOST) + 1)
    starts = [FIRST, *range(first + step, last + 1, step)]
    ends = [start - 1 for start in starts[1:]] + [LAST]
    return last - first, [RowIds(start, end) for start, end in zip(starts, ends, strict=True)]
