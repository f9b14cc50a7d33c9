"""A checkpoint never runs while a writer resets the log: SQLite before 3.51.3 can lose a commit then."""

import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite.checkpoint import checkpoint, checkpoint_some, durably
from schemasync.engines.sqlite.connection import Opener, main_file, wal_of

INSERT = "INSERT INTO t (x) VALUES (?)"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "db.sqlite3"
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
    return path


@pytest.fixture
def writer(path):
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute(INSERT, ("first",))
        yield connection


def connect(path):
    return sqlite3.connect(path, isolation_level=None, timeout=0)


def salts(path):
    """Return the salts of the log's header, which change when it is reset: https://www.sqlite.org/walformat.html"""
    return wal_of(path).read_bytes()[16:24]


def when_it_begins(connection, work):
    """Call `work` right before the connection checkpoints."""

    def callback(statement):
        if "wal_checkpoint" in statement:
            connection.set_trace_callback(None)
            work()

    connection.set_trace_callback(callback)


@pytest.mark.parametrize("run", [checkpoint_some, checkpoint])
def test_no_writer_resets_the_log_while_a_checkpoint_begins(path, writer, run):
    found = []

    def work():
        before = salts(path)
        writer.execute("PRAGMA wal_checkpoint(PASSIVE)")  # the whole log is in the file: the next write would reset it
        writer.execute(INSERT, ("second",))
        found.append(salts(path) == before)

    with closing(connect(path)) as connection:
        when_it_begins(connection, work)
        run(connection)
        assert found == [True]
        assert connection.execute("SELECT x FROM t").fetchall() == [("first",), ("second",)]


def test_where_all_of_the_log_is_in_the_file_nothing_that_comes_then_is_copied(path, writer):
    writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
    with closing(connect(path)) as connection:
        when_it_begins(connection, lambda: writer.execute(INSERT, ("second",)))
        frames, copied = checkpoint_some(connection)
        assert copied == 0 < frames
        assert b"second" not in path.read_bytes()
        assert connection.execute("SELECT x FROM t").fetchall() == [("first",), ("second",)]


def test_a_checkpoint_copies_the_log_and_empties_it(path, writer):
    with closing(connect(path)) as connection:
        checkpoint(connection)
        assert b"first" in path.read_bytes()
        assert wal_of(path).stat().st_size == 0


def test_one_that_does_not_empty_the_log_copies_all_of_it(path, writer):
    with closing(connect(path)) as connection:
        frames, copied = checkpoint_some(connection)
    assert frames == copied > 0
    assert b"first" in path.read_bytes()


def test_what_is_committed_durably_is_in_the_file(path, writer):
    with closing(connect(path)) as connection:
        with durably(connection):
            connection.execute(INSERT, ("durable",))
        assert b"durable" in path.read_bytes()


def test_a_reader_of_an_older_state_and_a_writer_are_not_waited_for(path, writer):
    with closing(connect(path)) as reader, closing(connect(path)) as connection:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(INSERT, ("second",))
        checkpoint(connection)
        writer.execute("COMMIT")
        checkpoint(connection)
        assert b"second" not in path.read_bytes()
        reader.execute("COMMIT")
        checkpoint(connection)
    assert b"second" in path.read_bytes()


@pytest.mark.parametrize("mode", ["DELETE", "MEMORY"])
def test_a_database_without_a_log_has_nothing_to_checkpoint(tmp_path, mode):
    with closing(connect(tmp_path / "db.sqlite3")) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE t (x)")
        checkpoint(connection)
        assert checkpoint_some(connection) == (-1, -1)
    with closing(connect(":memory:")) as connection:
        assert checkpoint_some(connection) == (-1, -1)


def test_a_file_that_is_no_longer_there_is_an_error(path, writer):
    with closing(connect(path)) as connection:
        connection.execute("SELECT * FROM t").fetchall()
        path.rename(path.with_name("elsewhere"))
        with pytest.raises(sqlite3.OperationalError):
            checkpoint(connection)


def test_no_commit_of_a_connection_for_writing_makes_a_checkpoint(path):
    with closing(Opener().write(path)) as connection:
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
        assert main_file(connection) == str(path.resolve())
