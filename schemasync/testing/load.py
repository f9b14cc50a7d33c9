"""Run processes that write to a database and read it while a test changes its schema, and collect their results."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..files.interpreter import interpreter
from ..schema.model import Schema, Table
from ..schema.names import fold, quote
from . import load_process

TABLE = "schemasync_testing_writes"
CREATE = f"CREATE TABLE IF NOT EXISTS {TABLE} (key TEXT PRIMARY KEY)"
DROP = f"DROP TABLE IF EXISTS {TABLE}"
INSERT = f"INSERT INTO {TABLE} VALUES (:key)"
SELECT = f"SELECT key FROM {TABLE}"
PATIENCE = 90.0  # seconds for a process to write, or to end


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of the processes. `inserts`: the first that fits the tables is executed, with the parameters
    `:key`, a text, and `:number`. `queries`: the first that fits returns all keys. `touches`: by table a statement that
    writes a row without a change, so that the run has writes of that table to replay."""

    inserts: tuple[str, ...] = (INSERT,)
    queries: tuple[str, ...] = (SELECT,)
    touches: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A transaction of a process, with times of `time.monotonic`. `error` is empty if it succeeded."""

    process: str
    key: str
    begun: float
    ended: float
    error: str = ""

    @property
    def wait_ms(self) -> float:
        return (self.ended - self.begun) * 1000


@dataclass(frozen=True, slots=True)
class Observed:
    """The results of all processes. `touched`: the tables in which a row was written. `vanished`: a phrase for each
    read that saw fewer keys than the one before. `died`: for each process that ended by an error, its output."""

    writes: tuple[Event, ...] = ()
    reads: tuple[Event, ...] = ()
    touched: frozenset[str] = frozenset()
    vanished: tuple[str, ...] = ()
    died: tuple[str, ...] = ()

    @property
    def acknowledged(self) -> frozenset[str]:
        """The keys of all writes that were committed."""
        return frozenset(write.key for write in self.writes if not write.error)

    @property
    def failed(self) -> tuple[Event, ...]:
        """The writes and reads that raised an error."""
        return tuple(event for event in (*self.writes, *self.reads) if event.error)

    def during(self, begun: float, ended: float) -> Iterator[Event]:
        """Return the writes that were under way at some moment of this time."""
        return (write for write in self.writes if write.begun <= ended and write.ended >= begun)


class Load:
    """A context manager that runs the processes during the block. When it begins, each has done a transaction."""

    def __init__(self, path: Path, statements: Statements, *, writers: int = 1, readers: int = 0) -> None:
        self.path, self.statements = path, statements
        self._names = [f"writer {n + 1}" for n in range(writers)] + [f"reader {n + 1}" for n in range(readers)]
        self._processes: list[_Process] = []

    def __enter__(self) -> Load:
        self._processes = [_Process(name, self._config(name)) for name in self._names]
        try:
            self.wait_for_each(1)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def wait_for_each(self, more: int) -> None:
        """Wait until each process has done `more` transactions. Raises AssertionError if one has ended or takes too
        long."""
        wanted = {process.name: process.count() + more for process in self._processes}
        deadline = time.monotonic() + PATIENCE
        while behind := [process for process in self._processes if process.count() < wanted[process.name]]:
            ended = [process for process in behind if process.popen.poll() is not None]
            assert not ended, f"{ended[0].name} has ended: {ended[0].stderr()}"
            assert time.monotonic() < deadline, f"{behind[0].name} has done nothing for {PATIENCE:g} s"
            time.sleep(0.002)

    def stop(self) -> Observed:
        """Let each process finish its transaction and end. Return the results."""
        for process in self._processes:
            process.close_stdin()
        return _observed([(process.name, process.events(), process.end()) for process in self._processes])

    def kill(self) -> None:
        for process in self._processes:
            process.kill()

    def _config(self, name: str) -> dict[str, object]:
        return {
            "path": str(self.path.absolute()),
            "name": name.replace(" ", ""),
            "writes": name.startswith("writer"),
            "inserts": self.statements.inserts,
            "queries": self.statements.queries,
            "touches": dict(self.statements.touches),
        }


class _Process:
    def __init__(self, name: str, config: Mapping[str, object]) -> None:
        python = interpreter()
        assert python is not None, "a test of this kind needs an interpreter for its processes"
        self.name = name
        self._out: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by `kill`
        self._err: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.popen = subprocess.Popen(
            [python, "-I", load_process.__file__], stdin=subprocess.PIPE, stdout=self._out, stderr=self._err
        )
        assert self.popen.stdin is not None
        self.popen.stdin.write((json.dumps(config) + "\n").encode())
        self.popen.stdin.flush()

    def count(self) -> int:
        return _content(self._out).count(b"\n")

    def stderr(self) -> str:
        return _content(self._err).decode(errors="replace").strip()

    def events(self) -> list[dict[str, Any]]:
        """Wait for the end of the process, and return all its events. A process that does not end is killed."""
        try:
            self.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        lines = _content(self._out).split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    def end(self) -> str:
        """Return '' if the process succeeded, or its exit code and its output."""
        code = self.popen.wait()
        return f"ended with {code}: {self.stderr()}" if code else ""

    def close_stdin(self) -> None:
        if self.popen.stdin is not None:
            self.popen.stdin.close()

    def kill(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.close_stdin()
        self.popen.wait()
        self._out.close()
        self._err.close()


def _content(file: IO[bytes]) -> bytes:
    """Return the output of a process so far, without moving the position at which it writes."""
    number = file.fileno()
    return os.pread(number, os.fstat(number).st_size, 0)


def _observed(answers: Sequence[tuple[str, list[dict[str, Any]], str]]) -> Observed:
    writes: list[Event] = []
    reads: list[Event] = []
    touched: set[str] = set()
    vanished: list[str] = []
    for name, events, _ in answers:
        for event in events:
            key = str(event.get("done") or event.get("failed") or event.get("read") or event.get("unread"))
            one = Event(name, key, event["begun"], event["ended"], event.get("error", ""))
            (writes if "done" in event or "failed" in event else reads).append(one)
            touched |= {event["touched"]} if event.get("touched") else set()
            if "seen" in event and event["seen"] < event["before"]:
                vanished.append(f"{name} saw {event['before']} keys, and {event['seen']} afterwards")
    died = tuple(f"{name} {how}" for name, _, how in answers if how)
    return Observed(tuple(writes), tuple(reads), frozenset(touched), tuple(vanished), died)


def touches(schema: Schema) -> dict[str, str]:
    """Return, for each table without triggers, a statement that writes one of its rows without a change."""
    return {table.name: _touch(table) for table in schema.tables if table.virtual is None and not table.triggers}


def _touch(table: Table) -> str:
    name, column = quote(table.name), quote(_column_to_touch(table))
    if table.without_rowid:
        assert table.primary_key is not None
        key = ", ".join(quote(str(part.column)) for part in table.primary_key.columns)
        return f"UPDATE {name} SET {column} = {column} WHERE ({key}) IN (SELECT {key} FROM {name} LIMIT 1)"
    taken = {fold(one.name) for one in table.columns}
    rowid = next((word for word in ("rowid", "oid", "_rowid_") if word not in taken), "rowid")
    some = f"abs(random()) % (SELECT max({rowid}, 0) + 1 FROM {name} ORDER BY {rowid} DESC LIMIT 1)"
    one = f"SELECT {rowid} FROM {name} WHERE {rowid} >= {some} LIMIT 1"
    return f"UPDATE {name} SET {column} = {column} WHERE {rowid} = ({one})"


def _column_to_touch(table: Table) -> str:
    """Return a column that is not generated, and if possible not part of the key."""
    key = {fold(part.column or "") for part in table.primary_key.columns} if table.primary_key else set()
    plain = [one.name for one in table.columns if one.generated is None]
    return next((name for name in plain if fold(name) not in key), plain[0])


def missing(path: Path, statements: Statements, acknowledged: Collection[str]) -> list[str]:
    """Return the acknowledged keys that the database does not have, sorted."""
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        for query in statements.queries:
            try:
                found = {str(row[0]) for row in connection.execute(query)}
            except sqlite3.OperationalError:
                if query is statements.queries[-1]:
                    raise
            else:
                return sorted(set(acknowledged) - found)
    return []
