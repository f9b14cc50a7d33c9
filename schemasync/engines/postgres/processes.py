"""Copies and compares several tables at once, and parts of large ones, in processes that read the same state of
SQLite."""

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

MOST = 4  # more processes would wait for PostgreSQL
LARGE = 250_000  # row ids of a part: about a second of work
# The path of modules is sent first: without it, the process may not find this package.
_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from schemasync.engines.postgres.worker import main; main()"
)


def useful() -> int:
    """Return how many processes are worth starting: 0 if there is no interpreter to run them."""
    return 0 if interpreter() is None else min(MOST, _cpus())


def _cpus() -> int:
    """Return how many CPUs this process may use; on macOS, which has no affinity, how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    writing: IO[bytes]
    reading: IO[bytes]

    def send(self, message: object) -> None:
        try:
            pickle.dump(message, self.writing)
            self.writing.flush()
        except OSError as error:
            raise self._ended() from error

    def receive(self) -> Message:
        """Return the next message. Raises the error of the process, or Failed if it ended without one."""
        try:
            message: Message = pickle.load(self.reading)  # from our own process
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
    """Processes that copy and compare parts of tables."""

    _workers: tuple[_Worker, ...]

    def begin(self) -> None:
        """Begin a transaction in each process. Hold the write lock, so that nobody commits meanwhile: then all see the
        same."""
        for worker in self._workers:
            worker.send(Begin())
        for worker in self._workers:
            worker.receive()

    def copy(
        self,
        parts: Iterable[Part],
        changes: Changes,
        progress: Callable[[str, int], None] = lambda table, rows: None,
    ) -> dict[str, int]:
        """Copy all parts; return the number of rows of each table. `progress` is called with a table and its number of
        new rows.

        The first error ends the copying; other tables and parts may then be there, or not. After an error the processes
        cannot be used again.
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
        """Compare all parts; return the proof for each table."""
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
                worker.send(order)
                while (done := _received(part, worker.receive(), lock, progress)) is None:
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
        """Kill all processes. PostgreSQL rolls back their open transactions."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()
            worker.reading.close()
            with suppress(OSError):  # a dead process does not take what is still in the buffer
                worker.writing.close()


def _comparable(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield the parts; in place of parts that cannot be compared by themselves, yield the whole table once."""
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


def _received(part: Part, message: Message, lock: Lock, progress: Callable[[str, int], None]) -> Done | None:
    """Return a message that completes the part; None for any other one. Reports progress."""
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
    """Start so many processes, connected to both databases, and end them with the block. Raises the error of a
    connection."""
    program = interpreter()
    assert program is not None
    workers = []
    try:
        for _ in range(count):
            process = subprocess.Popen([program, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert process.stdin is not None and process.stdout is not None
            workers.append(_Worker(process, process.stdin, process.stdout))
        for worker in workers:
            worker.send(sys.path)
            worker.send(Databases(path, target))
        for worker in workers:
            worker.receive()
        yield Processes(tuple(workers))
    finally:
        Processes(tuple(workers)).end()


def parts_of(
    source: Source, tables: Iterable[MovedTable], judged: Mapping[str, Collection[str]] | None = None
) -> list[Part]:
    """Return the tables, the largest first; a large one in parts, which cover all possible row ids. `judged`: by table,
    the folded names of the columns in which some values may not fit; None if all may."""
    sized = []
    for table in tables:
        columns = None if judged is None else frozenset(judged.get(table.name, ()))
        size, parts = _parts(source, table)
        sized += [(size, Part(table, columns, part)) for part in parts]
    return [part for _, part in sorted(sized, key=lambda one: -one[0])]


def _parts(source: Source, table: MovedTable) -> tuple[int, list[RowIds | None]]:
    """Return a measure of the table's size, and its parts."""
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
