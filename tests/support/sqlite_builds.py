"""Other versions of SQLite than Python's own, built from the amalgamations in npm packages.

Run `python -m tests.support.sqlite_builds VERSION` to build one and print the folder for LD_LIBRARY_PATH. With
`--quick` the build takes a third of the time, and SQLite is slower. With `--rare` it has STAT4 and geopoly, which
distributions leave out.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from zlib import crc32

from .archives import unpack
from .caches import cache_folder

PACKAGES = {"3.37.2": "7.5.0", "3.40.0": "8.0.1", "3.54.1": "13.2.0"}
"""The version of better-sqlite3 that contains each SQLite."""

FLAGS = """
    -DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_COLUMN_METADATA
    -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_JSON1 -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_LOAD_EXTENSION
    -DHAVE_USLEEP
""".split()
"""The flags of distributions. Without HAVE_USLEEP, 3.40.0 waits whole seconds between two tries for a lock."""

RARE = ["-DSQLITE_ENABLE_STAT4", "-DSQLITE_ENABLE_GEOPOLY"]

BEGINS_A_CHECKPOINT = "rc = walIndexReadHdr(pWal, &isChanged);"
"""The line at which a checkpoint has read the length of the log, and not yet how much of it is copied."""


def library(version: str, delay: int = 0, optimize: str = "-O2", more: Sequence[str] = ()) -> Path:
    """Return the folder with libsqlite3.so.0 of this version, and build it if the cache does not have it.

    With a `delay` in milliseconds each checkpoint waits at its beginning. Without it, the race that SQLite 3.51.3
    closed (https://www.sqlite.org/wal.html#walresetbug) has only a window of a microsecond.
    """
    name = f"{version}-delay-{delay}" if delay else version
    flags = crc32(" ".join((optimize, *FLAGS, *more)).encode())
    folder = cache_folder("schemasync-sqlite") / f"{name}-{flags:08x}"
    if not (folder / "libsqlite3.so.0").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _build(Path(scratch), version, delay, (optimize, *FLAGS, *more)).rename(folder / "libsqlite3.so.0")
    return folder


def environment(version: str, delay: int = 0) -> dict[str, str]:
    """Return the environment for a process whose sqlite3 module loads this version."""
    return {**os.environ, "LD_LIBRARY_PATH": str(library(version, delay))}


REAL_HAS_17_DIGITS = (3, 53)
"""The version since which a REAL becomes text with 17 digits in place of 15, and a number ignores text after a NUL."""


@cache
def another() -> dict[str, str] | None:
    """Return the environment for a process whose SQLite computes differently from this one's: a build of the newest, or
    the system's. Return None if the programs that build it are missing."""
    if sqlite3.sqlite_version_info < REAL_HAS_17_DIGITS:
        can_be_built = shutil.which("npm") and shutil.which("gcc")
        return {**os.environ, "LD_LIBRARY_PATH": str(library("3.54.1", optimize="-O0"))} if can_be_built else None
    return of_the_system()


def of_the_system() -> dict[str, str]:
    """Return the environment for a program that loads the SQLite of the system. The system's shell needs it, as it
    compares the library's version with the one that it was compiled with."""
    return {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}


def _build(scratch: Path, version: str, delay: int, flags: Sequence[str]) -> Path:
    package = f"better-sqlite3@{PACKAGES[version]}"
    subprocess.run(["npm", "pack", "--silent", package], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
    (archive,) = scratch.glob("*.tgz")
    with tarfile.open(archive) as packed:
        unpack(packed, scratch)
    (source,) = (scratch / "package").rglob("sqlite3.c")
    if delay:
        text = source.read_text()
        assert text.count(BEGINS_A_CHECKPOINT) == 1
        slow = text.replace(BEGINS_A_CHECKPOINT, f"{BEGINS_A_CHECKPOINT} usleep({delay * 1000});")
        source.write_text(f"int usleep(unsigned);\n{slow}")
    made = scratch / "libsqlite3.so.0"
    command = ["gcc", "-shared", "-fPIC", *flags, str(source), "-o", str(made), "-lm", "-lpthread", "-ldl"]
    subprocess.run(command, check=True)
    return made


if __name__ == "__main__":
    optimize, more = "-O0" if "--quick" in sys.argv else "-O2", RARE if "--rare" in sys.argv else ()
    print(library(sys.argv[1], optimize=optimize, more=more))
