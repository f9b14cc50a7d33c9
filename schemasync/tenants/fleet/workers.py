"""Run a job in several processes, each of which works on one tenant after the other.

A process reads keys from its standard input, and ends with it: if the run dies, each finishes its tenant and ends.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import IO

from django.conf import settings

from ...errors import Code, Failed
from ...files.interpreter import interpreter
from .one import Job, Outcome

# The process gets sys.path first, as this package may be importable only by a changed one.
_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from schemasync.tenants.fleet.worker import main; main()"
)


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    writing: IO[bytes]
    reading: IO[bytes]

    def do(self, key: str) -> Outcome:
        """Let the process do its job with a tenant, and return the outcome. Raises Failed if the process has ended."""
        try:
            self.send(key)
            outcome: Outcome = pickle.load(self.reading)  # of our own process
        except (EOFError, OSError) as error:
            raise Failed.of(
                Code.INTERRUPTED,
                f'a process that was at work on the tenant "{key}" has ended (exit code {self.process.wait()})',
                "Its output is above. Each file is whole, in its old or its new version. To go on, run the same "
                "command again.",
            ) from error
        return outcome

    def send(self, message: object) -> None:
        pickle.dump(message, self.writing)
        self.writing.flush()

    def end(self) -> None:
        """Let the process finish its tenant, and wait for its end."""
        with suppress(OSError):
            self.writing.close()
        self.process.wait()
        self.reading.close()


def each_done(job: Job, keys: list[str], count: int, go_on: Callable[[Outcome], bool]) -> None:
    """Do the job with these tenants in `count` processes; in this process for 1. `go_on` gets each outcome, and stops
    the run by returning False: the tenants that are at work are finished, and reported, too."""
    if count <= 1 or len(keys) <= 1 or interpreter() is None or not settings.SETTINGS_MODULE:
        for key in keys:
            if not go_on(job(key)):
                return
        return
    _in_processes(job, keys, min(count, len(keys)), go_on)


def _in_processes(job: Job, keys: list[str], count: int, go_on: Callable[[Outcome], bool]) -> None:
    ahead, lock = iter(keys), Lock()
    is_stopped = False

    def obey(worker: _Worker) -> None:
        nonlocal is_stopped
        while True:
            with lock:
                key = None if is_stopped else next(ahead, None)
            if key is None:
                return
            try:
                outcome = worker.do(key)
            except BaseException:
                is_stopped = True
                raise
            with lock:
                if not go_on(outcome):
                    is_stopped = True

    workers: list[_Worker] = []
    try:
        workers.extend(_started(job, count))
        with ThreadPoolExecutor(count) as pool:
            futures = [pool.submit(obey, worker) for worker in workers]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                is_stopped = True  # the pool waits for the tenants that are at work
                raise
    finally:
        for worker in workers:
            worker.end()


def _started(job: Job, count: int) -> Iterator[_Worker]:
    program = interpreter()
    assert program is not None
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": str(settings.SETTINGS_MODULE)}
    for _ in range(count):
        process = subprocess.Popen(
            [program, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        assert process.stdin is not None and process.stdout is not None
        worker = _Worker(process, process.stdin, process.stdout)
        worker.send(sys.path)
        worker.send(sys.argv[:1])
        worker.send(job)
        yield worker
