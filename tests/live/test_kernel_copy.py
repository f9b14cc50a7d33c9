"""A copy by the kernel equals the snapshot, whatever others write and checkpoint. Where it fails, SQLite copies."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.rebuild.start import clone
from schemasync.engines.sqlite.transactions import hold_writers, let_go, snapshot
from schemasync.files import kernel_copy
from schemasync.files.kernel_copy import KernelCopy
from schemasync.files.layout import inode_of
from schemasync.sync.eject import eject
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.support.processes import is_there

from .copying import copied, created, different, written
from .oracle import read

ROOT = Path(__file__).resolve().parents[2]
OPENER = Opener()
V1 = {"t": {"id": "INTEGER PRIMARY KEY", "body": "varchar(100)"}}
V2 = {"t": {"id": "INTEGER PRIMARY KEY", "body": "varchar(200)"}}


@pytest.fixture(autouse=True)
def _on_a_slow_machine_too(monkeypatch):
    monkeypatch.setattr(kernel_copy, "PATIENCE", 30.0)
    monkeypatch.setattr(kernel_copy, "NOTE_PATIENCE", 30.0)


@pytest.fixture
def path(folder):
    """A database of a megabyte, which a connection holds open."""
    found = folder / "db"
    created(found, random.Random(1))
    with closing(sqlite3.connect(found)) as connection:
        connection.execute("SELECT count(*) FROM t").fetchone()
        yield found


@pytest.fixture
def outcomes(monkeypatch):
    """A list that gets, for each copy of a run in the test, whether the kernel made it."""
    found, copy = [], KernelCopy.copy

    def noted(self, *arguments):
        found.append(copy(self, *arguments))
        return found[-1]

    monkeypatch.setattr(KernelCopy, "copy", noted)
    return found


class Copy:
    """A copy of a database in steps."""

    def __init__(self, path, meanwhile=lambda writer: None, before_copy=lambda copying: None):
        self.path = path.with_name("copy")
        self.path.touch()
        with (
            closing(OPENER.read(path)) as source,
            closing(OPENER.write(path)) as writer,
            closing(OPENER.build(self.path)) as connection,
            kernel_copy.kernel_copy(path, inode_of(path), self.path) as copying,
        ):
            hold_writers(writer)
            copying.note_end()
            with snapshot(source):
                let_go(writer)
                meanwhile(writer)
                before_copy(copying)
                clone(source, connection, copying)
                self.by_kernel = copying.is_possible
                with closing(sqlite3.connect(path.with_name("by_sqlite"))) as by_sqlite:
                    source.backup(by_sqlite)
                self.rows = connection.execute("SELECT count(*) FROM t").fetchone()[0]
                self.page_size = source.execute("PRAGMA page_size").fetchone()[0]
        self.differs = different(self.path, path.with_name("by_sqlite"), self.page_size)


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("checkpoint", ["", "PASSIVE", "TRUNCATE"])
def test_the_copy_is_the_snapshot_page_for_page(folder, page_size, encoding, checkpoint):
    path = folder / "db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in (f"page_size={page_size}", f"encoding='{encoding}'", "journal_mode=WAL"):
            connection.execute(f"PRAGMA {pragma}").fetchone()
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany("INSERT INTO t (body) VALUES (?)", [("x" * 500,)] * 500)
        if checkpoint:
            connection.execute(f"PRAGMA wal_checkpoint({checkpoint})").fetchone()
        connection.execute("UPDATE t SET body = 'y' WHERE id % 7 = 0")
        made = Copy(path, lambda writer: writer.execute("DELETE FROM t"))
    assert made.by_kernel
    assert (made.rows, made.differs) == (500, [])


def test_a_log_that_was_reset_after_the_snapshot_began_is_left_alone(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0] == 0

        def again(writer):
            writer.execute("DELETE FROM t WHERE id % 2 = 0")  # now the log begins with other frames

        made = Copy(path, again)
    assert made.by_kernel
    assert (made.rows, made.differs) == (2000, [])


def test_beside_writers_and_every_checkpoint_it_is_the_snapshot(folder):
    path = folder / "db"
    created(path, random.Random(4), rows=500)
    with written(path, 4, writers=3):
        counts = sum((copied(path, folder) for _ in range(8)), start=copied(path, folder))
    assert counts["copies by the kernel"] >= 6  # if the log is reset while it is read, SQLite copies instead


def killed(copying):
    os.kill(copying._process.pid, signal.SIGKILL)
    copying._process.wait()


def cut_off(copying):
    """Fail like a copy process that has written a part of the file."""
    os.truncate(copying._target, 100_000)
    killed(copying)


@pytest.mark.parametrize("how", [killed, cut_off])
def test_sqlite_copies_where_the_process_ends(path, how):
    made = Copy(path, before_copy=how)
    assert not made.by_kernel
    assert (made.rows, made.differs) == (2000, [])


RESET_MEANWHILE = f"""
import sqlite3, sys
from contextlib import closing
sys.path.insert(0, {str(ROOT)!r})
from schemasync.files import copy_process
frames = copy_process.frames

