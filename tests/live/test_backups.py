"""Backups while writers write and runs swap the file: each holds the state of one moment."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from schemasync.files.disk import Disk
from schemasync.keep.backup import backup
from schemasync.keep.restore import restore, restored_copy
from schemasync.keep.sources import Stored, as_backup, chosen
from schemasync.keep.store import store
from schemasync.sync import restore as live_restore
from schemasync.sync.run.progress import Silent
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.processes import child

from .oracle import read

FORK = multiprocessing.get_context("fork")
WRITERS = 2
OLD = {
    "debit": {"id": "INTEGER PRIMARY KEY", "writer": "INTEGER", "number": "INTEGER"},
    "credit": {"id": "INTEGER PRIMARY KEY", "writer": "INTEGER", "number": "INTEGER"},
}
SCHEMAS = (
    {**OLD, "credit": {**OLD["credit"], "number": "TEXT"}},  # a rewrite
    {**OLD, "credit": {**OLD["credit"], "number": "TEXT", "note": "TEXT"}},
)
"""The schemas to which the runs sync, one after the other."""


def write(link: Path, writer: int, over, acknowledged) -> None:
    """Write both halves of a transfer in one transaction, again and again with rising numbers, to the live file."""
    while not over.is_set():
        number = acknowledged.value + 1
        with suppress(sqlite3.Error), closing(sqlite3.connect(link, isolation_level=None, timeout=5)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO debit (writer, number) VALUES (?, ?)", (writer, number))
            connection.execute("INSERT INTO credit (writer, number) VALUES (?, ?)", (writer, number))
            connection.execute("COMMIT")
            acknowledged.value = number
        time.sleep(0.002)


def halves(path: Path, table: str) -> dict[int, list[int]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"SELECT writer, CAST(number AS INTEGER) FROM {table} ORDER BY id").fetchall()
    return {writer: [number for one, number in rows if one == writer] for writer in range(WRITERS)}


@pytest.fixture
def written(folder):
    """A database to which processes write: its link, and the last acknowledged number of each process."""
    link = folder / "db.sqlite3"
    child(lambda: sync(target(link), read(OLD)).result).result()
    over, acknowledged = FORK.Event(), [FORK.Value("q", 0) for _ in range(WRITERS)]
    writers = [FORK.Process(target=write, args=(link, one, over, acknowledged[one])) for one in range(WRITERS)]
    for one in writers:
        one.start()
    yield link, acknowledged
    over.set()
    for one in writers:
        one.join()


def test_each_is_a_state_that_was_true_at_one_moment(written, folder):
    link, acknowledged = written
    kept = store(link, "default")
    before = []

    def made():
        before.append([one.value for one in acknowledged])
        child(lambda: backup(target(link), kept, "default").name).result()

    made()
    for schema in SCHEMAS:
        run = FORK.Process(target=sync, args=(target(link), read(schema)))
        run.start()
        made()
        run.join()
        assert run.exitcode == 0
        made()
    found = kept.find().backups
    assert len(found) == len(before) == 1 + 2 * len(SCHEMAS)
    assert {one.data["generation"][:4] for one in found} >= {"0001", "0003"}
    for number, (one, there) in enumerate(zip(found, before, strict=True)):
        path = folder / f"restored-{number}.sqlite3"
        restore(target(link).opener, Stored(one, kept), path, Silent(), Disk())
        debit, credit = halves(path, "debit"), halves(path, "credit")
        assert debit == credit, "half of a transaction"
        assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in debit.values()), "a write is missing"
        assert all(len(debit[writer]) >= last for writer, last in enumerate(there)), "acknowledged before it began"


def test_a_restore_beside_writers_loses_no_acknowledged_write(written, folder):
    """Each write is in the live file or in the archive that was set aside."""
    link, acknowledged = written
    kept = store(link, "default")
    child(lambda: backup(target(link), kept, "default").name).result()
    wait_for(acknowledged, 50)

    def restored():
        source = chosen(kept, target(link))
        with restored_copy(target(link), source) as copy:
            done = live_restore.restore(target(link), copy, as_backup(source), lambda ahead: True)
        return {one.table: (one.added, one.changed, one.removed) for one in done.ahead.preview.written}

    counted = child(restored).result()
    there = [one.value for one in acknowledged]
    wait_for(acknowledged, 50)
    aside, live = (halves(path, "debit") for path in sorted(folder.glob("db.sqlite3.generations/*.sqlite3")))
    assert halves(folder / "db.sqlite3", "credit").keys() == live.keys()
    for writer in range(WRITERS):
        both = {*aside[writer], *live[writer]}
        assert both >= set(range(1, there[writer] + 1)), "an acknowledged write is in neither file"
        assert len(aside[writer]) == len(set(aside[writer])) and max(live[writer]) > there[writer]
    since = sum(len(set(aside[writer]) - set(live[writer])) for writer in range(WRITERS))
    assert counted["debit"] == counted["credit"] == (since, 0, 0)


def wait_for(acknowledged, more):
    """Wait until each writer has written so many more transactions."""
    wanted, until = [one.value + more for one in acknowledged], time.monotonic() + 30
    while any(one.value < least for one, least in zip(acknowledged, wanted, strict=True)):
        assert time.monotonic() < until, "the writers do not get on"
        time.sleep(0.01)


@pytest.mark.slow
def test_one_a_second_beside_writers_and_two_swaps_each_is_a_state_that_was_true(written, folder):
    """Each backup holds all writes acknowledged before it began, and none that began after it ended."""
    link, acknowledged = written
    kept, moments, runs = store(link, "default"), [], []
    for second in range(12):
        before, begun = [one.value for one in acknowledged], time.monotonic()
        child(lambda: backup(target(link), kept, "default").name).result()
        moments.append((before, [one.value + 1 for one in acknowledged]))
        if second in (3, 7):
            runs.append(FORK.Process(target=sync, args=(target(link), read(SCHEMAS[len(runs)]))))
            runs[-1].start()
        time.sleep(max(0.0, 1 - (time.monotonic() - begun)))
    for run in runs:
        run.join()
        assert run.exitcode == 0
    found = kept.find().backups
    assert [one.data["generation"][:4] for one in found[:1] + found[-1:]] == ["0001", "0003"]
    for number, (one, (before, after)) in enumerate(zip(found, moments, strict=True)):
        path = folder / f"restored-{number}.sqlite3"
        restore(target(link).opener, Stored(one, kept), path, Silent(), Disk())
        debit, credit = halves(path, "debit"), halves(path, "credit")
        assert debit == credit, "half of a transaction"
        for writer in range(WRITERS):
            assert debit[writer] == list(range(1, len(debit[writer]) + 1)), "a write is missing"
            assert before[writer] <= len(debit[writer]) <= after[writer], "of another moment"


@pytest.mark.parametrize("looks", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_a_snapshot_of_the_whole_volume_at_one_instant_is_whole(written, folder, looks):
    """The test stops the writers and the run while it copies, as a snapshot of the disk does."""
    link, acknowledged = written
    run = FORK.Process(target=sync, args=(target(link), read(SCHEMAS[0])))
    run.start()
    working = [one.pid for one in multiprocessing.active_children()]
    taken = []
    for number in range(looks):
        for pid in working:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        place = folder / f"volume-{number}"
        place.mkdir()
        subprocess.run(["cp", "-a", link, f"{link}.generations", place], check=True)
        taken.append((place / link.name, [one.value for one in acknowledged]))
        for pid in working:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        time.sleep(0.02)
    run.join()
    assert run.exitcode == 0
    for copy, before in taken:
        restored = copy.with_name("restored.sqlite3")
        restore(
            target(copy).opener, chosen(store(link, "default"), target(link), str(copy)), restored, Silent(), Disk()
        )
        child(lambda copy=copy: sync(target(copy), read(SCHEMAS[0])).result).result()  # goes on in its place
        for path in (restored, copy):
            debit, credit = halves(path, "debit"), halves(path, "credit")
            assert debit == credit, "half of a transaction"
            for writer in range(WRITERS):
                assert before[writer] <= len(debit[writer]) <= before[writer] + 1
