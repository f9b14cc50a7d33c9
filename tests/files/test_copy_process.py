"""The process that copies a database applies the frames of one log to the copy, or the copy is in doubt."""

import os
import sqlite3
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from schemasync.files import copy_process
from schemasync.files.copy_process import FRAME_HEADER, FRAME_SALTS, WAL_HEADER, Doubt, End, Files, end_of_log, lay_over

PAGE = 4096
FRAME = FRAME_HEADER + PAGE
ROWS = 5


@dataclass(frozen=True)
class Live:
    """A database that a connection holds open, with all of its pages in the log, and the input of the copy process."""

    path: Path
    connection: sqlite3.Connection
    files: Files
    end: End
    pages: int

    def reset_log(self):
        """Start the log again with a new header and another first frame. All other frames stay from the log before."""
        _, frames, copied = self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert frames == copied
        self.connection.execute("PRAGMA user_version=1")

    def lay_over(self):
        return lay_over(self.files, self.end, self.pages, PAGE)

    def copy(self, end=None):
        for _ in copy_process.copy(self.files, end or self.end, self.pages, PAGE):
            pass


@pytest.fixture
def live(tmp_path):
    path, copy = tmp_path / "db", tmp_path / "copy"
    copy.touch()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in (f"page_size={PAGE}", "journal_mode=WAL", "wal_autocheckpoint=0"):
            connection.execute(f"PRAGMA {pragma}").fetchone()
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany("INSERT INTO t (body) VALUES (?)", [("x" * 3000,)] * ROWS)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        files = copy_process.opened(str(path), str(copy))
        yield Live(path, connection, files, end_of_log(files.index), pages)
    for descriptor in astuple(files):  # not earlier: closing a file drops SQLite's locks on it
        os.close(descriptor)


def test_a_copy_has_what_the_log_had_when_its_end_was_noted(live):
    live.connection.execute("DELETE FROM t")
    live.copy()
    with closing(sqlite3.connect(live.path.with_name("copy"))) as copy:
        assert copy.execute("SELECT count(*), sum(length(body)) FROM t").fetchone() == (ROWS, 3000 * ROWS)
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_each_page_of_which_the_log_has_a_frame_is_laid_over(live):
    assert live.lay_over() == set(range(1, live.pages + 1))


@pytest.mark.parametrize("at_once", [1, copy_process.FRAMES])
def test_a_log_that_is_reset_after_its_first_frame_was_read_puts_the_copy_in_doubt(live, monkeypatch, at_once):
    """The frames that remain of the log before have its salts, so that only the header shows the reset."""
    frames = copy_process.frames

    def reset_meanwhile(*arguments):
        for number, frame in enumerate(frames(*arguments)):
            if number == 1:
                live.reset_log()
            yield frame

    monkeypatch.setattr(copy_process, "FRAMES", at_once)
    monkeypatch.setattr(copy_process, "frames", reset_meanwhile)
    with pytest.raises(Doubt, match="reset while it was read"):
        live.lay_over()


def test_no_frame_of_a_log_that_was_reset_before_is_laid_over(live):
    live.reset_log()
    assert live.lay_over() == set()
    assert os.fstat(live.files.copy).st_size == 0


@pytest.mark.parametrize("place", [0, 2, -1])
def test_a_frame_with_other_salts_puts_the_copy_in_doubt(live, place):
    with live.path.with_name("db-wal").open("r+b") as log:
        log.seek(WAL_HEADER + place % live.end.frame * FRAME + FRAME_SALTS.start)
        log.write(bytes(byte ^ 255 for byte in live.end.salts))
    with pytest.raises(Doubt, match="of another log"):
        live.lay_over()
    with pytest.raises(Doubt, match="of another log"):
        live.copy()


def test_a_frame_that_is_missing_puts_the_copy_in_doubt(live):
    os.truncate(live.path.with_name("db-wal"), WAL_HEADER + live.end.frame * FRAME - 1)
    with pytest.raises(Doubt, match="a frame is missing"):
        live.lay_over()


def test_a_page_that_is_neither_in_the_file_nor_in_the_log_puts_the_copy_in_doubt(live):
    with pytest.raises(Doubt, match="neither in the file nor in the log"):
        live.copy(End(0, live.end.salts))


@pytest.mark.parametrize(
    ("changed", "size", "says"),
    [
        ([16], 96, "the two headers of the wal-index differ"),
        ([64], 96, "the two headers of the wal-index differ"),
        ([], 95, "the two headers of the wal-index differ"),
        ([0, 48], 96, "another version"),
        ([12, 60], 96, "another version"),
    ],
    ids=["the first is newer", "the second is newer", "short", "another version", "not initialized"],
)
def test_an_index_that_is_not_as_in_the_manual_puts_the_copy_in_doubt(live, changed, size, says):
    headers = bytearray(os.pread(live.files.index, size, 0))
    for offset in changed:
        headers[offset] ^= 1
    path = live.path.with_name("index")
    path.write_bytes(headers)
    with path.open("rb") as index, pytest.raises(Doubt, match=says):
        end_of_log(index.fileno())