def reset_meanwhile(*arguments):
    for number, frame in enumerate(frames(*arguments)):
        if number == 1:
            with closing(sqlite3.connect(sys.argv[1], isolation_level=None)) as writer:
                writer.execute("DELETE FROM t WHERE id % 2 = 0")
        yield frame

copy_process.frames = reset_meanwhile
copy_process.main(*sys.argv[1:])
"""


def test_sqlite_copies_where_the_log_is_reset_after_its_first_frame_was_read(path, monkeypatch):
    monkeypatch.setattr(kernel_copy, "CHILD", path.with_name("child.py"))
    kernel_copy.CHILD.write_text(RESET_MEANWHILE)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE t SET body = 'y' WHERE id % 7 = 0")
        _, frames, written_back = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert frames == written_back > 1
        made = Copy(path)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1000,)
    assert not made.by_kernel
    assert (made.rows, made.differs) == (2000, [])


def test_sqlite_copies_a_database_with_a_rollback_journal(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        pass
    with closing(sqlite3.connect(path.with_name("journal"), isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1")
    made = Copy(path.with_name("journal"))
    assert not made.by_kernel
    assert (made.rows, made.differs) == (1, [])


def test_sqlite_copies_what_an_extension_may_have_computed(folder):
    path = folder / "db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=1")
    content = bytearray(path.read_bytes())
    content[20] = 8  # the reserved bytes at the end of each page, such as a checksum
    content[105:107] = (len(content) - 8).to_bytes(2, "big")  # the end of the cells of the first page
    path.write_bytes(content)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute("CREATE TABLE t AS SELECT 1")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        made = Copy(path)
    assert not made.by_kernel
    assert (made.rows, made.differs) == (1, [])


@pytest.mark.parametrize(
    "why",
    ["small", "another file", "an embedding server", "another file system"],
)
def test_no_process_is_asked_where_it_cannot_help(path, monkeypatch, why):
    inode = inode_of(path)
    if why == "small":
        monkeypatch.setattr(kernel_copy, "LARGE", 10**9)
    if why == "another file":
        inode = (1, 1)
    if why == "another file system":  # there is none here, so the file system of the test is removed from the list
        monkeypatch.setattr(kernel_copy, "FILE_SYSTEMS", {"zfs"})
    if why == "an embedding server":
        monkeypatch.setattr(sys, "executable", "/usr/sbin/server")
    with kernel_copy.kernel_copy(path, inode, path.with_name("copy")) as copying:
        assert not copying.is_possible
        copying.note_end()
        assert not copying.copy(1, 512, lambda done, total: None)


@pytest.mark.parametrize("block_writers", [False, True])
def test_a_sync_and_an_eject_copy_by_the_kernel(folder, outcomes, block_writers):
    link = folder / "db.sqlite3"
    sync(target(link), read(V1))
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        connection.executemany("INSERT INTO t (body) VALUES (?)", [("x" * 500,)] * 500)
        sync(target(link), read(V2), SyncOptions(block_writers=block_writers))
    eject(target(link), None, lambda plain: None)
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT count(*), sum(length(body)) FROM t").fetchone() == (500, 250_000)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert outcomes == [True, True]


def test_a_writer_that_holds_the_lock_does_not_stop_a_run(folder, outcomes, monkeypatch):
    """Capture waits for such a writer anyway, but another one may begin between capture and copy."""
    from schemasync.sync.phases import build_source

    link = folder / "db.sqlite3"
    sync(target(link), read(V1))
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        connection.execute("INSERT INTO t (body) VALUES ('first')")
        noted = build_source.write_lock

        def late(*arguments, **more):
            connection.execute("BEGIN IMMEDIATE")
            try:
                return noted(*arguments, **more).__enter__()
            finally:
                connection.execute("COMMIT")

        monkeypatch.setattr(build_source, "write_lock", late)
        monkeypatch.setattr(build_source, "LOCK_WAIT", 0.1)
        sync(target(link), read(V2))
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT body FROM t").fetchall() == [("first",)]
    assert outcomes == [False]


PARENT = """
import sys, time
from pathlib import Path
from schemasync.files import kernel_copy
from schemasync.files.layout import inode_of
path = Path(sys.argv[1])
kernel_copy.LARGE = 0
with kernel_copy.kernel_copy(path, inode_of(path), path.with_name("copy")) as copying:
    print(copying._process.pid if copying.is_possible else 0, flush=True)
    time.sleep(60)
"""


def test_the_process_dies_with_its_parent(path):
    path.with_name("copy").touch()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        process = int(parent.stdout.readline())
        assert process
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_there(process):
        assert time.monotonic() < deadline, "it goes on for nobody"
        time.sleep(0.02)


def test_the_process_is_gone_when_the_block_fails(path):
    path.with_name("copy").touch()
    with (
        pytest.raises(ZeroDivisionError),
        kernel_copy.kernel_copy(path, inode_of(path), path.with_name("copy")) as copying,
    ):
        process = copying._process.pid
        assert is_there(process)
        _ = 1 / 0
    assert not is_there(process)
