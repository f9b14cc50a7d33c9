"""Copies by the kernel during eight writers, some with the file mapped into memory, and every kind of checkpoint. Each
is compared with SQLite's own copy."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from schemasync.files import kernel_copy
from tests.live.copying import copied, created, written

COPIES = 50  # of one database
WRITERS = 8
ROOT = Path(__file__).resolve().parents[2]
CHILD = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.live.copying import count_frames
count_frames()
"""


def copies(folder: Path, seed: int) -> Counter[str]:
    """Make fifty copies of one database."""
    kernel_copy.LARGE = 0
    kernel_copy.PATIENCE = kernel_copy.NOTE_PATIENCE = 30.0  # eight writers on two cores
    kernel_copy.CHILD = folder / "child.py"
    kernel_copy.CHILD.write_text(CHILD, encoding="utf-8")
    path, counts = folder / "db", Counter[str]()
    created(path, random.Random(seed))
    with written(path, seed, WRITERS):
        for _ in range(COPIES):
            counts += copied(path, folder)
    for line in (folder / "frames").read_text(encoding="ascii").splitlines():
        end, laid = map(int, line.split())
        counts["with frames of the log" if laid else "after a reset of the log" if end else "with an empty log"] += 1
    return counts
