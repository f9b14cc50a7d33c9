"""The log of a file under writes, applied to a copy part by part, makes the copy equal to the file."""

import random
import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite.connection import Opener, wal_of
from schemasync.engines.sqlite.log_parts import LogParts
from schemasync.engines.sqlite.log_tail import followed, laid_over
from schemasync.errors import Code, Failed

OPENER = Opener()


def _opened(path):
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return closing(connection)


@pytest.fixture
def files(tmp_path, request):
    """A file in WAL mode with one row, and the path for its copy."""
    path = tmp_path / "file.sqlite3"
    with _opened(path) as connection:
        connection.execute(f"PRAGMA page_size={getattr(request, 'param', 4096)}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB); INSERT INTO t VALUES (1, x'00')")
    return path, tmp_path / "copy.sqlite3"


def _write(connection, chosen):
    for _ in range(chosen.randrange(4)):
        connection.execute("INSERT INTO t (x) VALUES (randomblob(?))", (chosen.randrange(9000),))
        connection.execute("UPDATE t SET x = randomblob(50) WHERE id % 3 = ?", (chosen.randrange(3),))
    if chosen.randrange(3) == 0:
        connection.execute("DELETE FROM t WHERE id % 7 = 1")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _rows(path):
    with _opened(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT * FROM t ORDER BY id").fetchall()


def _come(tail, parts, copy, chosen):
    """Send the new part of the log, in pieces that end anywhere."""
    part = tail.read()
    tail.take(part)
    if part.offset == 0:
        parts = LogParts()
    data = part.data
    with wal_of(copy).open("wb") as log:
        while data:
            size = chosen.randrange(1, 6000)
            log.write(parts.add(data[:size]))
            data = data[size:]
    assert (parts.is_whole, parts.frames, parts.come) == (True, part.frames, part.end)
    return parts


@pytest.mark.parametrize("files", [512, 4096, 65536], indirect=True)
@pytest.mark.parametrize("has_log", [False, True])
def test_each_part_of_a_log_is_laid_over_the_copy_by_itself(files, has_log):
    (path, copy), chosen = files, random.Random(5)
    with _opened(path) as connection:
        if has_log:
            connection.execute("INSERT INTO t (x) VALUES (randomblob(3000))")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # so that the next write starts the log again
        with followed(OPENER, path) as tail:
            OPENER.copy(path, copy)
            parts = LogParts()
            for number in range(8):
                if number:
                    _write(connection, chosen)
                parts = _come(tail, parts, copy, chosen)
                laid_over(OPENER, copy, parts.in_part)
                parts.end_part()
                assert _rows(copy) == _rows(path), number
    assert number == 7 and len(_rows(path)) > 3


def test_a_part_with_one_wrong_bit_is_not_laid(files):
    (path, copy), chosen = files, random.Random(1)
    with _opened(path) as connection, followed(OPENER, path) as tail:
        OPENER.copy(path, copy)
        connection.execute("INSERT INTO t (x) VALUES (randomblob(20000))")
        parts = _come(tail, LogParts(), copy, chosen)
        laid_over(OPENER, copy, parts.in_part)
        before = _rows(copy)
        parts.end_part()
        connection.execute("INSERT INTO t (x) VALUES (randomblob(20000))")
        part = tail.read()
        for place in (3, 17, 23, 24, 3000, len(part.data) - 1):
            damaged = bytearray(part.data)
            damaged[place] ^= 4
            again = LogParts(parts.come, parts.frames, 0, *[getattr(parts, name) for name in LogParts.__slots__[3:]])
            wal_of(copy).write_bytes(again.add(bytes(damaged)))
            with pytest.raises(Failed) as found:
                laid_over(OPENER, copy, again.in_part)
            assert found.value.code is Code.VERIFY_DIFFERS, place
            wal_of(copy).unlink(missing_ok=True)
            assert _rows(copy) == before, place
