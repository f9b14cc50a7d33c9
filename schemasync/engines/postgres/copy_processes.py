"""Copies several tables at once, and parts of large ones, in processes that read one and the same state of SQLite."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import IO, assert_never

from ...errors import Code, Failed
from ...files.interpreter import interpreter
from ...schema.names import quote
from ..sqlite.connection import Connection as Source
from ..sqlite.for_postgres.reading import ChangedValue, Changes
from .connection import Target
from .copy import RowIds
from .copy_worker import Begin, Copied, Databases, Failure, Message, Progress, Ready, Work
from .moved import MovedTable

MOST = 4  # more processes than that wait for PostgreSQL
LARGE = 250_000  # row ids of a part: enough for a second of work
# The path of modules comes first: this package may be found by a change of it alone.
_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from schemasync.engines.postgres.copy_worker import main; main()"
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
        """The next message. Raises what the process failed with, or Failed if it has ended without a word."""
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
            f"a process that copied rows has ended (exit code {self.process.wait()})",
            "The live file is unchanged. Its output is above; run the same command again.",
        )


@dataclass(frozen=True, slots=True)
class CopyProcesses:
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
        work: Iterable[Work],
        changes: Changes,
        progress: Callable[[str, int], None] = lambda table, rows: None,
    ) -> dict[str, int]:
        """Copy all; returns the number of rows of each table. `progress` gets a table and how many rows more it has.

        The first error ends it; then other tables and parts may be there, or not. After it the processes are of no use.
        """
        waiting: SimpleQueue[Work] = SimpleQueue()
        rows: dict[str, int] = {}
        for one in work:
            rows.setdefault(one.table.name, 0)
            waiting.put(one)
        lock = Lock()

        def obey(worker: _Worker) -> None:
            for one in _taken(waiting):
                worker.tell(one)
                while not _is_done(one, worker.hear(), lock, rows, changes, progress):
                    pass

        with ThreadPoolExecutor(len(self._workers)) as pool:
            futures = [pool.submit(obey, worker) for worker in self._workers]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self.end()
                raise
        return rows

    def end(self) -> None:
        """End all processes, at once. PostgreSQL rolls back what was under way."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()
            worker.reading.close()
            with suppress(OSError):  # it cannot be given what it was not given yet
                worker.writing.close()


def _taken(waiting: SimpleQueue[Work]) -> Iterator[Work]:
    while True:
        try:
            yield waiting.get_nowait()
        except Empty:
            return


def _is_done(
    work: Work,
    message: Message,
    lock: Lock,
    rows: dict[str, int],
    changes: Changes,
    progress: Callable[[str, int], None],
) -> bool:
    with lock:
        match message:
            case Copied(count):
                rows[work.table.name] += count
                return True
            case Progress(count):
                progress(work.table.name, count)
            case ChangedValue():
                changes.add(message)
            case Ready() | Failure():
                pass
            case _:
                assert_never(message)
    return False


@contextmanager
def copy_processes(path: Path, target: Target, count: int) -> Iterator[CopyProcesses]:
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
        yield CopyProcesses(tuple(workers))
    finally:
        CopyProcesses(tuple(workers)).end()


def work_of(
    source: Source, tables: Iterable[MovedTable], judged: Mapping[str, Collection[str]] | None = None
) -> list[Work]:
    """The tables as pieces of work, the largest first; a large one is in parts. `judged`: by table, the folded names of
    the columns in which some values may not fit; None if all may."""
    sized = []
    for table in tables:
        columns = None if judged is None else frozenset(judged.get(table.name, ()))
        for part in _parts(source, table):
            size = part.last - part.first if part is not None else 0
            sized.append((size, Work(table, columns, part)))
    return [work for _, work in sorted(sized, key=lambda one: -one[0])]


def _parts(source: Source, table: MovedTable) -> list[RowIds | None]:
    if table.rowid is None:
        return [None]
    query = f"SELECT min({table.rowid}), max({table.rowid}) FROM main.{quote(table.name)}"
    first, last = source.execute(query).fetchone()
    if first is None or last - first < LARGE:
        return [RowIds(first, last)] if first is not None else [None]
    step = max(LARGE, (last - first) // (4 * MOST) + 1)
    starts = range(first, last + 1, step)
    return [RowIds(start, min(start + step - 1, last)) for start in starts]
