"""Copies made during a run: they hold no object of the run, only the history."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite.connection import Opener, side_files
from schemasync.engines.sqlite.copies import exact_copy, live_copy, plain_copy
from schemasync.engines.sqlite.objects import is_own
from schemasync.masking.masker import MaskKind
from schemasync.masking.rules import Rules
from schemasync.sync.adopt import adopt
from schemasync.sync.masked_snapshot import masked_snapshot
from schemasync.sync.phases import postpone
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from schemasync.sync.snapshot import snapshot
from tests.crash.databases import fence_of, whole
from tests.crash.processes import child

from .oracle import read
from .test_postpone import waiting
from .test_runs import link, write

__all__ = ["link", "waiting"]

MASK = Rules({"t": {"n": MaskKind.KEEP}})
COPIES = {
    "masked": lambda link, copy: masked_snapshot(target(link), copy, MASK),
    "snapshot": lambda link, copy: snapshot(target(link), copy),
    "download and test database": lambda link, copy: exact_copy(Opener(), link, copy),
    "tenant": lambda link, copy: live_copy(Opener(), link, copy),
    "backup": lambda link, copy: plain_copy(Opener(), link, copy),
}


def ours(path):
    """Return (type, name) of the objects of schemasync in a file, and of objects on its tables."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, tbl_name FROM sqlite_schema").fetchall()
    return {(kind, name) for kind, name, table in rows if is_own(name) or is_own(table)}


def rows_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT id, a, n FROM t ORDER BY id").fetchall()


def assert_clean(copy, rows):
    assert ours(copy) == {("table", "_schema_versions")}
    assert rows_of(copy) == rows
    assert whole(copy)
    write(copy, "INSERT INTO t (id, a, n) VALUES (900, 'a colleague', 1)")
    assert ours(copy) == {("table", "_schema_versions")}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_that_is_made_beside_a_run_holds_nothing_of_it(link, waiting, kind):
    write(link, "INSERT INTO t (id, a, n) VALUES (100, 'is logged', 1)")
    assert len(ours(link)) > 5
    copy, rows = link.with_name("copy.sqlite3"), rows_of(link)
    child(lambda: COPIES[kind](link, copy)).result()
    assert not any(path.exists() for path in side_files(copy))
    assert_clean(copy, rows)
    postpone.call(target(link))
    assert waiting.ended().result() == "synced"


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_without_a_run_is_what_it_was(link, kind):
    copy, rows = link.with_name("copy.sqlite3"), rows_of(link)
    child(lambda: COPIES[kind](link, copy)).result()
    assert_clean(copy, rows)


def test_a_copy_of_an_archive_takes_writes(link):
    child(
        lambda: sync(
            target(link), read({"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "n": "INTEGER"}, "u": {"x": ""}})
        )
    ).result()
    archive = min(link.with_name(link.name + ".generations").glob("[0-9]*.sqlite3"))
    assert fence_of(archive) is not None
    copy = link.with_name("copy.sqlite3")
    child(lambda: exact_copy(Opener(), archive, copy)).result()
    write(copy, "INSERT INTO t (id, a, n) VALUES (900, 'a colleague', 1)")
    assert fence_of(archive) is not None


def test_a_file_that_was_copied_beside_a_run_is_adopted_without_a_trace_of_it(link, waiting):
    """A copy by cp, or by the snapshot command of an older release, contains change log and fence."""
    write(link, "INSERT INTO t (id, a, n) VALUES (100, 'is logged', 1)")
    other = link.with_name("other")
    other.mkdir()
    copy, live = other / "db.sqlite3", link.resolve()
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(live, copy)
    rows = rows_of(copy)
    waiting.kill()
    waiting.ended()
    child(lambda: adopt(target(copy), None)).result()
    assert copy.is_symlink()
    assert_clean(copy, rows)
