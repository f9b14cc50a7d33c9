"""Processes that write and checkpoint a database in every way, and copies of it by the kernel. Each copy is compared
page by page with SQLite's copy of the same snapshot."""

from __future__ import annotations

import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from schemasync.engines.sqlite.connection import Opener, page_count, page_size
from schemasync.engines.sqlite.rebuild.start import clone
from schemasync.engines.sqlite.transactions import hold_writers, let_go, snapshot
from schemasync.files import copy_process, kernel_copy
from schemasync.files.layout import inode_of
from tests.crash.processes import Child

LOCK_PAGE = (
    1 << 30
)  # the byte whose page SQLite does not use: https://www.sqlite.org/fileformat2.html#the_lock_byte_page
# The parts of the header that may differ: format versions, change counter, schema cookie, version-valid-for, library.
HEADER = (slice(18, 20), slice(24, 28), slice(40, 44), slice(92, 100))
CHECKPOINTS = ("PASSIVE", "FULL", "RESTART", "TRUNCATE")
OPENER = Opener()


def pages_of(path: Path, size: int) -> Iterator[bytes]:
    """Yield each page, with zeros where the header may differ."""
    with path.open("rb") as file:
        for number, page in enumerate(iter(lambda: file.read(size), b"")):
            if number == 0:
                head = bytearray(page)
                for part in HEADER:
                    head[part] = bytes(part.stop - part.start)
                yield bytes(head)
            elif number != LOCK_PAGE // size:
                yield page


def different(one: Path, two: Path, size: int) -> list[int]:
    """Return the numbers of the pages that differ."""
    assert one.stat().st_size == two.stat().st_size
    pairs = zip(pages_of(one, size), pages_of(two, size), strict=True)
    return [number for number, (a, b) in enumerate(pairs, 1) if a != b]


def created(path: Path, chance: random.Random, rows: int = 2000) -> None:
    """Create a database in WAL mode with a table of about `rows` times 500 bytes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in (
            f"page_size={chance.choice([512, 1024, 4096, 4096, 16384, 65536])}",
            f"auto_vacuum={chance.choice([0, 0, 1, 2])}",
            "journal_mode=WAL",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchone()
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, writer INTEGER, body TEXT)")
        connection.execute("CREATE INDEX i ON t (body)")
        _insert(connection, 0, rows)


def _insert(connection: sqlite3.Connection, writer: int, rows: int) -> None:
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO t (writer, body) SELECT ?, hex(randomblob(240)) FROM n",
        (rows, writer),
    )


def write(path: Path, seed: int, end: Path) -> int:
    """Write and checkpoint until the file `end` exists. Return the number of commits."""
    chance, commits = random.Random(seed), 0
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=" + chance.choice(["0", "10", "1000"])).fetchone()
        connection.execute(f"PRAGMA mmap_size={chance.choice([0, 64 << 20])}").fetchone()
        while not end.exists():
            with suppress(sqlite3.OperationalError):  # the database is busy
                _write_once(connection, seed, chance)
                commits += 1
    return commits


def _write_once(connection: sqlite3.Connection, seed: int, chance: random.Random) -> None:
    dice = chance.random()
    if dice < 0.15:
        connection.execute(f"PRAGMA wal_checkpoint({chance.choice(CHECKPOINTS)})").fetchone()
    elif dice < 0.17:
        connection.execute("PRAGMA incremental_vacuum(20)").fetchall()
    elif dice < 0.175:
        connection.execute("VACUUM")
    elif dice < 0.5:
        _insert(connection, seed, chance.choice([1, 1, 1, 5, 100]))
    elif dice < 0.8:
        connection.execute("UPDATE t SET body = hex(randomblob(240)) WHERE id % 97 = ?", (chance.randrange(97),))
    else:
        connection.execute("DELETE FROM t WHERE id % 53 = ?", (chance.randrange(53),))


@contextmanager
def written(path: Path, seed: int, writers: int) -> Iterator[None]:
    """Let processes write to the database within the block."""
    end = path.with_name("end")
    running = [Child(lambda number=number: write(path, seed * 100 + number, end)) for number in range(writers)]
    try:
        yield
    finally:
        end.touch()
        commits = [one.ended(60).result() for one in running]
        end.unlink()
    assert all(commits), "a writer has written nothing"


def copied(path: Path, folder: Path) -> Counter[str]:
    """Copy the database with the kernel and with SQLite, and compare the copies."""
    ours, theirs = folder / "ours", folder / "theirs"
    for one in (ours, theirs):
        one.unlink(missing_ok=True)
        one.touch()
    with ExitStack() as stack:
        source, lock = (stack.enter_context(closing(how(path))) for how in (OPENER.read, OPENER.write))
        target = stack.enter_context(closing(OPENER.build(ours)))
        copying = stack.enter_context(kernel_copy.kernel_copy(path, inode_of(path), ours))
        lock.execute("PRAGMA busy_timeout=20000").fetchone()
        hold_writers(lock)
        copying.note_end()
        held = stack.enter_context(snapshot(source))
        assert held is None
        let_go(lock)
        pages, size = page_count(source), page_size(source)
        clone(source, target, copying)
        is_kernel_s = copying.is_possible
        with closing(OPENER.build(theirs)) as by_sqlite:
            source.backup(by_sqlite)
            assert page_count(by_sqlite) == page_count(target) == pages
    wrong = different(ours, theirs, size)
    assert not wrong, f"{len(wrong)} of {pages} pages differ: {wrong[:10]}"
    return Counter({"copies": 1, "copies by the kernel": int(is_kernel_s), "pages compared": pages})


def count_frames() -> None:
    """Copy like copy_process.py, and append to a file the last frame and the number of pages from the log."""
    laid_over = copy_process.lay_over

    def counted(files: copy_process.Files, end: copy_process.End, pages: int, size: int) -> set[int]:
        laid = laid_over(files, end, pages, size)
        with Path(sys.argv[2]).with_name("frames").open("a", encoding="ascii") as file:
            file.write(f"{end.frame} {len(laid)}\n")
        return laid

    copy_process.lay_over = counted
    copy_process.main(*sys.argv[1:])
