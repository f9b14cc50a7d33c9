"""Processes that tests fork."""

import gc
from pathlib import Path


def refuse_open_databases() -> None:
    """Fail if a connection is open, such as one of another thread: in a fork SQLite would take its locks for held, and
    the fork could lose a commit. https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_file_across_a_fork_
    """
    if _open_databases():
        gc.collect()  # connections of threads and contexts that have ended
    assert not (still_open := _open_databases()), still_open


def _open_databases() -> set[str]:
    links = Path("/proc/self/fd")
    files = [link.readlink() for link in links.iterdir() if link.is_symlink()] if links.is_dir() else []
    return {file for file in map(str, files) if ".sqlite3" in file}
