"""Reads the header of a database file in another process.

A plain open() and close() of a file that this process has open in SQLite would drop SQLite's locks
(https://www.sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .interpreter import interpreter

_CHILD = """
import sys
with open(sys.argv[1], "rb") as file:
    file.seek(96)
    print(int.from_bytes(file.read(4), "big"))
"""
PATIENCE = 5.0  # seconds for a process that reads four bytes


def written_by(path: Path) -> tuple[int, int, int] | None:
    """Return the version of the SQLite that wrote a database file last; None if it is unknown.

    https://www.sqlite.org/fileformat2.html#write_library_version_number_at_offset_96
    """
    if (python := interpreter()) is None:
        return None
    try:
        command = [python, "-I", "-S", "-c", _CHILD, str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        number = int(ended.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return (number // 1_000_000, number // 1_000 % 1_000, number % 1_000) if number else None
