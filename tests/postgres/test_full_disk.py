"""The disk of PostgreSQL is full in the middle of a move: nothing is lost, and the next run completes the move."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from schemasync.engines.postgres.connection import Target as Server
from schemasync.errors import SchemasyncError
from schemasync.sync.move.goal import MoveStep
from tests.crash.databases import traces
from tests.support import postgres as servers
from tests.support.postgres import USER, Database

from .small_database import assert_equal, make
from .test_move_faults import at, run, writes

pytestmark = pytest.mark.slow

ROWS = 30_000  # more than fits in the free space of a table's pages


@pytest.fixture
def link(tmp_path):
    make(tmp_path / "db.sqlite3")
    return tmp_path / "db.sqlite3"


@pytest.fixture
def small_disk(postgres):
    """A folder that is a separate, small disk. The fixture `postgres` decides whether there is a server."""
    folder = Path(tempfile.mkdtemp(prefix="pg-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        folder.rmdir()
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


@contextmanager
def data_on(folder):
    """Run a server whose data and transaction log are on that disk; yield its folder."""
    servers.start(folder / "server")
    try:
        yield folder / "server"
    finally:
        with suppress(AssertionError):  # the server has stopped by itself
            servers.stop(folder / "server")


@contextmanager
def tables_on(folder):
    """Run a server with only the tables on that disk; yield its socket."""
    (folder / "space").mkdir()
    for owner in servers._owner():
        shutil.chown(folder / "space", owner)
    with servers.own_server() as socket:
        with Database(f"host={socket} user={USER} dbname=postgres").connect() as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{folder / 'space'}'".encode())
            connection.execute(f"ALTER ROLE {USER} SET default_tablespace = small".encode())
        yield socket


def fill(folder, link):
    """Fill the disk, and write rows that need space on it."""
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.executemany("INSERT INTO tag VALUES (?, ?)", [(f"full {n}", "x" * 200) for n in range(ROWS)])


@pytest.mark.parametrize("step", [MoveStep.COPY, MoveStep.ROUND, MoveStep.INDEXES])
@pytest.mark.parametrize("on_disk", [tables_on, data_on])
def test_a_full_disk_there_leaves_the_file_live_and_the_next_run_finishes(link, small_disk, on_disk, step):
    with on_disk(small_disk) as socket:
        database = Database(f"host={socket} user={USER} dbname=postgres")
        server = Server.of(database.params)
        with pytest.raises(SchemasyncError) as failure:
            run(link, server, at(step, "before", lambda: fill(small_disk, link)))
        assert {one.code for one in failure.value.problems} <= {"disk-full", "postgres-lost"}
        assert "No space left" in str(failure.value) or on_disk is data_on  # the server dies of a full disk
        assert traces(link) == []
        writes(link)
        (small_disk / "filler").unlink()
        if on_disk is data_on:
            with suppress(AssertionError):
                servers.stop(socket)
            servers.restart(socket)
        assert run(link, server).result == "moved"
        assert_equal(link, database)
